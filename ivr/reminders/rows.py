"""One row of an appointments file: read cell by cell, all its faults told together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import MAXYEAR, UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

from ivr.line.config import Config
from ivr.people.phones import Phone, read_phone
from ivr.reminders.faults import Fault, FileFault, fault

NEEDED = ("appointment_id", "phone", "starts_at")
OPTIONAL = ("site", "language", "timezone", "first_name", "channel", "status")
CHANNELS = ("text", "call", "none")
STATUSES = ("booked", "cancelled", "attended", "missed")
LONGEST = {"appointment_id": 100, "first_name": 80}
FARTHEST = timedelta(days=731)
_ZONES = frozenset(available_timezones())
# The first that fits is meant: ISO, then as American offices write it, month first.
_FORMATS = (
    "%m/%d/%Y %H:%M",
    "%m/%d/%Y %H:%M:%S",
    "%m/%d/%Y %I:%M %p",
    "%m/%d/%Y %I:%M%p",
    "%m/%d/%y %H:%M",
    "%m/%d/%y %I:%M %p",
    "%Y-%m-%d %I:%M %p",
)


@dataclass(frozen=True)
class Row:
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


class RowReader:
    """Reads the rows of one file. now: what counts as past."""

    def __init__(self, config: Config, now: datetime) -> None:
        self._now = now
        self._sites = {site.id: site for site in config.sites}
        self._only_site = config.sites[0].id if len(config.sites) == 1 else ""
        self._languages = tuple(config.languages)
        self._seen: dict[str, int] = {}

    def read(self, number: int, cells: Mapping[str, str]) -> Row | list[Fault]:
        """The row, or all that is wrong with it. number: as the spreadsheet counts, the header is row 1."""
        told: list[Fault] = []

        def cell(name: str) -> str:
            return (cells.get(name) or "").strip()

        def check(name: str, fits: bool, code: FileFault, detail: object = "") -> None:
            if not fits:
                told.append(fault(number, name, code, detail))

        for name, longest in LONGEST.items():
            check(name, len(cell(name)) <= longest, FileFault.TOO_LONG, longest)
            check(name, len(cell(name).splitlines()) < 2, FileFault.LINE_BREAK)
        check("appointment_id", bool(cell("appointment_id")), FileFault.MISSING)
        phone = read_phone(cell("phone")[:100])
        if not isinstance(phone, Phone):
            told.append(fault(number, "phone", phone))
        site = cell("site").lower() or self._only_site
        check("site", site in self._sites, FileFault.SITE, ", ".join(self._sites))
        zone = cell("timezone") or (self._sites[site].timezone if site in self._sites else "UTC")
        check("timezone", zone in _ZONES, FileFault.ZONE)
        language = cell("language").lower()[:2]
        check(
            "language",
            not language or language in self._languages,
            FileFault.LANGUAGE,
            ", ".join(self._languages),
        )
        channel = cell("channel").lower() or "text"
        check("channel", channel in CHANNELS, FileFault.CHANNEL)
        status = _STATUS_WORDS.get(cell("status").lower(), cell("status").lower()) or "booked"
        check("status", status in STATUSES, FileFault.STATUS)
        starts_at = self._starts_at(number, cell("starts_at"), zone if zone in _ZONES else "UTC", status, told)
        self._check_double(number, cell("appointment_id"), told)
        if told or starts_at is None or not isinstance(phone, Phone):
            return told
        return Row(
            number=number,
            appointment_id=cell("appointment_id"),
            phone=phone.e164,
            starts_at=starts_at,
            timezone=zone,
            site=site,
            language=language or None,
            first_name=cell("first_name"),
            channel=channel,
            status=status,
        )

    def _check_double(self, number: int, appointment_id: str, told: list[Fault]) -> None:
        if not appointment_id:
            return
        first = self._seen.setdefault(appointment_id, number)
        if first != number:
            told.append(fault(number, "appointment_id", FileFault.DOUBLE, first))

    def _starts_at(self, number: int, words: str, zone: str, status: str, told: list[Fault]) -> datetime | None:
        moment = read_moment(words, ZoneInfo(zone))
        if not isinstance(moment, datetime):
            told.append(fault(number, "starts_at", moment if words else FileFault.MISSING))
            return None
        if status == "booked" and moment <= self._now:
            told.append(fault(number, "starts_at", FileFault.PAST))
        if moment > self._now + FARTHEST:
            told.append(fault(number, "starts_at", FileFault.FAR))
        return moment


_STATUS_WORDS = {"canceled": "cancelled"}


def read_moment(words: str, zone: ZoneInfo) -> datetime | FileFault:
    """A moment in UTC from ISO or American writing; without a zone it is meant in `zone`.

    An hour that the clocks skip is refused; one that they repeat means its first run.
    """
    parsed = next((found for read in _READERS if (found := read(words)) is not None), None)
    # The very last year has moments that no other zone can write.
    if parsed is None or not 1900 <= parsed.year < MAXYEAR:
        return FileFault.DATE
    if parsed.tzinfo is None:
        local = parsed.replace(tzinfo=zone)
        there_and_back = local.astimezone(UTC).astimezone(zone)
        if there_and_back.replace(tzinfo=None) != parsed:
            return FileFault.SKIPPED_HOUR
        parsed = local
    return parsed.astimezone(UTC)


def _read_iso(words: str) -> datetime | None:
    # A date alone would be read as midnight.
    if ":" not in words and "T" not in words:
        return None
    try:
        return datetime.fromisoformat(words)
    except ValueError:
        return None


def _reader(pattern: str) -> Callable[[str], datetime | None]:
    def read(words: str) -> datetime | None:
        try:
            return datetime.strptime(words, pattern)  # noqa: DTZ007 - its zone is the row's
        except ValueError:
            return None

    return read


_READERS: tuple[Callable[[str], datetime | None], ...] = (_read_iso, *map(_reader, _FORMATS))
