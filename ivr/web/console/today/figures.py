"""The numbers as pictures, each with the table that says the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

from flask_babel import format_decimal, format_percent

from ivr.web.console.dates import short_day
from ivr.web.console.today.numbers import DayCounts, Numbers
from ivr.web.console.today.plots import Bar, bars
from ivr.web.console.words import gettext, pgettext


@dataclass(frozen=True)
class Figure:
    """A plot. height: the value of a bar of full height. first, last: the words at the ends of its axis.

    heading, columns: of its table, whose rows are a day and its values in words.
    """

    title: str
    bars: list[Bar]
    height: str
    first: str
    last: str
    heading: str
    columns: tuple[str, ...]
    rows: list[tuple[date, tuple[str, ...]]]


def day_figures(numbers: Numbers) -> list[Figure]:
    """Calls, texts and reminders by day."""
    return [
        _by_day(numbers, gettext("Calls"), lambda day: day.calls),
        _by_day(numbers, gettext("Texts from patients"), lambda day: day.texts),
        _by_day(numbers, gettext("Reminders sent"), lambda day: day.reminders),
    ]


def _by_day(numbers: Numbers, title: str, value: Callable[[DayCounts], int]) -> Figure:
    values = [value(day) for day in numbers.days]
    most = max(values)
    words = [_day_and(day.day, format_decimal(count)) for day, count in zip(numbers.days, values, strict=True)]
    return Figure(
        title,
        bars([values], [words], max(1, most)),
        height=gettext("Most in one day: %(count)s", count=format_decimal(most)),
        first=_short(numbers.days[0].day),
        last=gettext("Today"),
        heading=gettext("Day"),
        columns=(title,),
        # The newest first, as one reads a list.
        rows=[(day.day, (format_decimal(value(day)),)) for day in reversed(numbers.days)],
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
        gettext("Confirmed and came, by week"),
        bars(list(shares.values()), words, 100),
        height=gettext("Full height: %(share)s", share=_percent(100)),
        first=_short(mondays[0]),
        last=gettext("This week"),
        heading=gettext("Week from"),
        columns=(gettext("Appointments"), names["confirmed"], names["attended"]),
        rows=[(week["week_of"], _week_cells(week)) for week in reversed(numbers.weeks)],
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
