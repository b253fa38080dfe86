"""The type of a language module's `LOCALE`, and the lookup by language code."""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module

from ivr.line import locales


def word_set(text: str) -> frozenset[str]:
    """The words of a text, separated by white space."""
    return frozenset(text.split())


@dataclass(frozen=True, kw_only=True)
class Locale:
    """The rules of one language. The defaults serve a language without a module of its own.

    Text fields are templates for `str.format`; date patterns are Babel's.
    """

    code: str

    hours: str = "{days} {opens} - {closes}"
    hours_on_one_day: str = ""
    """For an entry that is open on a single day; empty: the same as `hours`."""
    day_range: str = "{first} - {last}"
    today: str = ""
    """Empty: the name of the weekday. So is `tomorrow`."""
    tomorrow: str = ""
    on_day: str = "{day}"
    day_at_time: str = "{day} {time}"

    clock_locale: str = ""
    """The Babel locale for times of day, where patients read a clock otherwise than the language's own country does."""
    reminder_date: str = "d MMM"
    longest_date: str = "Wed, Sep 30"
    """The longest value that a reminder's {date} takes, as it is sent; used to count segments."""
    longest_time: str = "12:30 PM"

    filler_words: frozenset[str] = frozenset()
    """Words without meaning for the matcher, in small letters without accents."""
    joined_words: Mapping[str, str] = field(default_factory=dict)
    """Spellings in two words and the single word that the matcher knows: "can not" to "cant"."""

    hyphenation: str = "en_US"
    """The pyphen dictionary that counts syllables."""
    has_reading_grade: bool = False
    """Whether the Flesch-Kincaid grade is valid in this language."""
    characters_per_word: float | None = None
    """For scripts without spaces between words: the characters in about one spoken word."""
    titles: frozenset[str] = frozenset()
    """Abbreviations whose period never ends a sentence, in small letters."""
    number_abbreviations: frozenset[str] = frozenset()
    """Abbreviations whose period does not end a sentence when a number follows."""

    preview_voice: str | None = None
    """The voice of py-nanotts that reads previews aloud."""
    preview_voices_by_tag: Mapping[str, str] = field(default_factory=dict)
    """Other voices by the language tag in line.yaml, such as en-GB."""

    yes: frozenset[str] = frozenset()
    """Replies that mean yes and nothing else, normalized. So are the next three."""
    confirm_replies: frozenset[str] = frozenset()
    change_replies: frozenset[str] = frozenset()
    courtesy_words: frozenset[str] = frozenset()
    """Words that a reply to a reminder may contain without a change of meaning."""


@cache
def all_locales() -> Mapping[str, Locale]:
    """The locales of all modules of this package, by language code."""
    names = (module.name for module in pkgutil.iter_modules(locales.__path__))
    modules = (import_module(f"{locales.__name__}.{name}") for name in names if len(name) == 2)
    return {module.LOCALE.code: module.LOCALE for module in modules}


def get_locale(code: str) -> Locale:
    """The locale of a language; the defaults for a language without a module."""
    return all_locales().get(code) or Locale(code=code)
