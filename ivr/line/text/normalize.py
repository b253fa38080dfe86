"""Words as they are compared: small letters, no accents, and the words that tell nothing set aside."""

from __future__ import annotations

import re
import unicodedata

# People use few words; each is looked at once.
MOST_WORDS = 10_000
# A text has at most 1,600 letters.
MOST_LETTERS = 2_000
_NOT_WORDS = re.compile(r"[^a-z0-9]+")
_ENDS = re.compile(r"[.!?;\n]+")
_IDLE_WORDS = """
a an and am are at be been by do for from had has have i im in is it ive me my of on our please so that the their there
these they this to us was we were with you your ok okay thank thanks
al con de del el en es esta estan este estoy favor hay la las le les lo los me mi mis para por que se si soy su sus te
tengo tiene tu un una unas unos usted y ya gracias
"""
_IDLE = frozenset(_IDLE_WORDS.split())
_SPELLED_APART = {
    "can not": "cant",
    "cannot": "cant",
    "do not": "dont",
    "will not": "wont",
    "no more": "nomore",
    "no mas": "nomas",
}
_APART = re.compile(rf"\b({'|'.join(_SPELLED_APART)})\b")
# What sounds alike and is written one for the other: emergensia, vulto, kiero, ogo.
_SOUNDS = (
    (re.compile(r"(?<!c)h"), ""),
    (re.compile(r"v"), "b"),
    (re.compile(r"z|c(?=[ei])"), "s"),
    (re.compile(r"qu(?=[ei])|q|c(?!h)"), "k"),
    (re.compile(r"ll"), "y"),
    (re.compile(r"(.)\1+"), r"\1"),
)


def shorten(words: str) -> str:
    """The beginning and the end of what is too long to be a text; the question stands in one of them."""
    if len(words) <= MOST_LETTERS:
        return words
    half = MOST_LETTERS // 2
    return f"{words[:half]} {words[-half:]}"


def normalize(words: str) -> str:
    """Small letters without accents and punctuation: "¿Qué són?" is "que son"."""
    if words.isascii() and words.isalnum():
        # Most of what is looked at is one word already.
        return words.lower()
    bare = words.replace("'", "").replace("’", "").lower()
    if not bare.isascii():
        bare = "".join(c for c in unicodedata.normalize("NFKD", bare) if not unicodedata.combining(c))
    return _NOT_WORDS.sub(" ", bare).strip()


def join_split_words(words: str) -> str:
    """Plain words with those joined that some write apart: "can not" is "cant"."""
    return _APART.sub(lambda match: _SPELLED_APART[match[1]], words)


def content_words(words: str) -> tuple[str, ...]:
    """The words that tell something, of plain words."""
    return tuple(word for word in join_split_words(words).split() if word not in _IDLE)


def normalized_sentences(words: str) -> list[str]:
    """The sentences of a text, plain."""
    return [one for one in map(normalize, _ENDS.split(words)) if one]


def stem(word: str) -> str:
    """A word without its plural and its last vowel: "hinchadas" and "hinchado" are "hinchad"."""
    if len(word) > 3 and word.endswith("s") and not word.endswith("ss"):
        word = word[:-1]
    return word[:-1] if len(word) > 4 and word[-1] in "aeo" else word


def phonetic_key(word: str) -> str:
    """How a word sounds, roughly, to whoever writes by ear."""
    for written, heard in _SOUNDS:
        word = written.sub(heard, word)
    return word
