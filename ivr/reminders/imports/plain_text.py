"""Cells without the characters that nobody sees."""

from __future__ import annotations

import unicodedata

_GUARD_START, _GUARD_END = '="', '"'


def plain(text: str) -> str:
    """A cell without zero-width spaces and marks for the direction of text.

    Full-width digits and letters and special spaces become the usual ones. ="00123", which keeps a spreadsheet from
    changing an id, becomes 00123.
    """
    text = text.strip()
    if not text.isascii():
        normalized = unicodedata.normalize("NFKC", text)
        text = "".join(char for char in normalized if unicodedata.category(char) != "Cf").strip()
    if text.startswith(_GUARD_START) and text.endswith(_GUARD_END) and len(text) > len(_GUARD_START):
        text = text[2:-1].strip()
    return text
