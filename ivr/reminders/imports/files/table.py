"""Maps the column names in row 1, as people write them, to the columns of an appointment."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import itemgetter

from ivr.i18n import N_, Sentence
from ivr.reminders.imports.columns import (
    CANCELED,
    EXTRA_CELLS,
    FLAGS,
    NO_SHOW,
    NO_TEXTS,
    OPTIONAL,
    ORIGINALS,
    PERMISSION,
    REQUIRED,
)
from ivr.reminders.imports.errors import ERROR_SENTENCES, ErrorCode, RowError, composed, row_warning
from ivr.reminders.imports.files.cells import Cells, UnreadableFile, listed

BuildRow = Callable[[Sequence[str]], Cells | None]
# Two columns that together make starts_at.
_DATE, _TIME = "date", "time"
_ALIASES = {
    "appointment_id": "appointment, appointment number, appointment no, appt, appt id, appt number, appt no, visit id, "
    "visit number, visit no, booking id, booking number, encounter id, csn",
    "phone": "phone number, phone no, mobile, mobile phone, mobile number, mobile no, cell, cell phone, cell number, "
    "cellular, telephone, telephone number, tel, patient phone, patient phone number, patient mobile, patient cell, "
    "contact number, contact phone, pt phone, pt cell, pt mobile",
    "starts_at": "start, starts, start date time, start date and time, date time, date and time, appointment start, "
    "appointment date time, appointment date and time, appt date time, appt start, visit date time, "
    "scheduled date time, scheduled at, scheduled for",
    _DATE: "appointment date, appt date, appointment start date, start date, visit date, scheduled date, "
    "date of appointment, date of visit, date of service, service date",
    _TIME: "appointment time, appt time, appointment start time, start time, visit time, scheduled time, "
    "time of appointment, time of visit",
    "site": "site id, site name, clinic, clinic name, location, location name, facility, facility name, department",
    "language": "lang, language code, preferred language, language preference, patient language",
    "timezone": "tz, zone",
    "first_name": "first, given name, forename, patient first name, patient given name, invitee first name",
    "channel": "contact method, contact preference, preferred contact, reminder channel",
    "status": "appointment status, appt status, visit status, booking status",
    CANCELED: "cancelled, is canceled, is cancelled, appointment canceled, appointment cancelled, appt canceled, "
    "appt cancelled, was canceled, was cancelled",
    NO_SHOW: "noshow, is no show, marked as no show, missed",
    PERMISSION: "permission to send sms, permission to send text, permission to send texts, permission to text, "
    "permission to sms, text permission, sms permission, text consent, sms consent, consent to text, consent to sms, "
    "consent to texts, ok to text, okay to text, ok to sms, okay to sms, text ok, text okay, sms ok, sms okay, "
    "can text, may text, can sms, allow text, allow texts, allow texting, allow sms, text allowed, sms allowed, "
    "receive texts, receive sms, receives texts, receives sms, accepts texts, accepts sms, agrees to texts, "
    "agreed to texts, send text, send texts, send sms, text reminders, sms reminders, text opt in, sms opt in, "
    "texting opt in, opt in, opted in, textable",
    NO_TEXTS: "no text, no sms, do not text, do not sms, do not send texts, do not send text, do not send sms, "
    "dont text, text opt out, sms opt out, texting opt out, opt out, opted out, declines texts, declined texts, "
    "do not contact",
}
_ORDER = (*REQUIRED, *OPTIONAL, *FLAGS, _DATE, _TIME)
_ROW_1 = "row 1"
EACH_APPOINTMENT = "each appointment"
"""Where `row_builder` says that a missing column belongs in JSON."""
_MAX_LISTED = 5
_MAX_NAME = 200
_HEADER_BELOW = N_("If the column names are farther down, delete the rows above them.")
_SEPARATORS = re.compile(r"[^a-z0-9]+")
_MIDNIGHT = re.compile(r"[T ]0?0:00(:00(\.0+)?)?$")
# The date that spreadsheets add to a time that has none.
_DAY_ZERO = re.compile(r"^(1899-12-3[01]|1900-01-0[01])[T ]")


def _normalized(name: str) -> str:
    return _SEPARATORS.sub("", name[:_MAX_NAME].lower())


_COLUMNS = {_normalized(alias): name for name, others in _ALIASES.items() for alias in (name, *others.split(", "))}


@dataclass(frozen=True)
class _Header:
    """The columns of a table. positions: by our column name. names: as written in the file."""

    positions: dict[str, list[int]]
    names: Sequence[str]

    @classmethod
    def parse(cls, names: Sequence[str]) -> _Header:
        positions: dict[str, list[int]] = {}
        for position, written in enumerate(names):
            column = _COLUMNS.get(_normalized(written))
            if column:
                positions.setdefault(column, []).append(position)
        _settle_start(positions, names)
        return cls({column: positions[column] for column in _ORDER if column in positions}, names)

    @property
    def missing(self) -> list[str]:
        joined = ("starts_at",) if self.has_date_time else ()
        return [column for column in REQUIRED if column not in (*self.positions, *joined)]

    @property
    def duplicates(self) -> dict[str, list[str]]:
        """The columns that appear more than once, by our name: the names as written."""
        return {
            column: [listed([self.names[position]]) for position in positions]
            for column, positions in self.positions.items()
            if len(positions) > 1
        }

    @property
    def has_date_time(self) -> bool:
        return _DATE in self.positions and _TIME in self.positions

    @property
    def unread(self) -> list[str]:
        """The names of the columns that are not read, as written."""
        read = {position for positions in self.positions.values() for position in positions}
        return [name for position, name in enumerate(self.names) if position not in read and name.strip()]

    def error(self, where: str) -> RowError | None:
        """One error for all missing and duplicate columns. where: where to add a missing one."""
        missing, duplicates = self.missing, self.duplicates
        if not missing and not duplicates:
            return None
        code = ErrorCode.COLUMN_MISSING if missing else ErrorCode.DUPLICATE_COLUMN
        sentences: list[Sentence] = [_missing_sentence(missing, where)] if missing else []
        if not self.positions and where == _ROW_1:
            sentences.append((_HEADER_BELOW, {}))
        sentences += map(_duplicate_sentence, duplicates.values())
        return composed(0, ", ".join([*missing, *duplicates]), code, *sentences)


def has_required_columns(names: Sequence[str]) -> bool:
    return _Header.parse(names).error(_ROW_1) is None


def is_known_column(name: str) -> bool:
    return _normalized(name) in _COLUMNS


def row_builder(
    names: Sequence[str],
    warnings: list[RowError],
    where: str = _ROW_1,
    unread: Sequence[str] = (),
    *,
    originals: bool = False,
) -> BuildRow:
    """A function that turns the values of a row into cells by column, or None if the row is blank.

    Adds a warning that names the columns that are not read, and those in `unread`. Raises UnreadableFile if columns
    are missing or duplicated. originals: as in ReadOptions.
    """
    header = _Header.parse(names)
    if error := header.error(where):
        raise UnreadableFile(error)
    ignored = [*header.unread, *unread]
    if ignored:
        warnings.append(row_warning(1 if where == _ROW_1 else 0, "", "columns_unread", listed(ignored)))
    build = _plain_builder(header, len(names))
    build = _date_time_builder(build) if header.has_date_time else build
    return _originals_builder(build, names) if originals else build


def _settle_start(positions: dict[str, list[int]], names: Sequence[str]) -> None:
    """Keep either starts_at or both a date and a time. Next to a date column, `Start` is a time."""
    starts = [_normalized(names[position]) for position in positions.get("starts_at", [])]
    if _DATE in positions and _TIME not in positions and starts in (["start"], ["starts"]):
        positions[_TIME] = positions.pop("starts_at")
    if "starts_at" in positions:
        positions.pop(_DATE, None)
        positions.pop(_TIME, None)
    elif (_DATE in positions) != (_TIME in positions):
        positions["starts_at"] = positions.pop(_DATE if _DATE in positions else _TIME)


def _plain_builder(header: _Header, width: int) -> BuildRow:
    columns = tuple(header.positions)
    pick = itemgetter(*(positions[0] for positions in header.positions.values()))
    padding = [""] * width

    def build(values: Sequence[str]) -> Cells | None:
        if len(values) == width:
            picked = pick(values)
            # The first column, the appointment id, is filled in nearly every row, so the rest is rarely checked.
            if picked[0].strip() or not _is_blank(values):
                return dict(zip(columns, picked))  # noqa: B905 - strict= would take a third of the reader's time
            return None
        if _is_blank(values):
            return None
        cells = dict(zip(columns, pick([*values, *padding]), strict=False))
        extra = " ".join(values[width:]).strip()
        return {**cells, EXTRA_CELLS: extra} if extra else cells

    return build


def _is_blank(values: Sequence[str]) -> bool:
    return not any(map(str.strip, values))


def _date_time_builder(build: BuildRow) -> BuildRow:
    def build_joined(values: Sequence[str]) -> Cells | None:
        cells = build(values)
        if cells is not None:
            date, time = cells.pop(_DATE).strip(), cells.pop(_TIME).strip()
            cells["starts_at"] = f"{_MIDNIGHT.sub('', date)} {_DAY_ZERO.sub('', time)}".strip()
        return cells

    return build_joined


def _originals_builder(build: BuildRow, names: Sequence[str]) -> BuildRow:
    def build_with_originals(values: Sequence[str]) -> Cells | None:
        cells = build(values)
        if cells is not None:
            cells[ORIGINALS] = json.dumps(list(zip(names, values, strict=False)))
        return cells

    return build_with_originals


# By where to add them, for one and for several.
_MISSING_COLUMNS = {
    _ROW_1: (
        ERROR_SENTENCES[ErrorCode.COLUMN_MISSING],
        N_("The columns {names} are missing: add them to row 1."),
    ),
    EACH_APPOINTMENT: (
        N_("The column {detail} is missing: add it to each appointment."),
        N_("The columns {names} are missing: add them to each appointment."),
    ),
}


def _missing_sentence(names: list[str], where: str) -> Sentence:
    one, several = _MISSING_COLUMNS[where]
    return (one, {"detail": names[0]}) if len(names) == 1 else (several, {"names": names})


def _duplicate_sentence(names: list[str]) -> Sentence:
    if len(set(names)) == 1:
        return ERROR_SENTENCES[ErrorCode.DUPLICATE_COLUMN], {"detail": names[0]}
    return N_("The columns {names} mean the same thing: keep one."), {"names": names[:_MAX_LISTED]}
