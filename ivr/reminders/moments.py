"""Dates and times as offices write them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import MAXYEAR, UTC, datetime
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from ivr.reminders.faults import FileFault

# As American offices write it, month first; the first that fits is meant.
_CLOCKS = ("%H:%M", "%H:%M:%S", "%I:%M %p", "%I:%M%p", "%I:%M:%S %p")
_DATES = ("%m/%d/%Y", "%m/%d/%y", "%m-%d-%Y", "%Y-%m-%d", "%Y/%m/%d", "%b %d, %Y", "%B %d, %Y", "%d-%b-%Y")
_DAY_FIRST = {"%m/%d/%Y": "%d/%m/%Y", "%m/%d/%y": "%d/%m/%y", "%m-%d-%Y": "%d-%m-%Y"}
_BETWEEN = re.compile(r",? at |, (?=\d{1,2}:)|\s+")
_HALF_OF_DAY = re.compile(r"([ap])\.m\.?", re.IGNORECASE)
_SLOTS = 10_000
_Reader = Callable[[str], datetime | None]


class Moment(NamedTuple):
    """at: in UTC. repeated: the clocks show that time twice on the day, and the first is meant."""

    at: datetime
    repeated: bool = False


@lru_cache(_SLOTS)
def read_moment(words: str, zone: ZoneInfo, day_first: bool = False) -> Moment | FileFault:
    """The moment that some words write; without a zone it is meant in `zone`. An hour that the clocks skip is refused.

    Visits begin at the same few times of a day, so each is read once.
    """
    parsed = next((found for read in _readers(day_first) if (found := read(words)) is not None), None)
    # The very last year has moments that no other zone can write.
    if parsed is None or not 1900 <= parsed.year < MAXYEAR:
        return FileFault.DATE
    if parsed.tzinfo is not None:
        return Moment(parsed.astimezone(UTC))
    local = parsed.replace(tzinfo=zone)
    there_and_back = local.astimezone(UTC).astimezone(zone)
    if there_and_back.replace(tzinfo=None) != parsed:
        return FileFault.SKIPPED_HOUR
    return Moment(local.astimezone(UTC), local.utcoffset() != local.replace(fold=1).utcoffset())


def _read_iso(words: str) -> datetime | None:
    # A date alone would be read as midnight.
    if ":" not in words and "T" not in words:
        return None
    try:
        return datetime.fromisoformat(words)
    except ValueError:
        return None


@lru_cache
def _readers(day_first: bool) -> tuple[_Reader, ...]:
    dates = [_DAY_FIRST.get(date, date) for date in _DATES] if day_first else _DATES
    return (_read_iso, *_patterns(f"{date} {clock}" for date in dates for clock in _CLOCKS))


def _patterns(patterns: Iterable[str]) -> list[_Reader]:
    return [_reader(pattern) for pattern in patterns]


def _reader(pattern: str) -> _Reader:
    def read(words: str) -> datetime | None:
        spaced = _BETWEEN.sub(" ", _HALF_OF_DAY.sub(r"\1m", words))
        try:
            return datetime.strptime(spaced, pattern)  # noqa: DTZ007 - its zone is the row's
        except ValueError:
            return None

    return read
