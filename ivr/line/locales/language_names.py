"""Language names as appointment files spell them: es, es-US, spa, Spanish, Español."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from functools import cached_property

_FIRST_WORD = re.compile(r"[a-z]+")


class LanguageNames:
    """Maps a cell of an appointment file to one of the line's language codes."""

    def __init__(self, codes: Collection[str]) -> None:
        self._codes = frozenset(codes)

    def code(self, name: str) -> str | None:
        """The language code for a name or a code; None for a language that the line does not offer."""
        word = _first_word(name)
        return word if word in self._codes else self._names.get(word)

    @cached_property
    def _names(self) -> dict[str, str]:
        # Imported on demand: Babel's tables take 5 MB, and a file that says `es` does not need them.
        from babel import Locale
        from babel.core import get_global

        names = {alias: code for alias, code in get_global("language_aliases").items() if code in self._codes}
        for display in self._codes:
            display_names = Locale.parse(display).languages
            names |= {_first_word(display_names[code]): code for code in self._codes if code in display_names}
        return names


def english_name(code: str) -> str:
    """The English name of a language followed by its code: "Nepali (ne)". An unknown code is returned unchanged."""
    from babel import Locale

    name = Locale("en").languages.get(_first_word(code))
    return f"{name} ({code})" if name else code


def _first_word(name: str) -> str:
    """The first word in lowercase without accents: "espanol" for "Español (Spanish)", "es" for "es-US"."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    match = _FIRST_WORD.search(plain)
    return match[0] if match else ""
