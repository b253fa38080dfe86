"""The public holidays of a US state, by year.

New Hampshire's are those of its law, RSA 288:1 and 288:2: https://www.gencourt.state.nh.us/rsa/html/XXV/288/288-mrg.htm
Those of other states come from the `holidays` library, whose list for New Hampshire differs from the law.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from functools import lru_cache

from ivr.i18n import N_
from ivr.line.content.config import Holidays

_MONDAY, _THURSDAY = 0, 3
_LAST = -1
_FIXED = {
    (1, 1): N_("New Year's Day"),
    (7, 4): N_("Independence Day"),
    (11, 11): N_("Veterans Day"),
    (12, 25): N_("Christmas Day"),
}
# Month, weekday, and which one of the month.
_FLOATING = {
    (1, _MONDAY, 3): N_("Martin Luther King, Jr. Civil Rights Day"),
    (2, _MONDAY, 3): N_("Washington's Birthday"),
    (5, _MONDAY, _LAST): N_("Memorial Day"),
    (9, _MONDAY, 1): N_("Labor Day"),
    (10, _MONDAY, 2): N_("Columbus Day"),
    (11, _THURSDAY, 4): N_("Thanksgiving Day"),
}
_ELECTION_DAY = N_("Election Day")
ADDED = "added in line.yaml"
OBSERVED = " (observed)"


def closed_days(rule: Holidays, year: int) -> dict[date, str]:
    """The days of a year on which entries with `holidays: closed` are closed, in order, each with its name."""
    added = {day: ADDED for day in rule.add if day.year == year}
    days = {day: name for day, name in _state_holidays(rule.state, year).items() if day not in rule.remove}
    return dict(sorted({**added, **days}.items()))


def is_holiday(rule: Holidays, day: date) -> bool:
    """Whether a day is a public holiday of the US state, with the additions and removals of line.yaml."""
    return day in rule.add or (day not in rule.remove and day in _state_holidays(rule.state, day.year))


@lru_cache(64)
def _state_holidays(state: str, year: int) -> Mapping[date, str]:
    if state == "NH":
        return dict(_new_hampshire(year))
    # Imported late: the library loads every country, and most lines do not need it.
    from holidays import country_holidays

    return dict(country_holidays("US", subdiv=state, years=year))


def _new_hampshire(year: int) -> Iterator[tuple[date, str]]:
    for (month, day), name in _FIXED.items():
        holiday = date(year, month, day)
        yield holiday, name
        # A holiday on a Sunday is observed on Monday; one on a Saturday stays there.
        if holiday.isoweekday() == 7:
            yield holiday + timedelta(days=1), f"{name}{OBSERVED}"
    for (month, weekday, nth), name in _FLOATING.items():
        yield _nth_weekday(year, month, weekday, nth), name
    if year % 2 == 0:
        yield _nth_weekday(year, 11, _MONDAY, 1) + timedelta(days=1), _ELECTION_DAY


def _nth_weekday(year: int, month: int, weekday: int, nth: int) -> date:
    """The nth such weekday of a month; the last one for -1."""
    first = date(year, month, 1)
    days = [first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * week) for week in range(5)]
    return [day for day in days if day.month == month][nth if nth < 0 else nth - 1]
