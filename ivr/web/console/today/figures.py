"""The numbers as pictures, each with the table that says the same."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from flask_babel import format_decimal, format_percent

from ivr.web.console.dates import full_day, short_day, time_of_day
from ivr.web.console.today.numbers import Numbers
from ivr.web.console.today.plots import Bar, bars
from ivr.web.console.words import gettext, pgettext

# Of a day without a change of clocks.
HOURS = 24


@dataclass(frozen=True)
class Figure:
    """A plot. height: the value of a bar of full height. first, last: the words at the ends of its axis.

    heading, columns: of its table, whose rows are a day or an hour and its values, all in words. name: on the page.
    """

    name: str
    title: str
    bars: list[Bar]
    height: str
    first: str
    last: str
    heading: str
    columns: tuple[str, ...]
    rows: list[tuple[str, tuple[str, ...]]]


def day_figures(numbers: Numbers) -> list[Figure]:
    """Calls, texts and reminders by day."""
    return [
        _by_day(numbers, "calls", gettext("Calls")),
        _by_day(numbers, "texts", gettext("Texts from patients")),
        _by_day(numbers, "reminders", gettext("Reminders sent")),
    ]


def hour_figures(numbers: Numbers) -> list[Figure]:
    """Calls, texts and reminders by the hour of today."""
    return [
        _by_hour(numbers, "calls", gettext("Calls by hour")),
        _by_hour(numbers, "texts", gettext("Texts from patients by hour")),
        _by_hour(numbers, "reminders", gettext("Reminders sent by hour")),
    ]


def _by_hour(numbers: Numbers, name: str, title: str) -> Figure:
    values: list[int] = [getattr(hour, name) for hour in numbers.hours]
    most = max(values)
    hours = [time_of_day(hour.begin) for hour in numbers.hours]
    cells = [str(format_decimal(count)) for count in values]
    to_come = HOURS - len(values)
    titles = [gettext("%(day)s: %(words)s", day=hour, words=count) for hour, count in zip(hours, cells, strict=True)]
    return Figure(
        f"{name}-by-hour",
        title,
        bars([values + [None] * to_come], [titles + [""] * to_come], max(1, most)),
        height=gettext("Most in one hour: %(count)s", count=format_decimal(most)),
        first=hours[0],
        last=hours[0],
        heading=gettext("Hour from"),
        columns=(title,),
        rows=[(hour, (count,)) for hour, count in zip(reversed(hours), reversed(cells), strict=True)],
    )


def _by_day(numbers: Numbers, name: str, title: str) -> Figure:
    values: list[int] = [getattr(day, name) for day in numbers.days]
    most = max(values)
    words = [_day_and(day.day, format_decimal(count)) for day, count in zip(numbers.days, values, strict=True)]
    return Figure(
        f"{name}-by-day",
        title,
        bars([values], [words], max(1, most)),
        height=gettext("Most in one day: %(count)s", count=format_decimal(most)),
        first=_short(numbers.days[0].day),
        last=gettext("Today"),
        heading=gettext("Day"),
        columns=(title,),
        # The newest first, as one reads a list.
        rows=[(full_day(day.day), (format_decimal(getattr(day, name)),)) for day in reversed(numbers.days)],
    )


def week_figure(numbers: Numbers) -> Figure:
    """The parts of appointments that were confirmed and attended, by the week in which their texts went out."""
    names = {"confirmed": pgettext("patients", "Confirmed"), "attended": gettext("Came")}
    shares = {name: [week["percent"][name] for week in numbers.weeks] for name in names}
    mondays = [week["week_of"] for week in numbers.weeks]
    words = [
        [
            f"{names[name]}, {_day_and(monday, _percent(share))}"
            for monday, share in zip(mondays, shares[name], strict=True)
        ]
        for name in names
    ]
    return Figure(
        "rates-by-week",
        gettext("Confirmed and came, by week"),
        bars(list(shares.values()), words, 100),
        height=gettext("Full height: %(share)s", share=_percent(100)),
        first=_short(mondays[0]),
        last=gettext("This week"),
        heading=gettext("Week from"),
        columns=(gettext("Appointments"), names["confirmed"], names["attended"]),
        rows=[(full_day(week["week_of"]), _week_cells(week)) for week in reversed(numbers.weeks)],
    )


def _week_cells(week: dict[str, Any]) -> tuple[str, ...]:
    shares = week["percent"]
    return (
        format_decimal(week["visits"]),
        _percent(shares["confirmed"]),
        _percent(shares["attended"]),
    )


def _percent(share: float | None) -> str:
    return gettext("too few") if share is None else str(format_percent(share / 100, "#,##0%"))


def _short(day: date) -> str:
    return short_day(day)


def _day_and(day: date, words: str) -> str:
    return gettext("%(day)s: %(words)s", day=_short(day), words=words)
