"""When somebody answers: opening hours, holidays, and the same in words."""

from __future__ import annotations

from datetime import date, datetime, time
from functools import lru_cache

from babel.dates import format_time, get_day_names
from holidays import country_holidays
from holidays.holiday_base import HolidayBase

from ivr.line.config import DAYS, Config, Entry, Holidays

_TO = {"en": "to", "es": "a"}
_FROM = {"en": "from", "es": "de"}
# How the patients of a language read a clock, where that is not how the language's own country does.
_CLOCKS = {"en": "en_US", "es": "es_US"}


def is_open(config: Config, entry: Entry, now: datetime) -> bool:
    """Whether an entry of the directory answers at `now` (any aware moment), in the line's own zone."""
    here = now.astimezone(config.zone)
    hours = entry.hours.get(DAYS[here.weekday()])
    if hours is None or not hours[0] <= here.time() < hours[1]:
        return False
    return entry.holidays == "open" or not is_holiday(config.holidays, here.date())


def is_holiday(rule: Holidays, day: date) -> bool:
    """Whether a day is a public holiday of the state, after what line.yaml adds and removes."""
    if day in rule.add:
        return True
    return day not in rule.remove and day in _calendar(rule.state)


@lru_cache
def _calendar(state: str) -> HolidayBase:
    return country_holidays("US", subdiv=state)


def in_words(entry: Entry, language: str) -> str:
    """Opening hours as one says them: "Monday to Friday from 8:00 AM to 5:00 PM"."""
    spans: list[tuple[int, int, tuple[time, time]]] = []
    for at, day in enumerate(DAYS):
        hours = entry.hours.get(day)
        if hours and spans and spans[-1][1] == at - 1 and spans[-1][2] == hours:
            spans[-1] = (spans[-1][0], at, hours)
        elif hours:
            spans.append((at, at, hours))
    return ", ".join(_span_in_words(first, last, hours, language) for first, last, hours in spans)


def _span_in_words(first: int, last: int, hours: tuple[time, time], language: str) -> str:
    names = get_day_names("wide", locale=language)
    to, from_ = _TO.get(language, "-"), _FROM.get(language, "")
    days = names[first] if first == last else f"{names[first]} {to} {names[last]}"
    opens, closes = (clock_in_words(hour, language) for hour in hours)
    return f"{days} {from_} {opens} {to} {closes}"


def clock_in_words(hour: time, language: str) -> str:
    """A time of day as the language's patients read it: Americans say AM and PM, in whatever language."""
    locale = _CLOCKS.get(language, language)
    return format_time(hour, "h:mm a", locale=locale).replace("\u202f", " ").replace("\xa0", " ")
