"""Measures of a prompt with its placeholders filled in (seconds, reading grade, segments), and their limits."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ivr.line.content.keyword_rules import RED_FLAGS
from ivr.line.content.loader import Content
from ivr.line.content.prompt import PLACEHOLDER, Prompt, Section
from ivr.line.content.required_prompts import FIXED, INFORMATION
from ivr.line.locales.locale import get_locale
from ivr.line.text import gsm7, readability

HIGHEST_GRADE = 6.0
# In words.
LONGEST_MEAN_SENTENCE = 15.0
LONGEST_SENTENCE = 25
# In seconds.
LONGEST_SECTION = 30.0
# A red flag names everything that triggers it, in short paragraphs after the sentence that says whom to call.
LONGEST_RED_FLAG = 45.0
LONGEST_INSTRUCTION = 20.0
MOST_SEGMENTS = 3
_GRADE_FORMULAS: Mapping[str, Callable[[str], float]] = {
    "flesch-kincaid": readability.flesch_kincaid_grade,
    "crawford": readability.crawford_grade,
}
SEGMENT_LIMITS = {"reminder": 1, "menu": 2}


def fill_with_samples(content: Content, prompt: Prompt, section: Section, **values: str) -> str:
    """The text of a section with every placeholder filled in: by `values`, the values in line.yaml, or "word"."""
    samples = {**content.values(prompt.language), **values}
    return PLACEHOLDER.sub(lambda match: samples.get(match[1], "word"), section.words)


def seconds_to_say(content: Content, prompt: Prompt, section: Section) -> float:
    """How long a section takes to say, pauses included."""
    text, pause = fill_with_samples(content, prompt, section), content.config.pause_ms
    return readability.seconds_to_speak(text, prompt.language, readability.WORDS_PER_MINUTE, pause_ms=pause)


def most_seconds(prompt: Prompt) -> float:
    """How long one spoken section of a prompt may take."""
    if prompt.name in RED_FLAGS:
        return LONGEST_RED_FLAG
    return LONGEST_INSTRUCTION if prompt.name in FIXED.keys() - INFORMATION else LONGEST_SECTION


def reading_grade(prompt: Prompt, text: str) -> float | None:
    """The school grade of a prompt's text by its language's formula; None in languages without a known one."""
    formula = _GRADE_FORMULAS.get(get_locale(prompt.language).grade_formula)
    return formula(text) if formula else None


def longest_text(content: Content, prompt: Prompt, section: Section) -> str:
    """A text message with the longest values that its placeholders can take."""
    config, language = content.config, prompt.language
    titles = {topic.number: content.prompt(language, topic.id).title for topic in config.topics}
    words = {name: by_language[language] for name, by_language in config.words.items()}
    names = [*(topic.id for topic in config.topics), *words]
    longest = sorted((f"{words.get(name, '1')} {content.prompt(language, name).title}" for name in names), key=len)
    locale = get_locale(language)
    values = {
        "date": locale.longest_date,
        "time": locale.longest_time,
        "site": max((site.name[language] for site in config.sites), key=len),
        "number": config.directory[0].number,
        "topics": "\n".join(f"{number} {title}" for number, title in titles.items()),
        "visits": "\n".join([f"C1: {locale.longest_date} {locale.longest_time}"] * 4),
        # Each with its number or reply word.
        "first": "",
        "first-title": longest[-1],
        "second": "",
        # A third answer is below the second.
        "second-title": "\n".join(longest[-3:-1]),
        "choices": "\n".join(longest[-3:]),
    }
    return fill_with_samples(content, prompt, section, **values) + content.more_line(language, prompt.name)


def as_sent(prompt: Prompt, text: str) -> str:
    """A text message as it is sent: folded to GSM-7, unless its file says `accents: keep`."""
    return text if prompt.keeps_accents else gsm7.fold_to_gsm7(text)


def is_reminder(content: Content, prompt: Prompt) -> bool:
    return any(prompt.name == step.wording for step in content.config.reminders.plan)


def most_segments(content: Content, prompt: Prompt) -> int:
    """How many segments the text message of a prompt may take."""
    kind = "reminder" if is_reminder(content, prompt) else prompt.name
    return SEGMENT_LIMITS.get(kind, MOST_SEGMENTS)
