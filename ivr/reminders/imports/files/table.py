"""From the names in row 1, as people write them, to the columns of an appointment."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter

from ivr.reminders.imports.errors import ErrorCode, RowError, row_error
from ivr.reminders.imports.files.unreadable import Cells, UnreadableFile
from ivr.reminders.imports.rows import EXTRA_CELLS, NEEDED, OPTIONAL

BuildRow = Callable[[Sequence[str]], Cells | None]
# Two columns that make starts_at together.
_DATE, _TIME = "date", "time"
_NAMES = {
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
    "first_name": "first, given name, forename, patient first name, patient given name",
    "channel": "contact method, contact preference, preferred contact, reminder channel",
    "status": "appointment status, appt status, visit status, booking status",
}
_MOST_TOLD = 5
_NAMES_LOWER = "If the names stand further down, delete the rows above them."
_NOT_NAME = re.compile(r"[^a-z0-9]+")
_MIDNIGHT = re.compile(r"[T ]0?0:00(:00(\.0+)?)?$")
# The day that spreadsheets give to a time that has none.
_DAY_ZERO = re.compile(r"^(1899-12-3[01]|1900-01-0[01])[T ]")


def _squashed(name: str) -> str:
    return _NOT_NAME.sub("", name.lower())


_MEANS = {_squashed(other): name for name, others in _NAMES.items() for other in (name, *others.split(", "))}


@dataclass(frozen=True)
class _Columns:
    """Where the columns of an appointment stand. places: positions by our name. header: the names as written."""

    places: dict[str, list[int]]
    header: Sequence[str]

    @property
    def missing(self) -> list[str]:
        return [name for name in NEEDED if name not in self.places and not (name == "starts_at" and self.has_pair)]

    @property
    def doubled(self) -> list[list[str]]:
        """For each column that is there more than once: its names as they are written."""
        return [[_shown(self.header[place]) for place in places] for places in self.places.values() if len(places) > 1]

    @property
    def has_pair(self) -> bool:
        return _DATE in self.places and _TIME in self.places


def known_columns(header: Sequence[str]) -> int:
    return sum(1 for name in header if _squashed(name) in _MEANS)


def is_known_column(name: str) -> bool:
    return _squashed(name) in _MEANS


def column_error(header: Sequence[str], where: str = "row 1") -> RowError | None:
    """All that is missing or doubled, in one fault. where: the place that names are added to."""
    columns = _columns(header)
    missing, doubled = columns.missing, columns.doubled
    if not missing and not doubled:
        return None
    code = ErrorCode.COLUMN_MISSING if missing else ErrorCode.COLUMN_DOUBLE
    above = [] if columns.places or where != "row 1" else [_NAMES_LOWER]
    sentences = [*_missing_told(missing, where), *above, *(_doubled_told(names) for names in doubled)]
    twice = [name for name, places in columns.places.items() if len(places) > 1]
    return RowError(0, ", ".join([*missing, *twice]), str(code), " ".join(sentences))


def row_builder(header: Sequence[str], where: str = "row 1") -> BuildRow:
    """What makes a row's values the cells of an appointment, or None of a blank row.

    Raises UnreadableFile when the header does not do.
    """
    wrong = column_error(header, where)
    if wrong:
        raise UnreadableFile(wrong)
    columns = _columns(header)
    take = _plain_taker(columns, len(header))
    return _pair_joined(take) if columns.has_pair else take


def _columns(header: Sequence[str]) -> _Columns:
    places: dict[str, list[int]] = {}
    for place, written in enumerate(header):
        name = _MEANS.get(_squashed(written))
        if name:
            places.setdefault(name, []).append(place)
    _settle_time(places, header)
    ours = (*NEEDED, *OPTIONAL, _DATE, _TIME)
    return _Columns({name: places[name] for name in ours if name in places}, header)


def _settle_time(places: dict[str, list[int]], header: Sequence[str]) -> None:
    """One column, or a date and a time: beside a date, `Start` is a time."""
    starts = [_squashed(header[place]) for place in places.get("starts_at", [])]
    if _DATE in places and _TIME not in places and starts in (["start"], ["starts"]):
        places[_TIME] = places.pop("starts_at")
    if "starts_at" in places:
        places.pop(_DATE, None)
        places.pop(_TIME, None)
    elif (_DATE in places) != (_TIME in places):
        places["starts_at"] = places.pop(_DATE if _DATE in places else _TIME)


def _plain_taker(columns: _Columns, width: int) -> BuildRow:
    names = tuple(columns.places)
    pick = itemgetter(*(places[0] for places in columns.places.values()))
    padding = [""] * width

    def take(values: Sequence[str]) -> Cells | None:
        if len(values) == width:
            picked = pick(values)
            # The first name is the appointment's id: nearly every row is told from a blank one by it alone.
            if picked[0].strip() or not _is_blank(values):
                return dict(zip(names, picked))  # noqa: B905 - a keyword here costs a third of the whole reader
            return None
        if _is_blank(values):
            return None
        cells = dict(zip(names, pick([*values, *padding]), strict=False))
        beyond = " ".join(values[width:]).strip()
        return {**cells, EXTRA_CELLS: beyond} if beyond else cells

    return take


def _is_blank(values: Sequence[str]) -> bool:
    return not any(map(str.strip, values))


def _pair_joined(take: BuildRow) -> BuildRow:
    def take_pair(values: Sequence[str]) -> Cells | None:
        cells = take(values)
        if cells is not None:
            cells["starts_at"] = _moment(cells.pop(_DATE).strip(), cells.pop(_TIME).strip())
        return cells

    return take_pair


def _moment(date: str, time: str) -> str:
    return f"{_MIDNIGHT.sub('', date)} {_DAY_ZERO.sub('', time)}".strip()


def _missing_told(names: list[str], where: str) -> Iterator[str]:
    if len(names) == 1:
        yield f"The column {names[0]} is missing: add it to {where}."
    elif names:
        yield f"The columns {_listed(names)} are missing: add them to {where}."


def _doubled_told(names: list[str]) -> str:
    if len(set(names)) == 1:
        return row_error(0, "", ErrorCode.COLUMN_DOUBLE, names[0]).message
    return f"The columns {_listed(names[:_MOST_TOLD])} mean the same: keep one."


def _listed(names: list[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]


def _shown(name: str) -> str:
    return "".join(char for char in name.strip()[:40] if char.isprintable())
