"""The form of opening hours and phone numbers, and the closed days of a year."""

from __future__ import annotations

import calendar
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, time
from itertools import groupby

from flask_babel import format_date, get_locale

from ivr.line.callflow.holiday_calendar import ADDED, OBSERVED, closed_days
from ivr.line.content.config import DAYS, PHONE, Config, DirectoryEntry, Holidays
from ivr.line.content.front_matter import quote
from ivr.line.content.yaml_source import Path
from ivr.line.lint.folder_rules import why_costly
from ivr.web.console.dates import time_of_day
from ivr.web.console.words import gettext, translated

MOST_NAME = 80


@dataclass(frozen=True)
class EntryForm:
    """The fields of an office, by name."""

    entry: DirectoryEntry
    name: str
    fields: Mapping[str, str]


@dataclass(frozen=True)
class Day:
    """A day of the calendar; number is 0 before the first of a month. hours: other ones than on that weekday."""

    number: int
    iso: str = ""
    closed: str = ""
    hours: str = ""


@dataclass(frozen=True)
class Month:
    name: str
    weeks: tuple[tuple[Day, ...], ...]


def name_field(entry: DirectoryEntry, language: str) -> str:
    return f"{entry.id}-name-{language}"


def fields_of(config: Config, entry: DirectoryEntry) -> dict[str, str]:
    """The fields of an office as they are in the draft."""
    fields = {
        **{name_field(entry, language): entry.name.get(language, "") for language in config.languages},
        f"{entry.id}-number": entry.number,
        f"{entry.id}-confirmed": "yes" if entry.confirmed else "",
        f"{entry.id}-holidays": "yes" if entry.holidays == "closed" else "",
    }
    for day in DAYS:
        hours = entry.hours.get(day)
        fields[f"{entry.id}-{day}-opens"] = f"{hours[0]:%H:%M}" if hours else ""
        fields[f"{entry.id}-{day}-closes"] = f"{hours[1]:%H:%M}" if hours else ""
    return fields


def errors_of(config: Config, fields: Mapping[str, str]) -> dict[str, str]:
    """A sentence for each field that is wrong, in the order of the page. The check of line.yaml finds the rest."""
    errors: dict[str, str] = {}
    for entry in config.directory:
        for language in config.languages:
            name = fields.get(name_field(entry, language), "").strip()
            if not 0 < len(name) <= MOST_NAME or not name.isprintable():
                errors[name_field(entry, language)] = gettext(
                    "Enter the name as callers hear it, up to %(limit)s characters.", limit=MOST_NAME
                )
        number = fields.get(f"{entry.id}-number", "").strip()
        if number != entry.number and (problem := number_problem(config, number, entry.name[config.default_language])):
            errors[f"{entry.id}-number"] = problem
        errors |= {f"{entry.id}-{day}-opens": problem for day, problem in _hours_problems(entry, fields).items()}
    return errors


def number_problem(config: Config, number: str, name: str) -> str:
    """What is wrong with the number of an office; empty if nothing is. name: that of the office."""
    if not re.fullmatch(PHONE, number):
        return gettext("Enter the phone number with ten digits, such as 603-663-2180.")
    costly = why_costly(config, number, name)
    return translated(costly) if costly else ""


def _hours_problems(entry: DirectoryEntry, fields: Mapping[str, str]) -> dict[str, str]:
    """What is wrong with the hours of an office, by day."""
    problems: dict[str, str] = {}
    spans = {day: (_at(fields, entry.id, day, "opens"), _at(fields, entry.id, day, "closes")) for day in DAYS}
    if not any(opens for opens, _ in spans.values()):
        problems["Mon"] = gettext("Enter the hours of at least one day.")
    for day, (opens, closes) in spans.items():
        if opens is None or closes is None or bool(opens) != bool(closes):
            problems[day] = gettext("Enter both times, such as 08:00 and 17:00, or leave both empty if it is closed.")
        elif opens and opens >= closes:
            problems[day] = gettext("It closes before it opens: correct one of the two times.")
    return problems


def _at(fields: Mapping[str, str], entry: str, day: str, edge: str) -> str | None:
    """A time as HH:MM; empty if there is none; None if it is not a time."""
    text = fields.get(f"{entry}-{day}-{edge}", "").strip()
    if not text:
        return ""
    try:
        return f"{time.fromisoformat(text):%H:%M}"
    except ValueError:
        return None


