"""Opening hours, and how they are said to callers."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

from ivr.line.callflow.holiday_calendar import is_holiday
from ivr.line.content.config import DAYS, Config, DirectoryEntry
from ivr.line.locales.locale import get_locale

# Longer than any closure.
_DAYS_AHEAD = 30


def is_open(config: Config, entry: DirectoryEntry, now: datetime) -> bool:
    """Whether a directory entry is open at `now`, an aware time in any zone; hours are in the line's time zone."""
    local = now.astimezone(config.zone)
    hours = hours_on(config, entry, local.date())
    return hours is not None and hours[0] <= local.time() < hours[1]


def hours_on(config: Config, entry: DirectoryEntry, day: date) -> tuple[time, time] | None:
    """From when to when a directory entry is open on a day; None if it is closed."""
    usual = entry.hours.get(DAYS[day.weekday()])
    if usual is None or entry.holidays == "open":
        return usual
    if is_holiday(config.holidays, day):
        return None
    opens, closes = config.holidays.hours.get(day, usual)
    hours = max(opens, usual[0]), min(closes, usual[1])
    return hours if hours[0] < hours[1] else None


def describe_hours(entry: DirectoryEntry, language: str) -> str:
    """Opening hours as people say them: "Monday to Friday from 8:00 AM to 5:00 PM"."""
    spans: list[tuple[int, int, tuple[time, time]]] = []
    for index, day in enumerate(DAYS):
        hours = entry.hours.get(day)
        if hours and spans and spans[-1][1] == index - 1 and spans[-1][2] == hours:
            spans[-1] = (spans[-1][0], index, hours)
        elif hours:
            spans.append((index, index, hours))
    return ", ".join(_describe_span(first, last, hours, language) for first, last, hours in spans)


def _describe_span(first: int, last: int, hours: tuple[time, time], language: str) -> str:
    from babel.dates import get_day_names

    locale, names = get_locale(language), get_day_names("wide", locale=language)
    days, span = names[first], locale.hours_on_one_day or locale.hours
    if first != last:
        days = locale.day_range.format(first=names[first], last=names[last])
        span = locale.hours
    opens, closes = (format_time_of_day(hour, language) for hour in hours)
    return span.format(days=days, opens=opens, closes=closes)


def describe_next_opening(config: Config, entry: DirectoryEntry, now: datetime, language: str) -> str:
    """When an entry that is closed at `now` opens again: "tomorrow at 8:00 AM". Empty if it never does."""
    local = now.astimezone(config.zone)
    for ahead in range(_DAYS_AHEAD):
        day = local.date() + timedelta(days=ahead)
        hours = hours_on(config, entry, day)
        if hours and (ahead or local.time() < hours[0]):
            day_name = _describe_day(day, ahead, language)
            return get_locale(language).day_at_time.format(day=day_name, time=format_time_of_day(hours[0], language))
    return ""


def _describe_day(day: date, ahead: int, language: str) -> str:
    from babel.dates import format_date, get_day_names

    locale = get_locale(language)
    near = (locale.today, locale.tomorrow)[ahead] if ahead < 2 else ""
    if near:
        return near
    name = get_day_names("wide", locale=language)[day.weekday()]
    if ahead >= 7:
        name += f" {format_date(day, 'd MMMM', locale=language)}"
    return locale.on_day.format(day=name)


def format_time_of_day(hour: time, language: str) -> str:
    """A time of day with AM and PM, which Americans use in every language."""
    from babel.dates import format_time

    locale = get_locale(language).clock_locale or language
    return format_time(hour, "h:mm a", locale=locale).replace("\u202f", " ").replace("\xa0", " ")
