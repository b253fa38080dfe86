"""JSON: a list of appointments, an object with that list under "appointments", or a FHIR Bundle."""

from __future__ import annotations

import json
from collections.abc import Iterator
from io import BufferedReader

from ivr.reminders.imports.errors import ErrorCode
from ivr.reminders.imports.files.encoding import decode_bytes
from ivr.reminders.imports.files.fhir import is_fhir, rows_of_fhir
from ivr.reminders.imports.files.table import is_known_column, row_builder
from ivr.reminders.imports.files.unreadable import (
    Cells,
    check_row_count,
    checked_cell,
    file_error,
    number_text,
    read_whole,
    unreadable_file,
)


def read_json(raw: BufferedReader) -> Iterator[tuple[int, Cells]]:
    text = decode_bytes(read_whole(raw))
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise unreadable_file(f"the JSON is damaged on line {error.lineno}. Export it again.") from None
    except (ValueError, RecursionError):
        raise unreadable_file(
            "the JSON has a number that is too long, or is nested too deeply. Export it again."
        ) from None
    yield from rows_of_json(value)


def rows_of_json(value: object) -> Iterator[tuple[int, Cells]]:
    """Each appointment of parsed JSON with its position, from 1. Raises UnreadableFile."""
    if is_fhir(value):
        yield from rows_of_fhir(value)
        return
    items = value.get("appointments") if isinstance(value, dict) else value
    if not isinstance(items, list):
        forms = '[{...}, {...}], {"appointments": [...]}, or a FHIR Bundle'
        raise unreadable_file(f"it is JSON, but not a list of appointments. Use {forms}.")
    if not items:
        raise file_error(ErrorCode.NO_APPOINTMENTS)
    check_row_count(len(items))
    for number, item in enumerate(items, start=1):
        if not isinstance(item, dict):
            raise unreadable_file(f"appointment {number} is not an object. Write it as " + '{"appointment_id": ...}.')
    # Optional keys may be in only some of the objects.
    header = list(dict.fromkeys(key for item in items for key in item if is_known_column(key)))
    build = row_builder(header, where="each appointment")
    for number, item in enumerate(items, start=1):
        # Unlike a blank line of a table, an empty object is an error: it becomes a row with no cells.
        yield number, build([_cell(number, key, item.get(key)) for key in header]) or {}


def _cell(number: int, key: str, value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise unreadable_file(f"{key[:40]} of appointment {number} is neither text nor a number. Write it as text.")
    return checked_cell(number, value if isinstance(value, str) else number_text(value))