def changes_of(config: Config, fields: Mapping[str, str]) -> dict[Path, str]:
    """The values of line.yaml that the fields change. The fields have no errors."""
    changes: dict[Path, str] = {}
    for index, entry in enumerate(config.directory):
        before = fields_of(config, entry)
        sent = {name: fields.get(name, "").strip() for name in before}
        times = {day: (_at(sent, entry.id, day, "opens") or "", _at(sent, entry.id, day, "closes")) for day in DAYS}
        known = {day: (before[f"{entry.id}-{day}-opens"], before[f"{entry.id}-{day}-closes"]) for day in DAYS}
        place: Path = ("directory", index)
        if times != known:
            changes[*place, "hours"] = _written_hours(times)
        for language in config.languages:
            name = sent[name_field(entry, language)]
            if name != before[name_field(entry, language)]:
                changes[*place, "name", language] = quote(name)
        number = sent[f"{entry.id}-number"]
        if number != entry.number:
            changes[*place, "number"] = quote(number)
        confirmed = sent[f"{entry.id}-confirmed"] == "yes"
        if confirmed != entry.confirmed:
            changes[*place, "confirmed"] = str(confirmed).lower()
        holidays = "closed" if sent[f"{entry.id}-holidays"] == "yes" else "open"
        if holidays != entry.holidays:
            changes[*place, "holidays"] = holidays
    return changes


def _written_hours(times: Mapping[str, tuple[str, str | None]]) -> str:
    """Such as {Mon-Fri: 08:00-17:00, Sat: 09:00-12:00}."""
    spans = []
    for (opens, closes), group in groupby(DAYS, lambda day: times[day]):
        days = list(group)
        if opens:
            spans.append(f"{days[0]}{f'-{days[-1]}' if len(days) > 1 else ''}: {opens}-{closes}")
    return f"{{{', '.join(spans)}}}"


def closed_reasons(rule: Holidays, year: int) -> dict[date, str]:
    """The closed days of a year, each with why, in the language of the pages."""
    return {day: _reason(name) for day, name in closed_days(rule, year).items()}


def _reason(name: str) -> str:
    if name == ADDED:
        return gettext("added by the hospital")
    holiday = gettext(name.removesuffix(OBSERVED))
    return gettext("%(holiday)s (observed)", holiday=holiday) if name.endswith(OBSERVED) else holiday


def months_of(rule: Holidays, year: int) -> list[Month]:
    """A year as a calendar whose weeks begin on Sunday."""
    closed = closed_reasons(rule, year)
    weeks_of = calendar.Calendar(calendar.SUNDAY)
    months = []
    for month in range(1, 13):
        weeks = tuple(
            tuple(_day(rule, closed, date(year, month, day)) if day else Day(0) for day in week)
            for week in weeks_of.monthdayscalendar(year, month)
        )
        months.append(Month(str(format_date(date(year, month, 1), "LLLL")), weeks))
    return months


def _day(rule: Holidays, closed: Mapping[date, str], day: date) -> Day:
    reason = closed.get(day, "")
    return Day(day.day, day.isoformat(), reason, "" if reason else other_hours(rule).get(day, ""))


def other_hours(rule: Holidays) -> dict[date, str]:
    """The days with other hours than on that weekday, in order, each with its hours in words."""
    return {day: hours_in_words(hours) for day, hours in sorted(rule.hours.items())}


def hours_in_words(hours: tuple[time, time]) -> str:
    """8:00 AM to 12:00 PM."""
    opens, closes = map(time_of_day, hours)
    return gettext("%(opens)s to %(closes)s", opens=opens, closes=closes)


def weekday_names(width: str = "abbreviated") -> dict[str, str]:
    """The days of the week, Monday first, in the language of the pages."""
    locale = get_locale()
    assert locale is not None
    names = locale.days["stand-alone"][width]
    return {day: str(names[index]) for index, day in enumerate(DAYS)}


def read_hours(opens: str, closes: str) -> tuple[time, time] | None:
    """The hours of a form; None if they are none."""
    try:
        hours = time.fromisoformat(opens.strip()), time.fromisoformat(closes.strip())
    except ValueError:
        return None
    return hours if hours[0] < hours[1] else None


def with_day(rule: Holidays, day: date, *, closed: bool, hours: tuple[time, time] | None = None) -> dict[Path, str]:
    """The values of line.yaml with a day closed, or open at the hours of its weekday or at others."""
    is_public = day in closed_days(Holidays(state=rule.state), day.year)
    add, remove = set(rule.add) - {day}, set(rule.remove) - {day}
    if closed and not is_public:
        add.add(day)
    if not closed and is_public:
        remove.add(day)
    changes: dict[Path, str] = {}
    for name, days, before in (("add", add, rule.add), ("remove", remove, rule.remove)):
        if days != set(before):
            changes["holidays", name] = _list_of(sorted(days))
    others = {other: span for other, span in rule.hours.items() if other != day} | ({day: hours} if hours else {})
    if others != rule.hours:
        changes["holidays", "hours"] = _hours_of_days(others)
    return changes


def _hours_of_days(days: Mapping[date, tuple[time, time]]) -> str:
    """Such as {2026-12-24: 08:00-12:00}."""
    spans = (f"{day.isoformat()}: {opens:%H:%M}-{closes:%H:%M}" for day, (opens, closes) in sorted(days.items()))
    return f"{{{', '.join(spans)}}}"


def _list_of(days: Sequence[date]) -> str:
    return f"[{', '.join(day.isoformat() for day in days)}]"
