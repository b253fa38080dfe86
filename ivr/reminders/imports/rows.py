"""One row of an appointments file: read cell by cell, all its faults told together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache, lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo, available_timezones

from ivr.line.content.config import Config, Site
from ivr.line.locales.language_names import LanguageNames, english_name
from ivr.people.phones import PhoneNumber, parse_phone
from ivr.reminders.imports.datetimes import parse_datetime
from ivr.reminders.imports.duplicates import DuplicateTracker
from ivr.reminders.imports.errors import ErrorCode, RowError, row_error, row_warning

NEEDED = ("appointment_id", "phone", "starts_at")
OPTIONAL = ("site", "language", "timezone", "first_name", "channel", "status")
CHANNELS = ("text", "call", "none")
STATUSES = ("booked", "cancelled", "attended", "missed")
# Where a reader puts the cells of a row that stand beyond the last name of the header.
EXTRA_CELLS = ""
# What no column is called, and FHIR knows: another name of the site; all the languages of a patient, best first,
# with commas between; and the code of a warning.
PLACE, SPOKEN, NOTE = "(place)", "(spoken)", "(note)"
_KIND = ("site", "timezone", "language", "channel", "status", PLACE, SPOKEN, NOTE)
_KINDS = 1000
LONGEST = {"appointment_id": 100, "first_name": 80}
FARTHEST = timedelta(days=731)
_LONGEST_PHONE = 100
# Two names stand for whatever the machine is set to, or for nothing.
_ZONES = frozenset(available_timezones()) - {"localtime", "Factory"}
_zone = cache(ZoneInfo)


@dataclass(frozen=True)
class AppointmentRow:
    """An appointment as a scheduler's file gives it. starts_at is aware, in UTC; phone is E.164."""

    number: int
    appointment_id: str
    phone: str
    starts_at: datetime
    timezone: str
    site: str
    language: str | None
    first_name: str
    channel: str
    status: str


class _Read(NamedTuple):
    """A row, if it can be one; what is wrong with it; and what names it, with its number."""

    row: AppointmentRow | None
    told: list[RowError]
    named: tuple[str, int]


class _Kind(NamedTuple):
    """What a row says that most rows say: in the order of Row's fields. wrong, warned: column, code, detail."""

    timezone: str
    site: str
    language: str | None
    channel: str
    status: str
    wrong: tuple[tuple[str, ErrorCode, str], ...]
    warned: tuple[tuple[str, str, str], ...]


