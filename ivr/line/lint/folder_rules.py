"""Lint rules for the folder as a whole and for line.yaml. Each takes the content and yields findings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date

from babel import Locale

from ivr.i18n import N_, Sentence, sentence
from ivr.line.callflow.holiday_calendar import closed_days
from ivr.line.content.config import Config
from ivr.line.content.costly_numbers import foreign_region, is_premium
from ivr.line.content.findings import Finding
from ivr.line.content.hl7_mapping import mapping_findings
from ivr.line.content.loader import HL7_FILE, LINE_FILE, Content
from ivr.line.content.yaml_source import Path
from ivr.line.lint.accent_rules import check_names
from ivr.line.lint.limits import as_sent, is_reminder, longest_text
from ivr.line.lint.plan_rules import names_of_the_test, steps_over_the_limit
from ivr.line.lint.voices import is_google_voice, polly_voices
from ivr.line.text.gsm7 import count_segments

MOST_CHOICES = 5
MEAN_SEGMENTS = 2
# The month from which the closed days of the next year are due.
_NEXT_YEAR_FROM = 10
# The ids of line.yaml are stored, and several of them are part of a state's token in the call log.
LONGEST_ID = 40
_PREMIUM_RATE = N_("The number of {name} is a premium-rate number, so transfers to it are expensive: use another one.")
_ABROAD = N_(
    "The number of {name} belongs to another country ({region}), so transfers to it are expensive: use another one."
)


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
            message = sentence(
                N_(
                    "Text replies in `{code}` average {mean} segments: shorten the longest ones until the average is"
                    " {most} or less."
                ),
                code=language,
                mean=f"{mean:.1f}",
                most=MEAN_SEGMENTS,
            )
            yield Finding.of(LINE_FILE, 0, "segments", "error", message)


def _too_many_choices(content: Content) -> Iterator[Finding]:
    for name, menu in content.config.menus.items():
        if len(menu.choices) > MOST_CHOICES:
            template = N_("The menu `{menu}` has {count} choices: cut it down to {most} or fewer.")
            values: dict[str, int | str] = {"menu": name, "count": len(menu.choices), "most": MOST_CHOICES}
            yield content.source.fault(("menus", name, "choices"), "menu-choices", template, **values)


def _unconfirmed(content: Content) -> Iterator[Finding]:
    for index, entry in enumerate(content.config.directory):
        if not entry.confirmed:
            template = N_(
                "The hours of {name} are not confirmed: check them with the hospital, then set `confirmed: true`."
            )
            line = content.source.line(("directory", index, "confirmed"))
            yield Finding.of(LINE_FILE, line, "unconfirmed", "warning", sentence(template, name=entry.id))


def unconfirmed_holidays(content: Content, today: date) -> Iterator[Finding]:
    """The closed days of this year, and from October of the next one too, until the hospital has confirmed them."""
    config = content.config
    for year in unconfirmed_years(content, today):
        days = closed_days(config.holidays, year).items()
        message = sentence(
            N_(
                "The closed days of {year} are not confirmed: check this list with the hospital, correct it with"
                " `add:` and `remove:`, then set `confirmed: {year}`. Closed: {days}."
            ),
            year=year,
            days="; ".join(f"{day:%a %b} {day.day} {name}" for day, name in days) or "none",
        )
        line = content.source.line(("holidays",))
        yield Finding.of(LINE_FILE, line, "unconfirmed", "warning", message)


def unconfirmed_years(content: Content, today: date) -> Iterator[int]:
    """The years whose closed days the hospital has to confirm by now, and has not."""
    config = content.config
    if all(entry.holidays == "open" for entry in config.directory):
        return
    confirmed = config.holidays.confirmed or 0
    for year in (today.year, today.year + 1) if today.month >= _NEXT_YEAR_FROM else (today.year,):
        if year > confirmed:
            yield year


def _costly_transfers(content: Content) -> Iterator[Finding]:
    """Callers must not be able to make the hospital pay for calls abroad or to premium-rate numbers.

    They cannot, because the line dials no such number; but they would not be connected either.
    """
    for index, entry in enumerate(content.config.directory):
        if message := why_costly(content.config, entry.number, entry.id):
            line = content.source.line(("directory", index, "number"))
            yield Finding.of(LINE_FILE, line, "costly-number", "error", message)


def why_costly(config: Config, number: str, name: str) -> Sentence | None:
    """Why transfers to a number of line.yaml cost too much; None if they do not. name: whose number it is."""
    if is_premium(number):
        return sentence(_PREMIUM_RATE, name=name)
    region = foreign_region(config, number)
    return sentence(_ABROAD, name=name, region=region) if region else None


def _unknown_voices(content: Content) -> Iterator[Finding]:
    """With a voice that Twilio lacks, callers hear nothing. A tag without known voices only causes a warning."""
    for code, language in content.config.languages.items():
        voice, tag, known = language.voice, language.tag, polly_voices(language.tag)
        if voice in known or is_google_voice(voice, tag):
            continue
        path = ("languages", code, "voice")
        if known:
            template = N_("{voice} is not a voice for {tag}: use one of {names}.")
            yield content.source.fault(path, "voice", template, voice=voice, tag=tag, names=", ".join(sorted(known)))
        else:
            template = N_("{voice} is not a known voice for {tag}: check the name, then call the line and listen.")
            message = sentence(template, voice=voice, tag=tag)
            yield Finding.of(LINE_FILE, content.source.line(path), "voice", "warning", message)


def _long_ids(content: Content) -> Iterator[Finding]:
    config = content.config
    named: list[tuple[Path, str]] = [(("menus", name), name) for name in config.menus]
    named += [(("directory", index, "id"), entry.id) for index, entry in enumerate(config.directory)]
    named += [(("sites", index, "id"), site.id) for index, site in enumerate(config.sites)]
    for path, name in named:
        if len(name) > LONGEST_ID:
            template = N_("`{name}` has {length} characters: shorten it to {most}.")
            yield content.source.fault(path, "long-id", template, name=name, length=len(name), most=LONGEST_ID)


def _next_language(content: Content) -> Iterator[Finding]:
    """The prompt about the keys says where 8 leads: to the next language of line.yaml; from the last, to the first."""
    languages = list(content.config.languages)
    for index, language in enumerate(languages if len(languages) > 1 else ()):
        others = {other: _language_name(other, language) for other in languages if other != language}
        next_language = languages[(index + 1) % len(languages)]
        prompt = content.prompt(language, "keys")
        said = " ".join(section.words for section in prompt.spoken).lower()
        named = {other for other, name in others.items() if name.lower() in said}
        if named != {next_language}:
            template = N_("Key 8 goes on to {name}: say that, and name no other language.")
            message = sentence(template, name=others[next_language])
            yield Finding.of(prompt.file, prompt.spoken[0].line, "language-key", "error", message)


def _language_name(code: str, language: str) -> str:
    """The name of a language in another one: Spanish, inglés."""
    return Locale.parse(code).get_language_name(language) or code


def _hl7_mapping(content: Content) -> Iterator[Finding]:
    """A feed with a mapping that it cannot read keeps the one before, and a new one does not start."""
    return mapping_findings(content.files.get(HL7_FILE, b""), [site.id for site in content.config.sites])


FOLDER_RULES: tuple[Callable[[Content], Iterator[Finding]], ...] = (
    _costly_on_average,
    _too_many_choices,
    _unconfirmed,
    _costly_transfers,
    _unknown_voices,
    _long_ids,
    _next_language,
    _hl7_mapping,
    check_names,
    steps_over_the_limit,
    names_of_the_test,
)
