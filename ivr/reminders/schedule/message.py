"""The text of a reminder: the prompt of its step, filled in with the appointment's date, time, and site."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from ivr.line.callflow.hours import format_time_of_day
from ivr.line.content.loader import Content
from ivr.line.locales.locale import get_locale


class MissingText(Exception):
    """A release has no text for a prompt; the message names its file."""


def appointment_values(content: Content, language: str, starts_at: datetime, zone: str, site: str) -> dict[str, str]:
    """The values of {date}, {time}, {site}, and {number}. zone: of the appointment."""
    from babel.dates import format_date

    local = starts_at.astimezone(ZoneInfo(zone))
    configured = content.config.site(site) or content.config.sites[0]
    return {
        "date": format_date(local.date(), get_locale(language).reminder_date, locale=language),
        "time": format_time_of_day(local.time(), language),
        "site": configured.name[language],
        "number": content.config.entry(configured.directory).number,
    }


def reminder_text(content: Content, prompt: str, language: str, values: dict[str, str]) -> str:
    """The text as sent, in GSM-7 characters. Raises MissingText if the release has none for the prompt."""
    try:
        body = content.texted(language, prompt, **values)
    except KeyError:
        body = ""
    if not body.strip():
        raise MissingText(f"{language}/{prompt}.md has no text under ## Texted")
    return body
