"""The cost of a text message: its encoding, its segments, and the characters that make it expensive.

A GSM-7 segment holds 160 characters (153 in a message of several segments); one character outside the alphabet switches
the whole message to UCS-2, with 70 (67). So messages are folded to GSM-7 before they are sent.
https://www.twilio.com/docs/glossary/what-is-gsm-7-character-encoding
"""

from __future__ import annotations

import unicodedata
from bisect import bisect_right
from dataclasses import dataclass

import smsutil
from smsutil.codecs import GSM_BASIC_CHARSET, GSM_EXT_CHARSET

GSM7 = "GSM-7"
UNKNOWN = "?"
"""The replacement for a character that has no equivalent in GSM-7."""

_ALPHABET = frozenset(GSM_BASIC_CHARSET + GSM_EXT_CHARSET)
# Characters without a useful decomposition: quotes, dashes, spaces, zero-width marks, and a few letters.
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
    **dict(zip("œŒþÞ", ("oe", "OE", "th", "Th"), strict=True)),
    **dict(zip("łŁđĐıðÐ", "lLdDidD", strict=True)),
}


@dataclass(frozen=True, slots=True)
class SegmentCount:
    """The size of one message as the carrier counts it. An empty message has 0 segments.

    characters: GSM-7 units (€ ^ { } [ ] ~ | and the backslash take two each), or Unicode characters in UCS-2.
    """

    encoding: str
    segments: int
    characters: int


def count_segments(text: str) -> SegmentCount:
    """The size of a message as given, without folding. Agrees with Twilio's segment calculator."""
    if not text:
        return SegmentCount(GSM7, 0, 0)
    split = smsutil.split(text)
    if split.encoding == "gsm0338":
        return SegmentCount(GSM7, len(split.parts), split.total_bytes)
    return SegmentCount("UCS-2", len(split.parts), split.total_length)


def characters_left(text: str) -> int:
    """How many letters fit before a message needs another segment; an empty message counts as one segment."""
    size = count_segments(text)
    alone, joined = (160, 153) if size.encoding == GSM7 else (70, 67)
    segments = max(1, size.segments)
    room = (alone if segments == 1 else joined * segments) - size.characters
    # A two-unit character is never split: it moves to the next segment and leaves one unit unused.
    return bisect_right(range(room + 1), segments, key=lambda more: count_segments(text + "a" * more).segments) - 1


def fold_to_gsm7(text: str) -> str:
    """The same text in GSM-7 characters, so that it needs as few segments as possible. Idempotent.

    After composition (NFC), each character is kept if it is in GSM-7 (é ñ ü ¿ ¡ à è ì ò ù Ñ É Ü); else replaced from
    the table (typographic quotes, dashes, spaces, ellipsis); else stripped of its accents (á becomes a, ç becomes c, ª
    becomes a); else replaced by "?". Do not fold a language in another script: send it in UCS-2.
    """
    return "".join(map(_fold, unicodedata.normalize("NFC", text)))


def non_gsm7_characters(text: str) -> tuple[str, ...]:
    """The characters that force a message into UCS-2, each once, in order of first appearance."""
    return tuple(dict.fromkeys(character for character in text if character not in _ALPHABET))


def unfoldable_characters(text: str) -> tuple[str, ...]:
    """The characters that `fold_to_gsm7` can only turn into "?", each once, in order of first appearance."""
    composed = unicodedata.normalize("NFC", text)
    return tuple(dict.fromkeys(c for c in composed if c != UNKNOWN and UNKNOWN in _fold(c)))


def _fold(character: str) -> str:
    if character in _REPLACEMENTS:
        return _REPLACEMENTS[character]
    if character in _ALPHABET:
        return character
    if unicodedata.combining(character):
        return ""
    plain = unicodedata.normalize("NFKD", character)
    if plain == character:
        return UNKNOWN
    return "".join(map(_fold, plain))
