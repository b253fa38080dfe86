"""The type of a language module's `LOCALE`, the languages without a module, and the lookup by language code."""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from typing import Literal

from ivr.line import locales


def word_set(text: str) -> frozenset[str]:
    """The words of a text, separated by white space."""
    return frozenset(text.split())


@dataclass(frozen=True, kw_only=True)
class Locale:
    """The rules of one language. The defaults apply to any language that is not in `all_locales`.

    Text fields are templates for `str.format`; date patterns are Babel's.
    """

    code: str

    hours: str = "{days} {opens} - {closes}"
    hours_on_one_day: str = ""
    """For an entry that is open on a single day. Empty: use `hours`."""
    day_range: str = "{first} - {last}"
    today: str = ""
    """Empty here or in `tomorrow`: use the name of the weekday."""
    tomorrow: str = ""
    on_day: str = "{day}"
    day_at_time: str = "{day} {time}"

    clock_locale: str = ""
    """The Babel locale for times of day, if patients write them differently from the language's home country."""
    reminder_date: str = "d MMM"
    longest_date: str = "Wed, Sep 30"
    """The longest value that a reminder's {date} takes, as it is sent; used to count segments."""
    longest_time: str = "12:30 PM"

    filler_words: frozenset[str] = frozenset()
    """Words that the matcher ignores, in lowercase without accents."""
    either_words: frozenset[str] = frozenset()
    """The words before the last of several things that are denied, in lowercase without accents."""
    names: frozenset[str] = frozenset()
    """What patients call the language, in lowercase without accents."""
    words_for_texts: frozenset[str] = frozenset()
    """How the words begin that a request for no more text messages has, in lowercase without accents."""
    joined_words: Mapping[str, str] = field(default_factory=dict)
    """Alternative spellings and the single word that the matcher knows: "can not" to "cant"."""

    hyphenation: str = "en_US"
    """The pyphen dictionary that counts syllables."""
    grade_formula: Literal["", "flesch-kincaid", "crawford"] = ""
    """The formula of the school grade that is valid in this language; empty if none is known."""
    characters_per_word: float | None = None
    """For scripts without spaces between words: the average number of characters in a spoken word."""
    titles: frozenset[str] = frozenset()
    """Abbreviations whose period never ends a sentence, in lowercase."""
    number_abbreviations: frozenset[str] = frozenset()
    """Abbreviations whose period does not end a sentence when a number follows."""

    preview_voice: str | None = None
    """The voice of py-nanotts that reads previews aloud."""
    preview_voices_by_tag: Mapping[str, str] = field(default_factory=dict)
    """Other voices by the language tag in line.yaml, such as en-GB."""

    yes: frozenset[str] = frozenset()
    """Replies that only mean yes. This set and the three below are normalized."""
    confirm_replies: frozenset[str] = frozenset()
    change_replies: frozenset[str] = frozenset()
    courtesy_words: frozenset[str] = frozenset()
    """Words that a reply to a reminder may contain without a change of meaning."""


# Languages of which little is known. One that needs more gets a module, which replaces its row.
_WITHOUT_MODULE = (
    Locale(code="de", preview_voice="de-DE"),
    Locale(code="fr", hyphenation="fr", preview_voice="fr-FR"),
    Locale(code="it", preview_voice="it-IT"),
    Locale(code="ja", characters_per_word=2.0),
    Locale(code="pt", hyphenation="pt_BR"),
    Locale(code="th", characters_per_word=4.0),
    Locale(code="zh", characters_per_word=1.6),
)


@cache
def all_locales() -> Mapping[str, Locale]:
    """The locales of all modules of this package and of the table above, by language code."""
    names = (module.name for module in pkgutil.iter_modules(locales.__path__))
    modules = (import_module(f"{locales.__name__}.{name}") for name in names if len(name) == 2)
    return {locale.code: locale for locale in (*_WITHOUT_MODULE, *(module.LOCALE for module in modules))}


def get_locale(code: str) -> Locale:
    """The locale of a language; one with the defaults for a language that is not in `all_locales`."""
    return all_locales().get(code) or Locale(code=code)
