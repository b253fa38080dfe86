"""Text normalized for comparison: lowercase Latin letters, no accents, no invisible characters, no filler words."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from itertools import chain

from ivr.line.locales.locale import all_locales

MOST_WORDS = 10_000
"""The size of per-word caches: people use few distinct words."""
# A text message has at most 1,600 characters.
MOST_CHARACTERS = 2_000
_NOT_WORDS = re.compile(r"[^a-z0-9]+")
_WHITESPACE = re.compile(r"\s+")
_SENTENCE_ENDS = re.compile(r"[.!?;\n]+")
# Dashes and emoji, too: whatever is no part of a word, but for commas.
_CLAUSE_ENDS = re.compile(r"[^\w\s'’,]+|\n")
COMMA = ","
EITHER_WORDS = frozenset[str]().union(*(locale.either_words for locale in all_locales().values()))
_FILLER_WORDS = frozenset[str]().union(*(locale.filler_words for locale in all_locales().values()))
_JOINED = {apart: joined for locale in all_locales().values() for apart, joined in locale.joined_words.items()}
_APART = re.compile(rf"\b({'|'.join(_JOINED)})\b")
# Lowercase letters of other alphabets that look like Latin ones, as in a STOP typed on a Cyrillic keyboard.
# https://www.unicode.org/Public/security/latest/confusables.txt
_LOOK_ALIKES = {
    **dict(zip("авсԁеһніјкӏмпорԛѕтухԝυ", "abcdehhijklmnopqstyxwu", strict=True)),
    **dict(zip("αβεηικνορστυχζϲ", "abehiknopstyxzc", strict=True)),
    **dict(zip("ᴀʙᴄᴅᴇɢʜɪᴊᴋʟᴍɴᴏᴘꞯʀꜱᴛᴜᴠᴡʏᴢıɑɡ", "abcdeghijklmnopqrstuvwyziag", strict=True)),
}
# Letters as emoji: white on a black circle or square, and the letters of flags. NFKD leaves them unchanged.
_EMOJI_LETTERS = {
    chr(first + offset): chr(ord("a") + offset) for first in (0x1F150, 0x1F170, 0x1F1E6) for offset in range(26)
}
# The stop sign, as its whole word, and the call for help, as what to do.
_EMOJI_WORDS = {"🛑": " stop ", "🆘": " 911 "}
# Most of the letters beyond ASCII in Spanish and English, which need no further analysis.
_USUAL = str.maketrans("áéíóúüñ¿¡", "aeiouun  ")
_LATIN = str.maketrans(_LOOK_ALIKES | _EMOJI_LETTERS | _EMOJI_WORDS)
# Format characters (soft hyphen, zero-width space, direction marks), accents, variation selectors, the keycap.
_INVISIBLE = frozenset(("Cf", "Mn", "Me"))
# Letters that look like nothing, although Unicode classes them as letters.
_FILLERS = frozenset("\u115f\u1160\u3164\uffa0")
# Letters that sound alike in Spanish, as in the misspellings emergensia, vulto, kiero, ogo.
_SOUNDS = (
    (re.compile(r"(?<!c)h"), ""),
    (re.compile(r"v"), "b"),
    (re.compile(r"z|c(?=[ei])"), "s"),
    (re.compile(r"qu(?=[ei])|q|c(?!h)"), "k"),
    (re.compile(r"ll"), "y"),
    (re.compile(r"(.)\1+"), r"\1"),
)


def shorten(text: str) -> str:
    """The start and the end of a text that is too long for a text message; the question is in one of them."""
    if len(text) <= MOST_CHARACTERS:
        return text
    half = MOST_CHARACTERS // 2
    return f"{text[:half]} {text[-half:]}"


def squeeze(text: str) -> str:
    """The text with one line break or space for each run of them.

    Some patterns take the cube of a run's length: a text message of 1,600 line breaks would keep a process busy for
    half a minute.
    """
    return _WHITESPACE.sub(lambda run: "\n" if "\n" in run[0] else " ", text)


def normalize(text: str) -> str:
    """Lowercase without accents or punctuation: "¿Qué son?" becomes "que son"."""
    if text.isascii() and text.isalnum():
        # The fast path: most calls pass a single plain word.
        return text.lower()
    bare = text.replace("'", "").replace("’", "").lower()
    if not bare.isascii():
        bare = bare.translate(_USUAL)
    if not bare.isascii():
        bare = _to_latin(bare)
    return _NOT_WORDS.sub(" ", bare).strip()


def _to_latin(text: str) -> str:
    """Visible characters only, in their plain form, with look-alikes of Latin letters replaced by these."""
    plain = unicodedata.normalize("NFKD", text).lower()
    return "".join(c for c in plain if not is_invisible(c)).translate(_LATIN)


@lru_cache(1_000)
def is_invisible(character: str) -> bool:
    """Whether a decomposed character has no shape of its own."""
    return unicodedata.category(character) in _INVISIBLE or character in _FILLERS


def join_split_words(text: str) -> str:
    """Normalized text with two-word spellings joined: "can not" becomes "cant"."""
    return _APART.sub(lambda match: _JOINED[match[1]], text)


def content_words(text: str) -> tuple[str, ...]:
    """The words of normalized text without the filler words."""
    return tuple(word for word in join_split_words(text).split() if word not in _FILLER_WORDS)


def normalized_sentences(text: str) -> list[str]:
    """The sentences of a text, normalized, without empty ones."""
    return [sentence for sentence in map(normalize, _SENTENCE_ENDS.split(text)) if sentence]


def clauses(text: str) -> list[list[str]]:
    """The normalized words between the punctuation marks of a text, with COMMA where one stands."""
    return [_with_commas(clause) for clause in _CLAUSE_ENDS.split(_to_latin(text))]


def _with_commas(text: str) -> list[str]:
    parts = [join_split_words(normalize(part)).split() for part in text.split(COMMA)]
    return list(chain(parts[0], *((COMMA, *part) for part in parts[1:])))


def stem(word: str) -> str:
    """A word without its plural s and its last vowel: "hinchadas" and "hinchado" become "hinchad"."""
    if len(word) > 3 and word.endswith("s") and not word.endswith("ss"):
        word = word[:-1]
    return word[:-1] if len(word) > 4 and word[-1] in "aeo" else word


def phonetic_key(word: str) -> str:
    """A rough phonetic key: spellings that sound alike have the same key."""
    for spelling, sound in _SOUNDS:
        word = spelling.sub(sound, word)
    return word
