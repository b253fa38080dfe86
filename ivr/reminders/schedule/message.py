"""The text of a reminder: the prompt of its step, filled in with the appointment's date, time, and site."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from ivr.line.callflow.hours import format_time_of_day
from ivr.line.content.loader import Content
from ivr.line.locales.locale import get_locale

# Reminders of one day are about few days and times.
_CACHE_SIZE = 1000


class MissingText(Exception):
    """A release has no text for a prompt; the message names its file."""


def appointment_values(content: Content, language: str, starts_at: datetime, zone: str, site: str) -> dict[str, str]:
    """The values of {date}, {time}, {site}, and {number}. zone: of the appointment."""
    local = starts_at.astimezone(ZoneInfo(zone))
    configured = content.config.site(site) or content.config.sites[0]
    return {
        "date": _date(local.date(), language),
        "time": _time(local.time(), language),
        "site": configured.name[language],
        "number": content.config.entry(configured.directory).number,
    }


def preload(languages: Iterable[str]) -> None:
    """Load what dates are written with, which takes a tenth of a second."""
    for language in languages:
        _date(date.min, language)


@lru_cache(_CACHE_SIZE)
def _date(day: date, language: str) -> str:
    from babel.dates import format_date

    return str(format_date(day, get_locale(language).reminder_date, locale=language))


_time = lru_cache(_CACHE_SIZE)(format_time_of_day)


def reminder_text(content: Content, prompt: str, language: str, values: dict[str, str]) -> str:
    """The text as sent, in GSM-7 characters. Raises MissingText if the release has none for the prompt."""
    try:
        body = content.texted(language, prompt, **values)
    except KeyError:
        body = ""
    if not body.strip():
        raise MissingText(f"{language}/{prompt}.md has no text under ## Texted")
    return body
