"""Languages as files name them: es, es-US, spa, Spanish, Español."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from functools import cached_property

from babel import Locale
from babel.core import get_global

_FIRST_WORD = re.compile(r"[a-z]+")


class LanguageNames:
    """The languages of the line (codes like `es`) by what a cell may say."""

    def __init__(self, codes: Collection[str]) -> None:
        self._codes = frozenset(codes)

    def code(self, words: str) -> str | None:
        """The language that is meant; None when the line does not speak it."""
        said = _first_word(words)
        return said if said in self._codes else self._names.get(said)

    @cached_property
    def _names(self) -> dict[str, str]:
        # Five megabytes, which a file that says `es` need not have.
        names = {long: code for long, code in get_global("language_aliases").items() if code in self._codes}
        for shown_in in self._codes:
            called = Locale.parse(shown_in).languages
            names |= {_first_word(called[code]): code for code in self._codes if code in called}
        return names


def english_name(code: str) -> str:
    """The name of a language by its code, with the code: Nepali (ne). What is no code stays as it is."""
    name = Locale("en").languages.get(_first_word(code))
    return f"{name} ({code})" if name else code


def _first_word(words: str) -> str:
    """In plain small letters: espanol of Español (Spanish), es of es-US."""
    plain = unicodedata.normalize("NFKD", words).encode("ascii", "ignore").decode().lower()
    found = _FIRST_WORD.search(plain)
    return found[0] if found else ""
