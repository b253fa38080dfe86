"""Lint rules for the folder as a whole and for line.yaml. Each takes the content and yields findings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date

from ivr.line.callflow.holiday_calendar import closed_days
from ivr.line.content.findings import Finding
from ivr.line.content.loader import LINE_FILE, Content
from ivr.line.lint.limits import as_sent, is_reminder, longest_text
from ivr.line.text.gsm7 import count_segments

MOST_CHOICES = 5
MEAN_SEGMENTS = 2
# The month from which the closed days of the next year are due.
_NEXT_YEAR_FROM = 10
# Voices that Twilio lists for each language: https://www.twilio.com/docs/voice/twiml/say/text-speech
VOICES = {
    "en-US": "Danielle Gregory Ivy Joanna Joey Justin Kendra Kevin Kimberly Matthew Ruth Salli Stephen",
    "es-US": "Lupe Pedro",
    "es-MX": "Andres Mia",
    "pt-BR": "Camila Thiago Vitoria",
    "fr-CA": "Gabrielle Liam",
}


def _costly_on_average(content: Content) -> Iterator[Finding]:
    """To keep replies affordable, they average at most two segments. Reminders have their own limit."""
    for language in content.config.languages:
        segments = [
            count_segments(as_sent(prompt, longest_text(content, prompt, prompt.texted))).segments
            for prompt in content.prompts.values()
            if prompt.texted and prompt.language == language and not is_reminder(content, prompt)
        ]
        mean = sum(segments) / max(1, len(segments))
        if mean > MEAN_SEGMENTS:
            message = (
                f"Text replies in `{language}` average {mean:.1f} segments: shorten the longest ones"
                f" until the average is {MEAN_SEGMENTS} or less."
            )
            yield Finding(LINE_FILE, 0, "segments", "error", message)


def _too_many_choices(content: Content) -> Iterator[Finding]:
    for name, menu in content.config.menus.items():
        if len(menu.choices) > MOST_CHOICES:
            message = f"The menu `{name}` has {len(menu.choices)} choices: cut it down to {MOST_CHOICES} or fewer."
            yield content.source.fault(("menus", name, "choices"), "menu-choices", message)


def _unconfirmed(content: Content) -> Iterator[Finding]:
    for index, entry in enumerate(content.config.directory):
        if not entry.confirmed:
            message = (
                f"The hours of {entry.id} are not confirmed: check them with the hospital, then set `confirmed: true`."
            )
            line = content.source.line(("directory", index, "confirmed"))
            yield Finding(LINE_FILE, line, "unconfirmed", "warning", message)


def unconfirmed_holidays(content: Content, today: date) -> Iterator[Finding]:
    """The closed days of this year, and from October of the next one too, until the hospital has confirmed them."""
    config = content.config
    if all(entry.holidays == "open" for entry in config.directory):
        return
    confirmed = config.holidays.confirmed or 0
    for year in (today.year, today.year + 1) if today.month >= _NEXT_YEAR_FROM else (today.year,):
        if year > confirmed:
            days = closed_days(config.holidays, year).items()
            listed = "; ".join(f"{day:%a %b} {day.day} {name}" for day, name in days) or "none"
            message = (
                f"The closed days of {year} are not confirmed: check this list with the hospital, correct it with"
                f" `add:` and `remove:`, then set `confirmed: {year}`. Closed: {listed}."
            )
            line = content.source.line(("holidays",))
            yield Finding(LINE_FILE, line, "unconfirmed", "warning", message)


def _unknown_voices(content: Content) -> Iterator[Finding]:
    for code, language in content.config.languages.items():
        known = {f"Polly.{name}{kind}" for name in VOICES.get(language.tag, "").split() for kind in ("", "-Neural")}
        if language.voice not in known:
            voice, tag = language.voice, language.tag
            message = f"{voice} is not a known voice for {tag}: check the name, then call the line and listen."
            line = content.source.line(("languages", code, "voice"))
            yield Finding(LINE_FILE, line, "voice", "warning", message)


FOLDER_RULES: tuple[Callable[[Content], Iterator[Finding]], ...] = (
    _costly_on_average,
    _too_many_choices,
    _unconfirmed,
    _unknown_voices,
)
