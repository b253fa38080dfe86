"""Dates and times of day as people in the United States write them, in each language of the pages."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

from flask_babel import format_date, format_datetime, format_time, format_timedelta

from ivr.web.console.language import language

# Patterns: https://unicode.org/reports/tr35/tr35-dates.html#Date_Format_Patterns
_DAY = {"en": "MMM d", "es": "d MMM"}
_FULL_DAY = {"en": "EEE, MMM d, y", "es": "EEE d MMM y"}
_MOMENT = {"en": "MMM d, y, h:mm a", "es": "d MMM y, h:mm a"}
_FULL_MOMENT = {"en": "EEE, MMM d, y, h:mm a", "es": "EEE d MMM y, h:mm a"}
_TIME = "h:mm a"


def short_day(day: date) -> str:
    """Dec 1."""
    return str(format_date(day, _DAY[language()], rebase=False))


def full_day(day: date) -> str:
    """Tue, Dec 1, 2026."""
    return str(format_date(day, _FULL_DAY[language()], rebase=False))


def short_moment(moment: datetime) -> str:
    """Dec 1, 2026, 2:30 PM. moment: in the zone to show."""
    return str(format_datetime(moment, _MOMENT[language()], rebase=False))


def full_moment(moment: datetime) -> str:
    """Tue, Dec 1, 2026, 2:30 PM. moment: in the zone to show."""
    return str(format_datetime(moment, _FULL_MOMENT[language()], rebase=False))


def time_of_day(moment: datetime | time) -> str:
    """2:30 PM. moment: in the zone to show."""
    return str(format_time(moment, _TIME, rebase=False))


def duration(length: timedelta) -> str:
    """3 hours. Rounded to the largest unit."""
    return str(format_timedelta(max(length, timedelta(seconds=1))))
