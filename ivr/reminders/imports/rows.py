"""One row of an appointments file: its cells validated, and all of its errors reported together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache, lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from ivr.line.content.config import Config
from ivr.people.phones import PhoneNumber, parse_phone
from ivr.reminders.imports.categories import CATEGORY_COLUMNS, Categories, CategoryReader
from ivr.reminders.imports.datetimes import parse_datetime
from ivr.reminders.imports.duplicates import DuplicateTracker
from ivr.reminders.imports.errors import ErrorCode, RowError, row_error, row_warning

REQUIRED = ("appointment_id", "phone", "starts_at")
OPTIONAL = ("site", "language", "timezone", "first_name", "channel", "status")
# The key of the cells beyond the last column name.
EXTRA_CELLS = ""
_MAX_LENGTHS = {"appointment_id": 100, "first_name": 80}
_MAX_PHONE_LENGTH = 100
_MAX_AHEAD = timedelta(days=731)
_CACHE_SIZE = 1000
_zone = cache(ZoneInfo)


@dataclass(frozen=True)
class AppointmentRow:
    """A valid row. starts_at is aware, in UTC; phone is E.164."""

    number: int
    appointment_id: str
    phone: str
    starts_at: datetime
    first_name: str
    timezone: str
    site: str
    language: str | None
    channel: str
    status: str

    @property
    def gets_texts(self) -> bool:
        return self.status == "booked" and self.channel == "text"


class _ReadRow(NamedTuple):
    """A row, or None if it has errors; the errors; and (key, row number), for finding duplicates."""

    row: AppointmentRow | None
    errors: list[RowError]
    key: tuple[str, int]


class RowReader:
    """Reads the rows of one file. own_numbers: E.164 numbers of the line itself.

    `warnings` collects warnings about valid rows until the importer clears it.
    """

    def __init__(self, config: Config, now: datetime, own_numbers: frozenset[str] = frozenset()) -> None:
        self._now = now
        self._latest = now + _MAX_AHEAD
        self._own_numbers = own_numbers | {entry.e164 for entry in config.directory}
        self._countries = tuple(config.reminders.countries)
        self._day_first = config.reminders.dates == "day-first"
        self._duplicates = DuplicateTracker()
        self._categories = lru_cache(_CACHE_SIZE)(CategoryReader(config).read)
        self.warnings: list[RowError] = []

    def read(self, rows: Sequence[tuple[int, Mapping[str, str]]]) -> list[AppointmentRow | list[RowError]]:
        """Each row, or all of its errors. rows: consecutive, with their numbers; the header is row 1."""
        read = [self._read(number, cells) for number, cells in rows]
        self._check_duplicates(read)
        self._check_same_day([row for row, errors, _ in read if row and row.status == "booked" and not errors])
        return [errors if errors or row is None else row for row, errors, _ in read]

    def _read(self, number: int, cells: Mapping[str, str]) -> _ReadRow:
        errors: list[RowError] = []
        appointment_id = self._text(number, "appointment_id", cells, errors)
        first_name = self._text(number, "first_name", cells, errors)
        if not appointment_id:
            errors.append(row_error(number, "appointment_id", ErrorCode.MISSING))
        phone = self._phone(number, cells.get("phone") or "", errors)
        if EXTRA_CELLS in cells:
            errors.append(row_error(number, "", ErrorCode.ROW_TOO_LONG))
        categories = self._categories(*[cells.get(name) or "" for name in CATEGORY_COLUMNS])
        errors += [row_error(number, *error) for error in categories.errors]
        starts_at = self._starts_at(number, (cells.get("starts_at") or "").strip(), categories, errors)
        row = None
        if not errors and starts_at and phone:
            row = AppointmentRow(number, appointment_id, phone, starts_at, first_name, *categories[:5])
            self.warnings += [row_warning(number, *warning) for warning in categories.warnings]
        return _ReadRow(row, errors, (f"id {appointment_id}" if appointment_id else "", number))

    @staticmethod
    def _text(number: int, name: str, cells: Mapping[str, str], errors: list[RowError]) -> str:
        text = (cells.get(name) or "").strip()
        if len(text) > _MAX_LENGTHS[name]:
            errors.append(row_error(number, name, ErrorCode.TOO_LONG, _MAX_LENGTHS[name]))
        if not text.isprintable() and len(text.splitlines()) > 1:
            errors.append(row_error(number, name, ErrorCode.LINE_BREAK))
        return text

    def _phone(self, number: int, text: str, errors: list[RowError]) -> str | None:
        phone = parse_phone(text[:_MAX_PHONE_LENGTH], self._countries)
        if not isinstance(phone, PhoneNumber):
            errors.append(row_error(number, "phone", phone))
            return None
        if phone.e164 in self._own_numbers:
            errors.append(row_error(number, "phone", ErrorCode.OWN_NUMBER))
        return phone.e164

    def _starts_at(self, number: int, text: str, categories: Categories, errors: list[RowError]) -> datetime | None:
        parsed = parse_datetime(text, _zone(categories.timezone), self._day_first)
        if isinstance(parsed, ErrorCode):
            errors.append(row_error(number, "starts_at", parsed if text else ErrorCode.MISSING))
            return None
        if categories.status == "booked" and parsed.at <= self._now:
            errors.append(row_error(number, "starts_at", ErrorCode.PAST))
        if parsed.at > self._latest:
            errors.append(row_error(number, "starts_at", ErrorCode.TOO_FAR_AHEAD))
        if parsed.repeated:
            self.warnings.append(row_warning(number, "starts_at", "date_repeated"))
        return parsed.at

    def _check_duplicates(self, read: list[_ReadRow]) -> None:
        named = [(errors, key) for _, errors, key in read if key[0]]
        first_rows = self._duplicates.first_rows([key for _, key in named])
        for (errors, (_, number)), first in zip(named, first_rows, strict=True):
            if first != number:
                errors.append(row_error(number, "appointment_id", ErrorCode.DUPLICATE_APPOINTMENT, first))

    def _check_same_day(self, rows: list[AppointmentRow]) -> None:
        days = [(f"day {row.starts_at.astimezone(_zone(row.timezone)).date()} {row.phone}", row.number) for row in rows]
        for row, first in zip(rows, self._duplicates.first_rows(days), strict=True):
            if first != row.number:
                self.warnings.append(row_warning(row.number, "phone", "same_day", first))
