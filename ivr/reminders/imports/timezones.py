"""Time zones as scheduling systems write them.

An abbreviation such as EST means the American zone with daylight saving time, although the database of time zones has
a zone EST without it: nobody in New Hampshire means that in July.
"""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple
from zoneinfo import available_timezones

# localtime is the setting of this computer, and Factory is a placeholder.
_NO_ZONES = frozenset({"localtime", "Factory"})
_NAMES = {
    "America/New_York": "est, edt, et, eastern, us eastern, est5edt",
    "America/Chicago": "cst, cdt, ct, central, us central, cst6cdt",
    "America/Denver": "mst, mdt, mt, mountain, us mountain, mst7mdt",
    "America/Los_Angeles": "pst, pdt, pt, pacific, us pacific, pst8pdt",
    "America/Anchorage": "akst, akdt, akt, alaska, alaskan, us alaska",
    "Pacific/Honolulu": "hst, hawaii, hawaiian, us hawaii",
    "America/Phoenix": "arizona, us arizona, us mountain standard time",
    "America/Indiana/Indianapolis": "indiana, us eastern standard time",
    "America/Puerto_Rico": "ast, atlantic, puerto rico",
    "Pacific/Guam": "chst, chamorro, guam",
}
_SUFFIXES = ("", " time", " standard time", " daylight time", " time us canada", " time us and canada")
_SEPARATORS = re.compile(r"[^a-z0-9]+")
# Windows writes (UTC-05:00) Eastern Time (US & Canada).
_PREFIX = re.compile(r"^\((?:utc|gmt)[^)]*\)\s*(?=\S)", re.IGNORECASE)
_OFFSET = re.compile(r"(?:utc|gmt)?\s*([+-])(\d{1,2})(?::?00)?$", re.IGNORECASE | re.ASCII)
_FIXED = re.compile(r"(?:Etc/)?(?:GMT|UTC|UCT|Zulu|Universal|Greenwich)(?:[+-]?\d+)?$")


class TimeZone(NamedTuple):
    """name: an IANA name. is_fixed: whether it has the same offset in winter and summer by definition."""

    name: str
    is_fixed: bool = False


def parse_timezone(text: str) -> TimeZone | None:
    """The zone that some words mean; None if they are unknown."""
    text = _PREFIX.sub("", text.strip())
    name = _american().get(_key(text)) or _zones().get(text.lower())
    if name:
        return TimeZone(name, bool(_FIXED.match(name)))
    offset = _OFFSET.match(text)
    if offset:
        # In these names, a plus sign means west of Greenwich.
        reverse = {"+": "-", "-": "+"}[offset[1]]
        name = _zones().get(f"etc/gmt{reverse}{int(offset[2])}")
    return TimeZone(name, is_fixed=True) if name else None


@cache
def _zones() -> dict[str, str]:
    """The names of the zones by their names in lowercase."""
    return {name.lower(): name for name in sorted(available_timezones() - _NO_ZONES)}


@cache
def _american() -> dict[str, str]:
    words = {
        _key(word + suffix): zone
        for zone, names in _NAMES.items()
        for word in names.split(", ")
        for suffix in _SUFFIXES
    }
    # The names that Windows gives to zones without daylight saving time end like a suffix.
    exact = {_key(word): zone for zone, names in _NAMES.items() for word in names.split(", ")}
    return words | exact


def _key(text: str) -> str:
    return _SEPARATORS.sub("", text.lower())
