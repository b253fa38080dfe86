"""The rules for words: what is said and texted, prompt by prompt. Each is a function from content to findings."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from math import ceil

from ivr.line import gsm, reading
from ivr.line.content import LINE_FILE, Content
from ivr.line.findings import Finding
from ivr.line.needed import FIXED, INFORMATION, needed_prompts, placeholders
from ivr.line.prompt import PLACEHOLDER, Prompt, Section
from ivr.line.understand import plain

HIGHEST_GRADE = 6.0
LONGEST_SENTENCES = 15.0
MOST_CHOICES = 5
LONGEST_PIECE = 31.0
LONGEST_INSTRUCTION = 20.0
WORDS_PER_MINUTE = 140.0
MOST_SEGMENTS = 3
MEAN_SEGMENTS = 2.0
# The longest values that a reminder's placeholders take; a site's name and number come from line.yaml.
LONGEST_VALUES = {"date": "Wed, Sep 30", "time": "12:30 PM"}
LONGEST_BY_LANGUAGE = {"es": {"date": "mié, 30 sept", "time": "12:30 p.m."}}
LENGTHS = {"reminder": 1, "menu": 2}
# Voices of the carrier that are known to speak these languages: https://www.twilio.com/docs/voice/twiml/say/text-speech
VOICES = {
    "en-US": "Danielle Gregory Ivy Joanna Joey Justin Kendra Kevin Kimberly Matthew Ruth Salli Stephen",
    "es-US": "Lupe Pedro",
    "es-MX": "Andres Mia",
    "pt-BR": "Camila Thiago Vitoria",
    "fr-CA": "Gabrielle Liam",
}
_PHONE = re.compile(r"(?<![\d-])[0-9]{3}-[0-9]{3}-[0-9]{4}(?![\d-])")
_MANY_DIGITS = re.compile(r"\d(?:[-./() \u2010-\u2015]{0,2}\d){6,}")


def _error(prompt: Prompt, line: int, rule: str, message: str) -> Finding:
    return Finding(prompt.file, line, rule, "error", message)


def _lines(prompt: Prompt) -> Iterator[tuple[int, str]]:
    """Every line that is said, texted or shown in a menu, and where it stands."""
    yield 1, prompt.title
    for section in prompt.sections():
        yield from enumerate(section.words.split("\n"), start=section.line)


def _unknown_placeholders(content: Content) -> Iterator[Finding]:
    for prompt in content.prompts.values():
        known = placeholders(content.config, prompt.name)
        told = ", ".join(f"{{{one}}}" for one in sorted(known))
        for at, words in _lines(prompt):
            for name in PLACEHOLDER.findall(words):
                if name not in known:
                    yield _error(prompt, at, "placeholder", f"{{{name}}} is not known here: use {told}.")
            if re.search(r"[{}]", PLACEHOLDER.sub("", words)):
                yield _error(prompt, at, "placeholder", "A { or } stands alone: write both, or none.")


def _unfilled_placeholders(content: Content) -> Iterator[Finding]:
    """A title and a choice are put into other words as they stand."""
    for prompt in content.prompts.values():
        bare = [(1, prompt.title)]
        if prompt.listed:
            bare += enumerate(prompt.listed.words.split("\n"), start=prompt.listed.line)
        for at, words in bare:
            if PLACEHOLDER.search(words):
                yield _error(prompt, at, "placeholder", "Nothing is filled in here: write the words themselves.")


def _unowned_numbers(content: Content) -> Iterator[Finding]:
    """Nobody is sent to a number that the directory does not know, or that a voice would read as an amount."""
    owned = {entry.number for entry in content.config.directory}
    for prompt in content.prompts.values():
        for at, words in _lines(prompt):
            rest = _PHONE.sub(lambda match: "" if match[0] in owned else match[0], words)
            for number in _MANY_DIGITS.findall(rest):
                message = f"{number} is no number of the directory, written like {min(owned)}: correct it, or add it."
                yield _error(prompt, at, "number", message)


def _hard_to_read(content: Content) -> Iterator[Finding]:
    for prompt in content.prompts.values():
        for section in prompt.sections():
            words = filled(content, prompt, section)
            sentence = reading.average_sentence_length(words)
            if sentence > LONGEST_SENTENCES:
                message = f"Sentences have {sentence:.0f} words on average: make them shorter than 15."
                yield _error(prompt, section.line, "sentences", message)
            grade = reading.flesch_kincaid_grade(words) if prompt.language == "en" else 0.0
            if grade > HIGHEST_GRADE:
                message = f"This reads at grade {grade:.1f}: use shorter words and sentences, to grade 6."
                yield _error(prompt, section.line, "grade", message)


def filled(content: Content, prompt: Prompt, section: Section, **values: str) -> str:
    """A section's words with every placeholder filled in; those that only a turn knows, with a word."""
    known = {**content.values(prompt.language), **values}
    return PLACEHOLDER.sub(lambda match: known.get(match[1], "word"), section.words)