class RowReader:
    """Reads the rows of one file. now: what counts as past. ours: numbers (E.164) that no patient has.

    `warnings` holds what is worth a look in rows that were taken; whoever reads takes them out.
    """

    def __init__(self, config: Config, now: datetime, ours: frozenset[str] = frozenset()) -> None:
        self._now = now
        self._farthest = now + FARTHEST
        self._sites = {site.id: site for site in config.sites}
        self._named = _by_name(config.sites)
        self._only_site = config.sites[0].id if len(config.sites) == 1 else ""
        self._languages = tuple(config.languages)
        self._tongues = LanguageNames(self._languages)
        self._ours = ours | {entry.e164 for entry in config.directory}
        self._countries = tuple(config.reminders.countries)
        self._day_first = config.reminders.dates == "day-first"
        self._seen = DuplicateTracker()
        self._kinds = lru_cache(_KINDS)(self._read_kind)
        self.warnings: list[RowError] = []

    def read(self, number: int, cells: Mapping[str, str]) -> AppointmentRow | list[RowError]:
        """The row, or all that is wrong with it. number: as the spreadsheet counts, the header is row 1."""
        return self.read_many([(number, cells)])[0]

    def read_many(self, rows: Sequence[tuple[int, Mapping[str, str]]]) -> list[AppointmentRow | list[RowError]]:
        """The same for some rows that follow each other."""
        read = [self._read(number, cells) for number, cells in rows]
        self._check_doubles(read)
        self._check_same_day([row for row, told, _ in read if row and row.status == "booked" and not told])
        return [told if told or row is None else row for row, told, _ in read]

    def _read(self, number: int, cells: Mapping[str, str]) -> _Read:
        told: list[RowError] = []
        appointment_id = self._words(number, "appointment_id", cells, told)
        first_name = self._words(number, "first_name", cells, told)
        if not appointment_id:
            told.append(row_error(number, "appointment_id", ErrorCode.MISSING))
        phone = self._phone(number, cells.get("phone") or "", told)
        if EXTRA_CELLS in cells:
            told.append(row_error(number, "", ErrorCode.ROW_TOO_LONG))
        kind = self._kinds(*[cells.get(name) or "" for name in _KIND])
        told += [row_error(number, *wrong) for wrong in kind.wrong]
        starts_at = self._starts_at(number, (cells.get("starts_at") or "").strip(), kind, told)
        row = None
        if not told and starts_at and phone:
            row = AppointmentRow(number, appointment_id, phone, starts_at, *kind[:3], first_name, *kind[3:5])
            if kind.warned:
                self.warnings += [row_warning(number, *warned) for warned in kind.warned]
        return _Read(row, told, (f"id {appointment_id}" if appointment_id else "", number))

    def _read_kind(self, *words: str) -> _Kind:
        """What the cells that say the same in most rows mean, and what is wrong with them. words: of _KIND."""
        said = {name: word.strip() for name, word in zip(_KIND, words, strict=True)}
        site = self._site(said["site"], said[PLACE])
        zone = said["timezone"] or (self._sites[site].timezone if site in self._sites else "UTC")
        language = self._tongues.code(said["language"])
        channel = said["channel"].lower() or "text"
        status = said["status"].lower() or "booked"
        status = _STATUS_WORDS.get(status.replace("-", " "), status)
        known = (
            ("site", site in self._sites, ErrorCode.SITE, self._sites),
            ("timezone", zone in _ZONES, ErrorCode.ZONE, ()),
            ("language", not said["language"] or language, ErrorCode.LANGUAGE, self._languages),
            ("channel", channel in CHANNELS, ErrorCode.CHANNEL, ()),
            ("status", status in STATUSES, ErrorCode.STATUS, ()),
        )
        wrong = tuple((name, code, ", ".join(names)) for name, fits, code, names in known if not fits)
        warned = [("status", said[NOTE], "")] if said[NOTE] else []
        if said[SPOKEN]:
            language, unknown = self._spoken(said[SPOKEN].split(","))
            warned += unknown
        return _Kind(zone if zone in _ZONES else "UTC", site, language, channel, status, wrong, tuple(warned))

    def _site(self, *names: str) -> str:
        """The id of a site by the first of its ids or names that is known."""
        wanted = [name.lower() for name in names if name]
        if not wanted:
            return self._only_site
        return next((self._named[name] for name in wanted if name in self._named), wanted[0])

    def _spoken(self, languages: list[str]) -> tuple[str | None, list[tuple[str, str, str]]]:
        """The first language that the line speaks; and a warning when that is none, or not the one that is wished."""
        codes = [self._tongues.code(one) for one in languages]
        code = next(filter(None, codes), None)
        if codes[0]:
            return code, []
        instead = english_name(code or self._languages[0])
        return code, [("language", "language_not_spoken", f"{english_name(languages[0])}: the texts are in {instead}")]

    @staticmethod
    def _words(number: int, name: str, cells: Mapping[str, str], told: list[RowError]) -> str:
        words = (cells.get(name) or "").strip()
        if len(words) > LONGEST[name]:
            told.append(row_error(number, name, ErrorCode.TOO_LONG, LONGEST[name]))
        if not words.isprintable() and len(words.splitlines()) > 1:
            told.append(row_error(number, name, ErrorCode.LINE_BREAK))
        return words

    def _phone(self, number: int, words: str, told: list[RowError]) -> str | None:
        phone = parse_phone(words[:_LONGEST_PHONE], self._countries)
        if not isinstance(phone, PhoneNumber):
            told.append(row_error(number, "phone", phone))
            return None
        if phone.e164 in self._ours:
            told.append(row_error(number, "phone", ErrorCode.OURS))
        return phone.e164

    def _check_doubles(self, read: list[_Read]) -> None:
        named = [(told, name) for _, told, name in read if name[0]]
        for (told, (_, number)), first in zip(named, self._seen.firsts([name for _, name in named]), strict=True):
            if first != number:
                told.append(row_error(number, "appointment_id", ErrorCode.DOUBLE, first))

    def _check_same_day(self, rows: list[AppointmentRow]) -> None:
        days = [(f"day {row.starts_at.astimezone(_zone(row.timezone)).date()} {row.phone}", row.number) for row in rows]
        for row, first in zip(rows, self._seen.firsts(days), strict=True):
            if first != row.number:
                self.warnings.append(row_warning(row.number, "phone", "same_day", first))

    def _starts_at(self, number: int, words: str, kind: _Kind, told: list[RowError]) -> datetime | None:
        moment = parse_datetime(words, _zone(kind.timezone), self._day_first)
        if isinstance(moment, ErrorCode):
            told.append(row_error(number, "starts_at", moment if words else ErrorCode.MISSING))
            return None
        if kind.status == "booked" and moment.at <= self._now:
            told.append(row_error(number, "starts_at", ErrorCode.PAST))
        if moment.at > self._farthest:
            told.append(row_error(number, "starts_at", ErrorCode.FAR))
        if moment.repeated:
            self.warnings.append(row_warning(number, "starts_at", "date_repeated"))
        return moment.at


def _by_name(sites: Sequence[Site]) -> dict[str, str]:
    """The ids of sites by id and by each name that no other has, in small letters."""
    named: dict[str, set[str]] = {}
    for site in sites:
        for name in site.name.values():
            named.setdefault(name.lower(), set()).add(site.id)
    return {**{name: next(iter(ids)) for name, ids in named.items() if len(ids) == 1}, **{s.id: s.id for s in sites}}


# As scheduling programs say it.
_STATUS_WORDS = {
    "canceled": "cancelled",
    "scheduled": "booked",
    "arrived": "attended",
    "completed": "attended",
    "no show": "missed",
    "noshow": "missed",
}
