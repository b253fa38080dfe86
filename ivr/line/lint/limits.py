"""What a prompt's words come to, filled in: seconds, sentences, a grade, segments; and how much of each is allowed."""

from __future__ import annotations

from ivr.line.content.loader import Content
from ivr.line.content.prompt import PLACEHOLDER, Prompt, Section
from ivr.line.content.required_prompts import FIXED, INFORMATION
from ivr.line.locales.locale import get_locale
from ivr.line.text import gsm7, readability

HIGHEST_GRADE = 6.0
LONGEST_SENTENCES = 15.0
"""Words in a sentence, on average."""
LONGEST_SENTENCE = 25
LONGEST_PIECE = 31.0
LONGEST_INSTRUCTION = 20.0
MOST_SEGMENTS = 3
LENGTHS = {"reminder": 1, "menu": 2}


def fill_with_samples(content: Content, prompt: Prompt, section: Section, **values: str) -> str:
    """A section's words with every placeholder filled in; those that only a turn knows, with a word."""
    known = {**content.values(prompt.language), **values}
    return PLACEHOLDER.sub(lambda match: known.get(match[1], "word"), section.words)


def seconds_to_say(content: Content, prompt: Prompt, section: Section) -> float:
    """How long it takes to say a section, its pauses too."""
    words, pause = fill_with_samples(content, prompt, section), content.config.pause_ms
    return readability.seconds_to_speak(words, prompt.language, readability.WORDS_PER_MINUTE, pause_ms=pause)


def most_seconds(prompt: Prompt) -> float:
    """How long one spoken section of a prompt may take."""
    return LONGEST_INSTRUCTION if prompt.name in FIXED.keys() - INFORMATION else LONGEST_PIECE


def reading_grade(prompt: Prompt, words: str) -> float | None:
    """The school grade that some words of a prompt ask for; None in languages for which no formula is known."""
    return readability.flesch_kincaid_grade(words) if get_locale(prompt.language).has_reading_grade else None


def longest_text(content: Content, prompt: Prompt, section: Section) -> str:
    """A text with the longest values that its placeholders can take."""
    config, language = content.config, prompt.language
    topics = [f"{topic.number} {content.prompt(language, topic.id).title}" for topic in config.topics]
    titles = sorted((content.prompt(language, topic.id).title for topic in config.topics), key=len)
    locale = get_locale(language)
    values = {
        "date": locale.longest_date,
        "time": locale.longest_time,
        "site": max((site.name[language] for site in config.sites), key=len),
        "number": config.directory[0].number,
        "topics": "\n".join(topics),
        "visits": "\n".join([f"C1: {locale.longest_date} {locale.longest_time}"] * 4),
        "first-title": titles[-1],
        "second-title": titles[-1],
    }
    return fill_with_samples(content, prompt, section, **values)


def as_sent(prompt: Prompt, text: str) -> str:
    """A text as it goes out: in the letters that cost least, unless its file says `accents: keep`."""
    return text if prompt.keeps_accents else gsm7.fold_to_gsm7(text)


def segments_as_sent(content: Content, prompt: Prompt, section: Section) -> gsm7.SegmentCount:
    """What a text takes as it goes out, with the longest values."""
    return gsm7.count_segments(as_sent(prompt, longest_text(content, prompt, section)))


def most_segments(content: Content, prompt: Prompt) -> int:
    """How many segments a prompt's text may take."""
    reminders = {step.wording for step in content.config.reminders.plan}
    return LENGTHS["reminder"] if prompt.name in reminders else LENGTHS.get(prompt.name, MOST_SEGMENTS)
