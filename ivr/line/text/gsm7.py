"""What a text costs: its encoding, its segments, and the characters that make it dear.

A text in the GSM-7 alphabet carries 160 characters in one segment (153 when joined); one character outside it
turns the whole text into UCS-2, with 70 (67 when joined). So texts are folded before they go out.
https://www.twilio.com/docs/glossary/what-is-gsm-7-character-encoding
"""

from __future__ import annotations

import unicodedata
from bisect import bisect_right
from dataclasses import dataclass

import smsutil
from smsutil.codecs import GSM_BASIC_CHARSET, GSM_EXT_CHARSET

GSM7 = "GSM-7"
UCS2 = "UCS-2"
UNKNOWN = "?"
"""What `fold` puts where GSM-7 has nothing like the character."""

_ALPHABET = frozenset(GSM_BASIC_CHARSET + GSM_EXT_CHARSET)

_REPLACEMENTS = {
    **dict.fromkeys("\u2018\u2019\u201a\u201b\u2032\u00b4\u02bc", "'"),
    **dict.fromkeys("\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb", '"'),
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u2022\u00b7", "-"),
    **dict.fromkeys("\t\u00a0\u2000\u2001\u2002\u2003\u2004\u2005\u2006", " "),
    **dict.fromkeys("\u2007\u2008\u2009\u200a\u202f\u205f\u3000", " "),
    **dict.fromkeys("\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufe0e\ufe0f\ufeff\x1b", ""),
    **dict.fromkeys("\u2028\u2029\f\v", "\n"),
    "\u2026": "...",
    "\u2044": "/",
    "\u00d7": "x",
    "\u0153": "oe",
    "\u0152": "OE",
    "\u0142": "l",
    "\u0141": "L",
    "\u0111": "d",
    "\u0110": "D",
    "\u0131": "i",
    "\u00f0": "d",
    "\u00d0": "D",
    "\u00fe": "th",
    "\u00de": "Th",
}
"""What decomposes to nothing useful: quotes, dashes, spaces, marks without width, a few letters."""


@dataclass(frozen=True, slots=True)
class SegmentCount:
    """What the carrier will count for one text.

    {"encoding": "GSM-7", "segments": 2, "characters": 161}: `characters` are GSM-7 units (€ ^ { } [ ] ~ |
    and the backslash are two each), or Unicode characters when the encoding is UCS-2. An empty text has
    0 segments.
    """

    encoding: str
    segments: int
    characters: int


def count_segments(text: str) -> SegmentCount:
    """What the text takes just as it stands, nothing folded. Agrees with Twilio's own calculator."""
    if not text:
        return SegmentCount(GSM7, 0, 0)
    parts = smsutil.split(text)
    if parts.encoding == "gsm0338":
        return SegmentCount(GSM7, len(parts.parts), parts.total_bytes)
    return SegmentCount(UCS2, len(parts.parts), parts.total_length)


def characters_left(text: str) -> int:
    """How many more letters fit into a text before it takes one segment more; an empty text has room for one."""
    counted = count_segments(text)
    alone, joined = (160, 153) if counted.encoding == GSM7 else (70, 67)
    most = max(1, counted.segments)
    room = (alone if most == 1 else joined * most) - counted.characters
    # A sign of two units that does not fit at a segment's end goes to the next, and leaves a place empty.
    return bisect_right(range(room + 1), most, key=lambda more: count_segments(text + "a" * more).segments) - 1


def fold_to_gsm7(text: str) -> str:
    """The same text in GSM-7 letters, so that it costs what it looks like.

    One rule, character by character, after composing (NFC): what GSM-7 has stays (é ñ ü ¿ ¡ à è ì ò ù Ñ É Ü);
    else the table of replacements (typographic quotes, dashes, spaces, ellipsis); else the character's own
    decomposition without its accents (á becomes a, ç becomes c, ª becomes a); else "?". Whoever sends a
    language of another script sends it as it is, in UCS-2. Folding twice changes nothing more.
    """
    return "".join(_folded(character) for character in unicodedata.normalize("NFC", text))


def non_gsm7_characters(text: str) -> tuple[str, ...]:
    """What turns a text to UCS-2: its characters outside GSM-7, each once, in order of first appearance."""
    return tuple(dict.fromkeys(character for character in text if character not in _ALPHABET))


def unfoldable_characters(text: str) -> tuple[str, ...]:
    """What `fold` can only turn into "?": each once, in order of first appearance."""
    composed = unicodedata.normalize("NFC", text)
    return tuple(dict.fromkeys(one for one in composed if one != UNKNOWN and UNKNOWN in _folded(one)))


def _folded(character: str) -> str:
    if character in _REPLACEMENTS:
        return _REPLACEMENTS[character]
    if character in _ALPHABET:
        return character
    if unicodedata.combining(character):
        return ""
    plain = unicodedata.normalize("NFKD", character)
    if plain == character:
        return UNKNOWN
    return "".join(_folded(part) for part in plain)
