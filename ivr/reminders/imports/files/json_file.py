"""JSON: a list of appointments, an object with that list under "appointments", or a FHIR Bundle."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from ivr.i18n import N_
from ivr.reminders.imports.errors import ErrorCode, RowError
from ivr.reminders.imports.files.cells import (
    Row,
    Source,
    check_row_count,
    checked_cell,
    file_error,
    number_text,
    read_whole,
    unreadable_file,
)
from ivr.reminders.imports.files.encoding import decode_bytes
from ivr.reminders.imports.files.fhir import is_fhir, rows_of_fhir
from ivr.reminders.imports.files.table import EACH_APPOINTMENT, is_known_column, row_builder

_FORMS = '[{...}, {...}], {"appointments": [...]}, or a FHIR Bundle'
NOT_FHIR = N_("it is not a FHIR R4 Bundle or Appointment. Send one as JSON.")
_NEXT_OBJECT = re.compile(r"\s*[{\[]")


def read_json(source: Source) -> Iterator[Row]:
    text = decode_bytes(read_whole(source.raw))
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        if _NEXT_OBJECT.match(text, error.pos) and error.msg == "Extra data":
            raise unreadable_file(
                N_("it is NDJSON, with one JSON value per line. Use {forms}."), forms=_FORMS
            ) from None
        raise unreadable_file(N_("the JSON is damaged on line {line}. Export it again."), line=error.lineno) from None
    except (ValueError, RecursionError):
        raise unreadable_file(
            N_("the JSON has a number that is too long, or is nested too deeply. Export it again.")
        ) from None
    del text
    source.expect(_length(value))
    if not source.options.fhir:
        yield from rows_of_json(value, source.warnings, originals=source.options.originals)
    elif is_fhir(value):
        yield from rows_of_fhir(value, source.warnings, expressions=True)
    else:
        raise unreadable_file(NOT_FHIR)


def _length(value: object) -> int:
    """About how many appointments there are; 0 if that is unknown."""
    items = value.get("appointments", value.get("entry")) if isinstance(value, dict) else value
    return len(items) if isinstance(items, list) else 0


def rows_of_json(value: object, warnings: list[RowError], *, originals: bool = False) -> Iterator[Row]:
    """Each appointment of parsed JSON with its position, from 1. Adds warnings. Raises UnreadableFile.

    originals: as in ReadOptions; a FHIR Bundle, which is no table, has none.
    """
    if is_fhir(value):
        yield from rows_of_fhir(value, warnings)
        return
    items = value.get("appointments") if isinstance(value, dict) else value
    if not isinstance(items, list):
        raise unreadable_file(N_("it is JSON, but not a list of appointments. Use {forms}."), forms=_FORMS)
    if not items:
        raise file_error(ErrorCode.NO_APPOINTMENTS)
    check_row_count(len(items))
    for number, item in enumerate(items, start=1):
        if not isinstance(item, dict):
            raise unreadable_file(
                N_("appointment {number} is not an object. Write it as {form}."),
                number=number,
                form='{"appointment_id": ...}',
            )
    # Optional keys may be in only some of the objects.
    names = dict.fromkeys(key for item in items for key in item)
    header = [name for name in names if is_known_column(name)]
    unread = [name for name in names if not is_known_column(name)]
    build = row_builder(header, warnings, where=EACH_APPOINTMENT, unread=unread, originals=originals)
    for number, item in enumerate(items, start=1):
        # Unlike a blank line of a table, an empty object is an error: it becomes a row with no cells.
        yield number, build([_cell(number, key, item.get(key)) for key in header]) or {}


def _cell(number: int, key: str, value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str | int | float):
        raise unreadable_file(
            N_("{name} of appointment {number} is neither text nor a number. Write it as text."),
            name=key[:40],
            number=number,
        )
    return checked_cell(number, value if isinstance(value, str) else number_text(value))
