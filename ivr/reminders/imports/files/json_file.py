"""JSON: a list of appointments, the same under "appointments", or a FHIR Bundle."""

from __future__ import annotations

import json
from collections.abc import Iterator
from io import BufferedReader

from ivr.reminders.imports.errors import ErrorCode, row_error
from ivr.reminders.imports.files.encoding import decode_bytes
from ivr.reminders.imports.files.fhir import is_fhir, rows_of_fhir
from ivr.reminders.imports.files.table import is_known_column, row_builder
from ivr.reminders.imports.files.unreadable import (
    Cells,
    UnreadableFile,
    checked_cell,
    read_whole,
    refuse_too_many,
    unreadable_file,
)

_SHAPE = 'it is JSON, but no list of appointments. Write [{...}, {...}], {"appointments": [...]} or a FHIR Bundle.'


def read_json(raw: BufferedReader) -> Iterator[tuple[int, Cells]]:
    text = decode_bytes(read_whole(raw))
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise unreadable_file(f"the JSON is damaged in line {error.lineno}. Export it anew.") from None
    except (ValueError, RecursionError):
        raise unreadable_file("the JSON holds a number too long or lists too deep. Export it anew.") from None
    yield from rows_of_json(value)


def rows_of_json(value: object) -> Iterator[tuple[int, Cells]]:
    """Each appointment of parsed JSON with its position, the first is 1. Raises UnreadableFile."""
    if is_fhir(value):
        yield from rows_of_fhir(value)
        return
    items = value.get("appointments") if isinstance(value, dict) else value
    if not isinstance(items, list):
        raise unreadable_file(_SHAPE)
    if not items:
        raise UnreadableFile(row_error(0, "", ErrorCode.NO_APPOINTMENTS))
    refuse_too_many(len(items))
    appointments = [_object(number, item) for number, item in enumerate(items, start=1)]
    # Names that may be left out stand in some of the objects only.
    header = list(dict.fromkeys(key for one in appointments for key in one if is_known_column(key)))
    take = row_builder(header, where="each appointment")
    for number, one in enumerate(appointments, start=1):
        cells = take([_words(number, key, one.get(key)) for key in header])
        # An object without anything in it is no blank line: it is told as a row without its cells.
        yield number, cells or {}


def _object(number: int, item: object) -> dict[str, object]:
    if not isinstance(item, dict):
        raise unreadable_file(f"appointment {number} is no object. Write it as " + '{"appointment_id": ...}.')
    return item


def _words(number: int, key: str, value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise unreadable_file(f"{key[:40]} of appointment {number} is neither words nor a number. Write it as words.")
    return checked_cell(number, value if isinstance(value, str) else _number_words(value))


def _number_words(value: float) -> str:
    return str(value)
