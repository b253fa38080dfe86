"""Dates and times as offices write them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import MAXYEAR, UTC, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from ivr.reminders.imports.errors import ErrorCode

# As American offices write it, month first; the first that fits is meant.
_CLOCKS = ("%H:%M", "%H:%M:%S", "%I:%M %p", "%I:%M:%S %p", "%I %p")
_DATES = (
    *("%m/%d/%Y", "%m/%d/%y", "%m-%d-%Y", "%Y-%m-%d", "%Y/%m/%d", "%m-%d-%y"),
    *("%b %d, %Y", "%B %d, %Y", "%b %d %Y", "%B %d %Y", "%d-%b-%Y", "%d-%b-%y", "%d %b %Y"),
)
_DAY_FIRST = {"%m/%d/%Y": "%d/%m/%Y", "%m/%d/%y": "%d/%m/%y", "%m-%d-%Y": "%d-%m-%Y", "%m-%d-%y": "%d-%m-%y"}
# What stands in many lists beside the date and the clock, and as what it is read.
_LOOSE = (
    (re.compile(r"^(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*,?\s+", re.IGNORECASE), ""),
    (re.compile(r"(\d)\s*([ap])\.?(?:m\.?)?$", re.IGNORECASE), r"\1 \2m"),
    (re.compile(r"(:\d\d)\.\d+$"), r"\1"),
    (re.compile(r"\s(\d\d)(\d\d)$"), r" \1:\2"),
    (re.compile(r",? at |, (?=\d{1,2}:)|\s+"), " "),
)
# Days since a spreadsheet's day zero, and the part of the day that has gone by.
_SERIAL = re.compile(r"([1-9]\d{4})(?: 0)?(\.\d+)$", re.ASCII)
_DAY_ZERO = datetime(1899, 12, 30)  # noqa: DTZ001 - its zone is the row's
_UNTIL = re.compile(r"\d \d\d:\d\d(-\d\d:\d\d)$", re.ASCII)
_LONGEST_VISIT = timedelta(hours=4)
_SLOTS = 10_000
_Reader = Callable[[str], datetime | None]


class ParsedDateTime(NamedTuple):
    """at: in UTC. repeated: the clocks show that time twice on the day, and the first is meant."""

    at: datetime
    repeated: bool = False


@lru_cache(_SLOTS)
def parse_datetime(words: str, zone: ZoneInfo, day_first: bool = False) -> ParsedDateTime | ErrorCode:
    """The moment that some words write; without a zone it is meant in `zone`. An hour that the clocks skip is refused.

    Visits begin at the same few times of a day, so each is read once.
    """
    parsed = next((found for read in _readers(day_first) if (found := read(words)) is not None), None)
    # The very last year has moments that no other zone can write.
    if parsed is None or not 1900 <= parsed.year < MAXYEAR:
        return ErrorCode.DATE
    if parsed.tzinfo is not None:
        return ErrorCode.DATE if _may_be_until(words, parsed, zone) else ParsedDateTime(parsed.astimezone(UTC))
    local = parsed.replace(tzinfo=zone)
    there_and_back = local.astimezone(UTC).astimezone(zone)
    if there_and_back.replace(tzinfo=None) != parsed:
        return ErrorCode.SKIPPED_HOUR
    return ParsedDateTime(local.astimezone(UTC), local.utcoffset() != local.replace(fold=1).utcoffset())


def _read_iso(words: str) -> datetime | None:
    # A date alone would be read as midnight.
    if ":" not in words and "T" not in words:
        return None
    try:
        return datetime.fromisoformat(words)
    except ValueError:
        return None


def _may_be_until(words: str, parsed: datetime, zone: ZoneInfo) -> bool:
    """Whether 10:00-11:00 may be from ten to eleven, and not ten o'clock eleven hours west of UTC."""
    west = -(parsed.utcoffset() or timedelta())
    begins = timedelta(hours=parsed.hour, minutes=parsed.minute)
    own = parsed.astimezone(zone).utcoffset() == parsed.utcoffset()
    return bool(_UNTIL.search(words)) and not own and begins < west <= begins + _LONGEST_VISIT


def _read_serial(words: str) -> datetime | None:
    found = _SERIAL.match(words)
    if found is None:
        return None
    return _DAY_ZERO + timedelta(days=int(found[1]), seconds=round(float(found[2]) * 24 * 3600))


@lru_cache
def _readers(day_first: bool) -> tuple[_Reader, ...]:
    dates = [_DAY_FIRST.get(date, date) for date in _DATES] if day_first else _DATES
    patterns = [f"{date} {clock}" for date in dates for clock in _CLOCKS]
    return (_read_iso, _read_serial, lambda words: _read_patterns(words, patterns))


def _read_patterns(words: str, patterns: Sequence[str]) -> datetime | None:
    for loose, plain in _LOOSE:
        words = loose.sub(plain, words)
    for pattern in patterns:
        try:
            return datetime.strptime(words, pattern)  # noqa: DTZ007 - its zone is the row's
        except ValueError:
            continue
    return None