def _long_pieces(content: Content) -> Iterator[Finding]:
    pause = content.config.pause_ms
    for prompt in content.prompts.values():
        allowed = LONGEST_INSTRUCTION if prompt.name in FIXED.keys() - INFORMATION else LONGEST_PIECE
        for section in prompt.spoken:
            words = filled(content, prompt, section)
            seconds = reading.seconds_to_speak(words, prompt.language, WORDS_PER_MINUTE, pause_ms=pause)
            if seconds > allowed:
                message = f"This takes {ceil(seconds)} seconds to say: shorten it to {allowed:.0f}, or part it in two."
                yield _error(prompt, section.line, "seconds", message)


def _lost_characters(content: Content) -> Iterator[Finding]:
    for prompt, section in _texts(content):
        lost = () if prompt.keeps_accents else gsm.lost_characters(longest(content, prompt, section))
        if lost:
            message = f"{' '.join(lost)} cannot stand in a text: write it in other signs."
            yield _error(prompt, section.line, "alphabet", message)


def _kept_accents(content: Content) -> Iterator[Finding]:
    """What it costs that a text goes out with signs that GSM-7 does not have."""
    for prompt, section in _texts(content):
        text = longest(content, prompt, section)
        dear = gsm.dear_characters(text) if prompt.keeps_accents else ()
        if dear:
            counted, cheap = gsm.segments(text).segments, gsm.segments(gsm.fold(text)).segments
            message = (
                f"This text keeps {' '.join(dear)}, and so takes {counted} segments where {cheap} would do:"
                " take `accents: keep` away if that is too dear."
            )
            yield Finding(prompt.file, section.line, "accents", "warning", message)


def _costly_texts(content: Content) -> Iterator[Finding]:
    reminders = {step.wording for step in content.config.reminders.plan}
    for prompt, section in _texts(content):
        allowed = LENGTHS["reminder"] if prompt.name in reminders else LENGTHS.get(prompt.name, MOST_SEGMENTS)
        counted = _counted(content, prompt, section)
        if counted.segments > allowed:
            message = (
                f"This text takes {counted.segments} segments ({counted.characters} characters at its longest):"
                f" shorten it to {allowed}."
            )
            yield _error(prompt, section.line, "segments", message)


def _texts(content: Content) -> Iterator[tuple[Prompt, Section]]:
    for prompt in content.prompts.values():
        if prompt.texted:
            yield prompt, prompt.texted


def _counted(content: Content, prompt: Prompt, section: Section) -> gsm.Segments:
    """What a text takes as it goes out, with the longest values."""
    text = longest(content, prompt, section)
    return gsm.segments(text if prompt.keeps_accents else gsm.fold(text))


def _dear_on_average(content: Content) -> Iterator[Finding]:
    """Answers cost two segments on average at most, so that a conversation does not become a bill."""
    reminders = {step.wording for step in content.config.reminders.plan}
    for language in content.config.languages:
        counted = [
            _counted(content, prompt, section).segments
            for prompt, section in _texts(content)
            if prompt.language == language and prompt.name not in reminders
        ]
        mean = sum(counted) / max(1, len(counted))
        if mean > MEAN_SEGMENTS:
            message = f"Answers in `{language}` take {mean:.1f} segments on average: shorten the longest, to two."
            yield Finding(LINE_FILE, 0, "segments", "error", message)


def longest(content: Content, prompt: Prompt, section: Section) -> str:
    """A text with the longest values that its placeholders can take."""
    config, language = content.config, prompt.language
    topics = [f"{topic.number} {content.prompt(language, topic.id).title}" for topic in config.topics]
    titles = sorted((content.prompt(language, topic.id).title for topic in config.topics), key=len)
    moment = LONGEST_VALUES | LONGEST_BY_LANGUAGE.get(language, {})
    values = {
        **moment,
        "site": max((site.name[language] for site in config.sites), key=len),
        "number": config.directory[0].number,
        "topics": "\n".join(topics),
        "visits": "\n".join([f"C1: {moment['date']} {moment['time']}"] * 4),
        "first-title": titles[-1],
        "second-title": titles[-1],
    }
    return filled(content, prompt, section, **values)


def _doubled_phrases(content: Content) -> Iterator[Finding]:
    owners: dict[str, tuple[str, str]] = {}
    for prompt in content.prompts.values():
        for phrase, line in zip(prompt.phrases, prompt.phrase_lines, strict=True):
            if not plain(phrase):
                yield _error(prompt, line, "phrase", f"`{phrase}` has no letters to go by: take it away.")
                continue
            name, file = owners.setdefault(plain(phrase), (prompt.name, prompt.file))
            if name != prompt.name:
                message = f"`{phrase}` leads to {name} too ({file}): keep it in one of the two."
                yield _error(prompt, line, "phrase", message)


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


def _unused(content: Content) -> Iterator[Finding]:
    needed = needed_prompts(content.config)
    spare = {f"{step.prompt}-names-test" for step in content.config.reminders.plan}
    for prompt in content.prompts.values():
        if prompt.name not in needed and prompt.name not in spare:
            yield Finding(prompt.file, 0, "unused", "warning", "Nothing says this prompt: take the file away.")


WORD_RULES: tuple[Callable[[Content], Iterator[Finding]], ...] = (
    _unknown_placeholders,
    _unfilled_placeholders,
    _unowned_numbers,
    _hard_to_read,
    _long_pieces,
    _lost_characters,
    _kept_accents,
    _costly_texts,
    _dear_on_average,
    _doubled_phrases,
    _many_choices,
    _unconfirmed,
    _unknown_voices,
    _unused,
)
