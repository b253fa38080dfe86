"""Dates and times in the formats that offices use."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import MAXYEAR, UTC, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from ivr.reminders.imports.errors import ErrorCode
from ivr.reminders.imports.plain_text import plain

# American formats, month first. The first that matches wins.
_TIME_FORMATS = ("%H:%M", "%H:%M:%S", "%I:%M %p", "%I:%M:%S %p", "%I %p")
_DATE_FORMATS = (
    *("%m/%d/%Y", "%m/%d/%y", "%m-%d-%Y", "%Y-%m-%d", "%Y/%m/%d", "%m-%d-%y"),
    *("%b %d, %Y", "%B %d, %Y", "%b %d %Y", "%B %d %Y", "%d-%b-%Y", "%d-%b-%y", "%d %b %Y"),
)
_DAY_FIRST = {"%m/%d/%Y": "%d/%m/%Y", "%m/%d/%y": "%d/%m/%y", "%m-%d-%Y": "%d-%m-%Y", "%m-%d-%y": "%d-%m-%y"}
_NORMALIZATIONS = (
    (re.compile(r"^(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*,?\s+", re.IGNORECASE), ""),
    (re.compile(r"(\d)\s*([ap])\.?(?:m\.?)?$", re.IGNORECASE), r"\1 \2m"),
    (re.compile(r"(:\d\d)\.\d+$"), r"\1"),
    (re.compile(r"\s(\d\d)(\d\d)$"), r" \1:\2"),
    (re.compile(r",? at |, (?=\d{1,2}:)|\s+"), " "),
)
# A spreadsheet's serial number: days since 1899-12-30, with the time as a fraction of a day.
_SERIAL = re.compile(r"([1-9]\d{4})(?: 0)?(\.\d+)$", re.ASCII)
_SERIAL_EPOCH = datetime(1899, 12, 30)  # noqa: DTZ001 - the row gives the zone
_TIME_RANGE = re.compile(r"\d \d\d:\d\d(-\d\d:\d\d)$", re.ASCII)
_LONGEST_APPOINTMENT = timedelta(hours=4)
# No office opens earlier; 2:30 without AM or PM is more likely in the afternoon.
_EARLIEST_HOUR = 7
_AM = re.compile(r"\d\s*a\.?(?:m\.?)?$", re.IGNORECASE)
_CACHE_SIZE = 10_000
_Parser = Callable[[str], datetime | None]


class ParsedDateTime(NamedTuple):
    """at: in UTC. warnings: codes of WARNING_SENTENCES. clock: the local time for them, like 2:30 AM.

    date_repeated: the local time occurs twice on that day, and `at` is the first. early: before 7:00, which may be a
    time in the afternoon without PM. midnight: which may be a date without a time.
    """

    at: datetime
    warnings: tuple[str, ...] = ()
    clock: str = ""


@lru_cache(_CACHE_SIZE)
def parse_datetime(text: str, zone: ZoneInfo, day_first: bool = False) -> ParsedDateTime | ErrorCode:
    """Parse a date with a time, local to `zone` unless the text has an offset. A skipped hour is an error.

    Results are cached, because many appointments start at the same time.
    """
    text = plain(text)
    parsed = next((value for parse in _parsers(day_first) if (value := parse(text)) is not None), None)
    # Times in the year 9999 may overflow in other zones.
    if parsed is None or not 1900 <= parsed.year < MAXYEAR:
        return ErrorCode.DATE
    if parsed.tzinfo is not None:
        return ErrorCode.DATE if _may_be_range(text, parsed, zone) else _checked(text, parsed.astimezone(zone))
    local = parsed.replace(tzinfo=zone)
    round_trip = local.astimezone(UTC).astimezone(zone)
    if round_trip.replace(tzinfo=None) != parsed:
        return ErrorCode.SKIPPED_HOUR
    return _checked(text, local, local.utcoffset() != local.replace(fold=1).utcoffset())


def _checked(text: str, local: datetime, repeated: bool = False) -> ParsedDateTime:
    warnings = ["date_repeated"] if repeated else []
    if (local.hour, local.minute) == (0, 0):
        warnings.append("midnight")
    elif local.hour < _EARLIEST_HOUR and not repeated and not _AM.search(text):
        warnings.append("early")
    return ParsedDateTime(local.astimezone(UTC), tuple(warnings), f"{local:%I:%M %p}".lstrip("0"))


def _parse_iso(text: str) -> datetime | None:
    # fromisoformat reads a date alone as midnight.
    if ":" not in text and "T" not in text:
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _may_be_range(text: str, parsed: datetime, zone: ZoneInfo) -> bool:
    """Whether 10:00-11:00 may mean from ten to eleven rather than ten o'clock at UTC-11."""
    end = -(parsed.utcoffset() or timedelta())
    start = timedelta(hours=parsed.hour, minutes=parsed.minute)
    is_local_offset = parsed.astimezone(zone).utcoffset() == parsed.utcoffset()
    return bool(_TIME_RANGE.search(text)) and not is_local_offset and start < end <= start + _LONGEST_APPOINTMENT


def _parse_serial(text: str) -> datetime | None:
    match = _SERIAL.match(text)
    if match is None:
        return None
    return _SERIAL_EPOCH + timedelta(days=int(match[1]), seconds=round(float(match[2]) * 24 * 3600))


@lru_cache
def _parsers(day_first: bool) -> tuple[_Parser, ...]:
    dates = [_DAY_FIRST.get(date, date) for date in _DATE_FORMATS] if day_first else _DATE_FORMATS
    formats = [f"{date} {time}" for date in dates for time in _TIME_FORMATS]
    return (_parse_iso, _parse_serial, lambda text: _parse_formats(text, formats))


def _parse_formats(text: str, formats: Sequence[str]) -> datetime | None:
    for pattern, replacement in _NORMALIZATIONS:
        text = pattern.sub(replacement, text)
    for expected in formats:
        try:
            return datetime.strptime(text, expected)  # noqa: DTZ007 - the row gives the zone
        except ValueError:
            continue
    return None
