"""How hard a text is to read, and how long it takes to say.

The line is for people who are anxious, often older, on a bad line. So every English prompt keeps to a
Flesch-Kincaid grade, and every prompt to a sentence length and a number of seconds. Pure functions: no files,
no clock.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache

import pyphen

WORDS_PER_MINUTE = 140.0
"""The speed at which a caller hears a prompt."""

PAUSE_MS = 500
"""The pause that an empty line makes, in milliseconds, when the caller names no other."""

_DICTIONARIES = {"en": "en_US", "es": "es", "fr": "fr", "pt": "pt_BR"}

_CHARACTERS_A_WORD = {"zh": 1.6, "ja": 2.0, "th": 4.0}
"""Scripts that put no spaces between words: how many characters make about one spoken word."""

_TITLES = frozenset({"dr", "dra", "mr", "mrs", "ms", "sr", "sra", "srta", "st", "mt"})
"""Short words whose full stop never ends a sentence."""

_BEFORE_A_NUMBER = frozenset({"no", "núm", "num", "tel"})
"""Short words whose full stop does not end a sentence when a number follows."""

_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*|\d+(?:[-.,:/]\d+)*")
# From the first mark of several on: a line of dots would else be tried from each of them.
_SENTENCE_END = re.compile(r"(?<![.!?…])[.!?…]+[\"'”’)\]]*\s+")
_NUMBERED_LINE = re.compile(r"\n(?=\d{1,2}[.:)]?[^\S\n]+(?:[^\W\d_]|[¿¡]))")
_EMPTY_LINE = re.compile(r"\n[^\S\n]*\n\s*")
_INNER_STOPS = re.compile(r"(?:[^\W\d_]\.)+[^\W\d_]")
_LETTER = re.compile(r"[^\W\d_]")
_RUN_OF_VOWELS = re.compile(r"[aeiouy]+")
_SILENT_END = re.compile(r"(?<![aeiouy])(?<![^aeiouy]l)e$|(?<![tdaeiouy])ed$|(?<![szxcgaeiouy])(?<!ch)(?<!sh)es$")
_VOWEL = re.compile(r"[aeiouyáéíóúüàèìòùâêîôûãõäëï]")


def words(text: str) -> list[str]:
    """The words of a text in order. A number, dashes and all, is one word: "603-663-2180"."""
    return _WORD.findall(text)


@lru_cache(8192)
def syllables(word: str, language: str = "en") -> int:
    """How many syllables a word has, at least 1, by pyphen's patterns for the language.

    A part that pyphen splits off counts when it has a vowel. A number counts 1: read digit by digit it is no
    harder to grasp for being long. A word with an inner dash is the sum of its parts. A language without
    patterns is counted with the English ones. Those are made for printers, who never break "over" or "any",
    so in English the runs of vowels count where there are more of them.
    """
    if word[:1].isdigit():
        return 1
    code = _DICTIONARIES.get(language, "en_US")
    bare = word.lower().replace("'", "").replace("’", "")
    parts = _dictionary(code).inserted(bare).split("-")
    broken = sum(bool(_VOWEL.search(part)) for part in parts)
    heard = sum(_runs_of_vowels(part) for part in bare.split("-")) if code == "en_US" else 0
    return max(broken, heard, 1)


def _runs_of_vowels(word: str) -> int:
    """The same in English by ear: a silent e at the end, as in "made", "makes" or "looked", does not sound."""
    return len(_RUN_OF_VOWELS.findall(_SILENT_END.sub("", word)))


def sentences(text: str) -> list[str]:
    """The sentences of a text, trimmed, in order; only those with at least one word.

    A sentence ends at . ! ? or … before white space, at an empty line, and before a line that begins with a
    number, as in a list of choices. "Dr. Lee", "No. 4", "8 a.m. to" and the "2." of a list do not end one.
    """
    found: list[str] = []
    for paragraph in _paragraphs(text):
        for item in _NUMBERED_LINE.split(paragraph):
            start = 0
            for end in _SENTENCE_END.finditer(item):
                if _is_abbreviation(item[start : end.start()], end.group(), item[end.end() : end.end() + 1]):
                    continue
                found.append(item[start : end.end()])
                start = end.end()
            found.append(item[start:])
    return [sentence.strip() for sentence in found if words(sentence)]


def average_sentence_length(text: str) -> float:
    """Words in a sentence on average; 0.0 for a text without words."""
    count = len(sentences(text))
    return len(words(text)) / count if count else 0.0


def flesch_kincaid_grade(text: str, language: str = "en") -> float:
    """The US school grade that a text asks for: 0.39 words a sentence + 11.8 syllables a word - 15.59.

    Made for English (Kincaid and others, 1975, Navy report 8-75); it has no meaning in other languages, where
    `average_sentence_length` is what to look at. A text without words is 0.0; very easy ones are below 0.
    """
    spoken = words(text)
    if not spoken:
        return 0.0
    total = sum(syllables(word, language) for word in spoken)
    return 0.39 * average_sentence_length(text) + 11.8 * total / len(spoken) - 15.59


def seconds_to_speak(text: str, language: str, words_per_minute: float, *, pause_ms: int = PAUSE_MS) -> float:
    """Seconds that it takes to say a text at a steady pace.

    Every digit counts as one word, because numbers are read digit by digit; every other word as one. In a
    script without spaces the characters are counted instead. An empty line between two paragraphs adds
    `pause_ms` milliseconds. A pace of zero or less is a ValueError.
    """
    if words_per_minute <= 0:
        raise ValueError(f"words_per_minute must be above 0, not {words_per_minute}")
    pauses = max(len(_paragraphs(text)) - 1, 0)
    return _spoken_words(text, language) * 60 / words_per_minute + pauses * pause_ms / 1000


def _spoken_words(text: str, language: str) -> float:
    digits = sum(character.isdigit() for character in text)
    characters_a_word = _CHARACTERS_A_WORD.get(language.split("-")[0])
    if characters_a_word:
        return digits + len(_LETTER.findall(text)) / characters_a_word
    return digits + sum(not word[0].isdigit() for word in words(text))


def _paragraphs(text: str) -> list[str]:
    return [part for part in _EMPTY_LINE.split(text) if part.strip()]


def _is_abbreviation(before: str, mark: str, after: str) -> bool:
    """after: the character that follows, or nothing."""
    if mark.rstrip() != "." or not before.strip():
        return False
    last = before.rsplit(None, 1)[-1].lower()
    if last in _TITLES or before.strip().isdigit():
        return True
    if last in _BEFORE_A_NUMBER:
        return after[:1].isdigit()
    return bool(_INNER_STOPS.fullmatch(last)) and (after[:1].islower() or after[:1].isdigit())


@cache
def _dictionary(name: str) -> pyphen.Pyphen:
    return pyphen.Pyphen(lang=name, left=1, right=1)
