"""Lint rules for the folder as a whole and for line.yaml. Each takes the content and yields findings."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ivr.line.content.findings import Finding
from ivr.line.content.loader import LINE_FILE, Content
from ivr.line.lint.limits import is_reminder, segments_as_sent

MOST_CHOICES = 5
MEAN_SEGMENTS = 2
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
            segments_as_sent(content, prompt, prompt.texted).segments
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


def _warning(content: Content, path: tuple[str | int, ...], rule: str, message: str) -> Finding:
    return Finding(LINE_FILE, content.source.line(path), rule, "warning", message)


def _unconfirmed(content: Content) -> Iterator[Finding]:
    for index, entry in enumerate(content.config.directory):
        if not entry.confirmed:
            message = (
                f"The hours of {entry.id} are not confirmed: check them with the hospital, then set `confirmed: true`."
            )
            yield _warning(content, ("directory", index, "confirmed"), "unconfirmed", message)


def _unknown_voices(content: Content) -> Iterator[Finding]:
    for code, language in content.config.languages.items():
        known = {f"Polly.{name}{kind}" for name in VOICES.get(language.tag, "").split() for kind in ("", "-Neural")}
        if language.voice not in known:
            voice, tag = language.voice, language.tag
            message = f"{voice} is not a known voice for {tag}: check the name, then call the line and listen."
            yield _warning(content, ("languages", code, "voice"), "voice", message)


Rule = Callable[[Content], Iterator[Finding]]
FOLDER_RULES: tuple[Rule, ...] = (_costly_on_average, _too_many_choices, _unconfirmed, _unknown_voices)
