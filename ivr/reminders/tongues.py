"""Languages as files name them: es, es-US, spa, Spanish, Español."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection

from babel import Locale
from babel.core import get_global

_FIRST_WORD = re.compile(r"[a-z]+")


class Tongues:
    """The languages of the line (codes like `es`) by what a cell may say."""

    def __init__(self, codes: Collection[str]) -> None:
        self._codes = {code: code for code in codes}
        self._codes |= {long: code for long, code in get_global("language_aliases").items() if code in codes}
        for shown_in in codes:
            names = Locale.parse(shown_in).languages
            self._codes |= {_first_word(names[code]): code for code in codes if code in names}

    def code(self, words: str) -> str | None:
        """The language that is meant; None when the line does not speak it."""
        return self._codes.get(_first_word(words))


def in_english(code: str) -> str:
    """The name of a language by its code, with the code: Nepali (ne). What is no code stays as it is."""
    name = Locale("en").languages.get(_first_word(code))
    return f"{name} ({code})" if name else code


def _first_word(words: str) -> str:
    """In plain small letters: espanol of Español (Spanish), es of es-US."""
    plain = unicodedata.normalize("NFKD", words).encode("ascii", "ignore").decode().lower()
    found = _FIRST_WORD.search(plain)
    return found[0] if found else ""
