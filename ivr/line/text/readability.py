"""How hard a text is to read, and how long it takes to say.

Callers are anxious, often older, and often on a poor connection. So every prompt has a maximum sentence length
and duration, and in languages with a formula for it a maximum school grade.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from ivr.line.locales.locale import all_locales, get_locale
from ivr.line.text.spanish_syllables import spanish_syllables

if TYPE_CHECKING:
    import pyphen

WORDS_PER_MINUTE = 140.0
"""The speed at which prompts are spoken."""

_TITLES = frozenset[str]().union(*(locale.titles for locale in all_locales().values()))
_BEFORE_A_NUMBER = frozenset[str]().union(*(locale.number_abbreviations for locale in all_locales().values()))
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*|\d+(?:[-.,:/]\d+)*")
# Matches only at the first of several marks; otherwise a line of dots takes quadratic time.
_SENTENCE_END = re.compile(r"(?<![.!?…])[.!?…]+[\"'”’)\]]*\s+")
_NUMBERED_LINE = re.compile(r"\n(?=\d{1,2}[.:)]?[^\S\n]+(?:[^\W\d_]|[¿¡]))")
_EMPTY_LINE = re.compile(r"\n[^\S\n]*\n\s*")
_INNER_PERIODS = re.compile(r"(?:[^\W\d_]\.)+[^\W\d_]")
_LETTER = re.compile(r"[^\W\d_]")
_VOWEL_RUN = re.compile(r"[aeiouy]+")
# A silent e, as in "made", "makes" or "looked".
_SILENT_END = re.compile(r"(?<![aeiouy])(?<![^aeiouy]l)e$|(?<![tdaeiouy])ed$|(?<![szxcgaeiouy])(?<!ch)(?<!sh)es$")
_VOWEL = re.compile(r"[aeiouyáéíóúüàèìòùâêîôûãõäëï]")


def words(text: str) -> list[str]:
    """The words of a text in order. A number with dashes is one word: "603-663-2180"."""
    return _WORD.findall(text)


@lru_cache(8192)
def syllables(word: str, language: str = "en") -> int:
    """The number of syllables of a word, at least 1: the parts with a vowel into which pyphen splits it.

    A number counts as 1: it is read digit by digit, so its length does not make it harder. A language without patterns
    uses the English ones. Those are made for typesetting, which never breaks "over" or "any"; so in English the number
    of vowel runs counts if it is larger. Spanish has rules of its own, without patterns.
    """
    if word[:1].isdigit():
        return 1
    dictionary = get_locale(language).hyphenation
    bare = word.lower().replace("'", "").replace("’", "")
    if dictionary == "es":
        return sum(map(spanish_syllables, bare.split("-")))
    parts = _dictionary(dictionary).inserted(bare).split("-")
    hyphenated = sum(bool(_VOWEL.search(part)) for part in parts)
    if dictionary != "en_US":
        return max(hyphenated, 1)
    return max(hyphenated, sum(len(_VOWEL_RUN.findall(_SILENT_END.sub("", part))) for part in bare.split("-")), 1)


def sentences(text: str) -> list[str]:
    """The sentences of a text that have at least one word, stripped, in order.

    A sentence ends at . ! ? or … before whitespace, at an empty line, and before a line that begins with a number, as
    in a list of choices. "Dr. Lee", "No. 4", "8 a.m. to" and the "2." of a list do not end one.
    """
    parts: list[str] = []
    for paragraph in _paragraphs(text):
        for item in _NUMBERED_LINE.split(paragraph):
            start = 0
            for end in _SENTENCE_END.finditer(item):
                if _is_abbreviation(item[start : end.start()], end.group(), item[end.end() : end.end() + 1]):
                    continue
                parts.append(item[start : end.end()])
                start = end.end()
            parts.append(item[start:])
    return [sentence.strip() for sentence in parts if words(sentence)]


def average_sentence_length(text: str) -> float:
    """The average number of words per sentence; 0.0 for a text without words."""
    count = len(sentences(text))
    return len(words(text)) / count if count else 0.0


def flesch_kincaid_grade(text: str, language: str = "en") -> float:
    """The US school grade of a text: 0.39 words per sentence + 11.8 syllables per word - 15.59.

    The formula is valid only for English (Kincaid et al., 1975, Navy report 8-75); for Spanish, use
    `crawford_grade`. A text without words has grade 0.0; the grade of a very easy text is negative.
    """
    text_words = words(text)
    if not text_words:
        return 0.0
    total = sum(syllables(word, language) for word in text_words)
    return 0.39 * average_sentence_length(text) + 11.8 * total / len(text_words) - 15.59


def crawford_grade(text: str) -> float:
    """The school grade of a Spanish text: 4.9 syllables per word - 20.5 sentences per word - 3.407.

    The formula is fitted to texts of primary school; a grade above 6 only says that a text is harder than those.
    A. N. Crawford, "Fórmula y gráfico para determinar la comprensibilidad de textos de nivel primario en castellano",
    Lectura y Vida 6(4), 1985, with syllables and sentences per 100 words. A text without words has grade 0.0.
    """
    text_words = words(text)
    if not text_words:
        return 0.0
    total = sum(syllables(word, "es") for word in text_words)
    return (4.9 * total - 20.5 * len(sentences(text))) / len(text_words) - 3.407


def seconds_to_speak(text: str, language: str, words_per_minute: float, *, pause_ms: int = 500) -> float:
    """The seconds that it takes to say a text. Raises ValueError for a speed of zero or less.

    Every digit counts as a word, since numbers are read digit by digit. In a script without spaces, characters are
    counted instead of words. An empty line between paragraphs adds `pause_ms`.
    """
    if words_per_minute <= 0:
        raise ValueError(f"words_per_minute must be above 0, not {words_per_minute}")
    pauses = max(len(_paragraphs(text)) - 1, 0)
    spoken_words: float = sum(character.isdigit() for character in text)
    characters_per_word = get_locale(language.split("-")[0]).characters_per_word
    if characters_per_word:
        spoken_words += len(_LETTER.findall(text)) / characters_per_word
    else:
        spoken_words += sum(not word[0].isdigit() for word in words(text))
    return spoken_words * 60 / words_per_minute + pauses * pause_ms / 1000


def _paragraphs(text: str) -> list[str]:
    return [part for part in _EMPTY_LINE.split(text) if part.strip()]


def _is_abbreviation(before: str, mark: str, after: str) -> bool:
    """Whether a period belongs to an abbreviation. after: the next character, or an empty string."""
    if mark.rstrip() != "." or not before.strip():
        return False
    last = before.rsplit(None, 1)[-1].lower()
    if last in _TITLES or before.strip().isdigit():
        return True
    if last in _BEFORE_A_NUMBER:
        return after[:1].isdigit()
    return bool(_INNER_PERIODS.fullmatch(last)) and (after[:1].islower() or after[:1].isdigit())


@cache
def _dictionary(name: str) -> pyphen.Pyphen:
    import pyphen

    return pyphen.Pyphen(lang=name, left=1, right=1)
