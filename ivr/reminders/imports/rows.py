"""One row of an appointments file: its cells validated, and all of its errors reported together."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache, cached_property, lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from ivr.line.content.config import Config
from ivr.people.phone_faults import PhoneFault
from ivr.people.phones import PhoneNumber, parse_phone
from ivr.reminders.imports.categories import CATEGORY_COLUMNS, Categories, CategoryReader
from ivr.reminders.imports.change_order import parse_sent_at
from ivr.reminders.imports.columns import ENTRY_FAULT, EXTRA_CELLS, SENT_AT
from ivr.reminders.imports.datetimes import parse_datetime
from ivr.reminders.imports.duplicates import DuplicateTracker
from ivr.reminders.imports.errors import (
    WARNING_SENTENCES,
    ErrorCode,
    RowError,
    composed,
    row_error,
    row_warning,
)
from ivr.reminders.imports.phone_cells import readable_phone
from ivr.reminders.imports.plain_text import plain

_MAX_LENGTHS = {"appointment_id": 100, "first_name": 80}
_MAX_PHONE_LENGTH = 100
_MAX_TIME_LENGTH = 100
_MAX_AHEAD = timedelta(days=731)
_CACHE_SIZE = 1000
_PLAIN_PHONE = re.compile(r"[\d ()+.-]{10,20}$", re.ASCII)
# A spreadsheet writes an id that it rounded like this. A plain 12E45 may be an id.
_ROUNDED = re.compile(r"\d(?:[.,]\d+)?[eE]\+\d+$", re.ASCII)
_zone = cache(ZoneInfo)


class AppointmentRow(NamedTuple):
    """A valid row. starts_at is aware, in UTC; phone is E.164. sent_at: when the sender made the change, if known."""

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
    sent_at: datetime | None = None

    @property
    def gets_texts(self) -> bool:
        return self.status == "booked" and self.channel == "text"


@dataclass(frozen=True)
class PartialRow:
    """A row that changes one column of a known appointment, because its phone or time is missing or damaged.

    column, value: status and cancelled, or channel and none. An id is enough for both. sent_at: as in AppointmentRow.
    """

    number: int
    appointment_id: str
    column: str
    value: str
    sent_at: datetime | None = None


ValidRow = AppointmentRow | PartialRow


class _ReadRow(NamedTuple):
    """A row, or None if it has errors; the errors; and (key, row number), for finding duplicates."""

    row: ValidRow | None
    errors: list[RowError]
    key: tuple[str, int]


ReadCategories = Callable[..., Categories]


def category_reader(config: Config) -> ReadCategories:
    """Reads the cells of CATEGORY_COLUMNS, for any number of files."""
    return lru_cache(_CACHE_SIZE)(CategoryReader(config).read)


class RowReader:
    """Reads the rows of one file. own_numbers: E.164 numbers of the line itself. categories: of `category_reader`.

    `warnings` collects warnings about valid rows until the importer clears it.
    """

    def __init__(
        self,
        config: Config,
        now: datetime,
        own_numbers: frozenset[str] = frozenset(),
        categories: ReadCategories | None = None,
    ) -> None:
        self._now = now
        self._latest = now + _MAX_AHEAD
        self._own_numbers = own_numbers | config.own_numbers
        self._countries = tuple(config.reminders.countries)
        self._day_first = config.reminders.dates == "day-first"
        self._categories = categories or category_reader(config)
        self.warnings: list[RowError] = []

    @cached_property
    def _duplicates(self) -> DuplicateTracker:
        return DuplicateTracker()

    def errors_alone(self, cells: Mapping[str, str]) -> list[RowError]:
        """The errors of a row that belongs to no file."""
        return self._read(1, cells).errors

    def read(self, rows: Sequence[tuple[int, Mapping[str, str]]]) -> list[ValidRow | list[RowError]]:
        """Each row, or all of its errors. rows: consecutive, with their numbers; the header is row 1."""
        read = [self._read(number, cells) for number, cells in rows]
        self._check_duplicates(read)
        valid = [row for row, errors, _ in read if isinstance(row, AppointmentRow) and not errors]
        self._check_same_day([row for row in valid if row.status == "booked"])
        return [errors if errors or row is None else row for row, errors, _ in read]

    def _read(self, number: int, cells: Mapping[str, str]) -> _ReadRow:
        if ENTRY_FAULT in cells:
            return _ReadRow(None, [row_error(number, "", cells[ENTRY_FAULT])], ("", number))
        errors: list[RowError] = []
        appointment_id = self._id(number, cells.get("appointment_id") or "", errors)
        has_id = bool(appointment_id) and not errors
        first_name = self._name(number, cells.get("first_name") or "", errors)
        phone = self._phone(number, cells.get("phone") or "", errors)
        if EXTRA_CELLS in cells:
            errors.append(row_error(number, "", ErrorCode.ROW_TOO_LONG))
        categories = self._categories(*map(cells.get, CATEGORY_COLUMNS))
        errors += [row_error(number, *error) for error in categories.errors]
        text = (cells.get("starts_at") or "")[:_MAX_TIME_LENGTH].strip()
        starts_at, warnings = self._starts_at(number, text, categories, errors)
        key = (f"id {appointment_id}" if has_id else "", number)
        sent_at = parse_sent_at(cells[SENT_AT]) if SENT_AT in cells else None
        if not errors and starts_at and phone:
            row = AppointmentRow(number, appointment_id, phone, starts_at, first_name, *categories[:5], sent_at)
            self.warnings += warnings
            self.warnings += [row_warning(number, *warning) for warning in categories.warnings]
            return _ReadRow(row, errors, key)
        partial = self._partial(number, appointment_id, categories, errors, sent_at) if has_id else None
        return _ReadRow(partial, [] if partial else errors, key)

    def _partial(
        self,
        number: int,
        appointment_id: str,
        categories: Categories,
        errors: list[RowError],
        sent_at: datetime | None,
    ) -> PartialRow | None:
        """What a row with errors still says about an appointment: that it is cancelled, or has no time yet."""
        if categories.status == "cancelled":
            damaged = [error for error in errors if error.code not in (ErrorCode.MISSING, PhoneFault.EMPTY)]
            self.warnings += [_not_used(error) for error in damaged]
            return PartialRow(number, appointment_id, "status", "cancelled", sent_at)
        has_no_time = [(error.column, error.code) for error in errors] == [("starts_at", ErrorCode.MISSING)]
        if has_no_time and not categories.is_agreed:
            self.warnings.append(row_warning(number, "starts_at", "no_time"))
            return PartialRow(number, appointment_id, "channel", "none", sent_at)
        return None

    @staticmethod
    def _id(number: int, cell: str, errors: list[RowError]) -> str:
        if cell.isalnum() and cell.isascii() and len(cell) <= _MAX_LENGTHS["appointment_id"]:
            return cell
        text = plain(cell)
        if not text:
            errors.append(row_error(number, "appointment_id", ErrorCode.MISSING))
        if len(text) > _MAX_LENGTHS["appointment_id"]:
            errors.append(row_error(number, "appointment_id", ErrorCode.TOO_LONG, _MAX_LENGTHS["appointment_id"]))
        if not text.isprintable() and len(text.splitlines()) > 1:
            errors.append(row_error(number, "appointment_id", ErrorCode.LINE_BREAK))
        if _ROUNDED.match(text):
            errors.append(row_error(number, "appointment_id", ErrorCode.ROUNDED_ID))
        return text

    @staticmethod
    def _name(number: int, cell: str, errors: list[RowError]) -> str:
        """A line break in a quoted name is white space; before a digit, it is the start of a row without its quote."""
        text = cell.strip()
        if not text.isprintable():
            first, *others = text.splitlines()
            if any(char.isdigit() for line in others for char in line):
                errors.append(row_error(number, "first_name", ErrorCode.LINE_BREAK))
            text = " ".join(" ".join([first, *others]).split())
        if len(text) > _MAX_LENGTHS["first_name"]:
            errors.append(row_error(number, "first_name", ErrorCode.TOO_LONG, _MAX_LENGTHS["first_name"]))
        return text

    def _phone(self, number: int, cell: str, errors: list[RowError]) -> str | None:
        phone = parse_phone(cell, self._countries) if _PLAIN_PHONE.match(cell) else PhoneFault.INVALID
        if not isinstance(phone, PhoneNumber):
            text = plain(cell[:_MAX_PHONE_LENGTH])
            text = readable_phone(text) if self._countries[0] == "US" else text
            phone = parse_phone(text, self._countries)
            if isinstance(phone, PhoneNumber) and any(map(str.isalpha, text)):
                # The library reads letters as the keys of a phone: 603-555-O128.
                phone = PhoneFault.INVALID
        if not isinstance(phone, PhoneNumber):
            errors.append(row_error(number, "phone", phone))
            return None
        if phone.e164 in self._own_numbers:
            errors.append(row_error(number, "phone", ErrorCode.OWN_NUMBER))
        return phone.e164

    def _starts_at(
        self, number: int, text: str, categories: Categories, errors: list[RowError]
    ) -> tuple[datetime | None, list[RowError]]:
        """The time, and warnings about it."""
        parsed = parse_datetime(text, _zone(categories.timezone), self._day_first)
        if isinstance(parsed, ErrorCode):
            errors.append(row_error(number, "starts_at", parsed if plain(text) else ErrorCode.MISSING))
            return None, []
        if categories.status == "booked" and parsed.at <= self._now:
            errors.append(row_error(number, "starts_at", ErrorCode.PAST))
        if parsed.at > self._latest:
            errors.append(row_error(number, "starts_at", ErrorCode.TOO_FAR_AHEAD))
        if not parsed.warnings:
            return parsed.at, []
        early = categories.status == "booked"
        codes = [code for code in parsed.warnings if early or code == "date_repeated"]
        return parsed.at, [row_warning(number, "starts_at", code, parsed.clock) for code in codes]

    def _check_duplicates(self, read: list[_ReadRow]) -> None:
        named = [(errors, key) for _, errors, key in read if key[0]]
        first_rows = self._duplicates.first_rows([key for _, key in named])
        for (errors, (_, number)), first in zip(named, first_rows, strict=True):
            if first != number:
                errors.append(row_error(number, "appointment_id", ErrorCode.DUPLICATE_APPOINTMENT, first))

    def _check_same_day(self, rows: list[AppointmentRow]) -> None:
        days = [(f"day {_local_day(row.starts_at, row.timezone)} {row.phone}", row.number) for row in rows]
        for row, first in zip(rows, self._duplicates.first_rows(days), strict=True):
            if first != row.number:
                self.warnings.append(row_warning(row.number, "phone", "same_day", first))


@lru_cache(_CACHE_SIZE)
def _local_day(moment: datetime, timezone: str) -> str:
    return moment.astimezone(_zone(timezone)).date().isoformat()


def _not_used(error: RowError) -> RowError:
    """A warning in place of an error of a cancelled appointment."""
    code = "cancelled_anyway"
    return composed(error.row, error.column, code, (WARNING_SENTENCES[code], {}), *error.sentences)
