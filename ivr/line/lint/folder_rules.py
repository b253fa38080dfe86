"""The rules for the folder as a whole, and for line.yaml. Each is a function from content to findings."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ivr.line.content.findings import Finding
from ivr.line.content.loader import LINE_FILE, Content
from ivr.line.lint.limits import segments_as_sent

MOST_CHOICES = 5
MEAN_SEGMENTS = 2.0
# Voices of the carrier that are known to speak these languages: https://www.twilio.com/docs/voice/twiml/say/text-speech
VOICES = {
    "en-US": "Danielle Gregory Ivy Joanna Joey Justin Kendra Kevin Kimberly Matthew Ruth Salli Stephen",
    "es-US": "Lupe Pedro",
    "es-MX": "Andres Mia",
    "pt-BR": "Camila Thiago Vitoria",
    "fr-CA": "Gabrielle Liam",
}


def _dear_on_average(content: Content) -> Iterator[Finding]:
    """Answers cost two segments on average at most, so that a conversation does not become a bill."""
    reminders = {step.wording for step in content.config.reminders.plan}
    for language in content.config.languages:
        taken = [
            segments_as_sent(content, prompt, prompt.texted).segments
            for prompt in content.prompts.values()
            if prompt.texted and prompt.language == language and prompt.name not in reminders
        ]
        mean = sum(taken) / max(1, len(taken))
        if mean > MEAN_SEGMENTS:
            message = f"Answers in `{language}` take {mean:.1f} segments on average: shorten the longest, to two."
            yield Finding(LINE_FILE, 0, "segments", "error", message)


def _many_choices(content: Content) -> Iterator[Finding]:
    for name, menu in content.config.menus.items():
        if len(menu.choices) > MOST_CHOICES:
            message = f"The menu `{name}` has {len(menu.choices)} choices: keep at most {MOST_CHOICES}."
            yield content.source.fault(("menus", name, "choices"), "menu-choices", message)


def _warning(content: Content, path: tuple[str | int, ...], rule: str, message: str) -> Finding:
    return Finding(LINE_FILE, content.source.line(path), rule, "warning", message)


def _unconfirmed(content: Content) -> Iterator[Finding]:
    for at, entry in enumerate(content.config.directory):
        if not entry.confirmed:
            message = f"The hours of {entry.id} are assumed: ask the hospital, then set confirmed: true."
            yield _warning(content, ("directory", at, "confirmed"), "unconfirmed", message)


def _unknown_voices(content: Content) -> Iterator[Finding]:
    for code, language in content.config.languages.items():
        known = {f"Polly.{name}{kind}" for name in VOICES.get(language.tag, "").split() for kind in ("", "-Neural")}
        if language.voice not in known:
            message = f"We do not know that {language.voice} speaks {language.tag}: call the line and listen."
            yield _warning(content, ("languages", code, "voice"), "voice", message)


FOLDER_RULES: tuple[Callable[[Content], Iterator[Finding]], ...] = (
    _dear_on_average,
    _many_choices,
    _unconfirmed,
    _unknown_voices,
)
