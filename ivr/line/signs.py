"""Words that must not be missed: red flags, and the wish to get no more texts.

The likeness of whole sentences fails here: "my mother has chest pain, what shall we do" is not like "chest
pain". So each phrase is boiled down to the words that tell (chest, pain). A red flag is found where all of
them stand, anywhere, in any form and misspelt; a wish to stop, where they stand close together in their order.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from os.path import commonprefix

from rapidfuzz.distance import OSA

RED_FLAGS = ("urgent", "person-soon")
STOP = "stop"
STEM = 5
# How many words may stand between those of a wish to stop: "stop sending me all these texts".
GAP = 3
# People use few words; each is compared once.
MOST_WORDS = 10_000
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


@dataclass(frozen=True)
class Sign:
    """The telling words of a phrase, and what they are a sign of."""

    meaning: str
    language: str
    words: tuple[str, ...]


class Signs:
    """The signs of a release. Phrases and what is asked come in small letters, without accents and marks."""

    def __init__(self, phrases: Iterable[tuple[str, str, str]]) -> None:
        """phrases: the words, what they mean, and their language."""
        signs = [Sign(name, language, telling(words)) for words, name, language in phrases]
        self._flags = [sign for sign in signs if sign.meaning in RED_FLAGS and sign.words]
        wishes = [sign for sign in signs if sign.meaning == STOP and sign.words]
        # "Stop" alone is a wish only when it is all that a text says; in company it may be about calcium pills.
        self._whole: dict[tuple[str, ...], Sign] = {sign.words: sign for sign in wishes if len(sign.words) == 1}
        self._wishes = [sign for sign in wishes if len(sign.words) > 1]
        self._known = {word: len(sign.words) > 1 for sign in self._flags for word in sign.words}
        self._wished = {word for sign in self._wishes for word in sign.words}
        self._flagged_by = lru_cache(MOST_WORDS)(self._find_flagged)

    def find(self, asked: str) -> list[Sign]:
        """The signs that stand in some words: the most urgent first, a wish to stop last."""
        heard = _joined(asked).split()
        flagged = set().union(*map(self._flagged_by, heard))
        found = [sign for sign in self._flags if flagged.issuperset(sign.words)]
        found.sort(key=lambda sign: RED_FLAGS.index(sign.meaning))
        places: dict[str, list[int]] = defaultdict(list)
        for at, one in enumerate(heard):
            for word in self._wished:
                if _alike(word, one, loose=False):
                    places[word].append(at)
        found += [sign for sign in self._wishes if _stands_close(sign.words, places)]
        whole = self._whole.get(telling(asked))
        return [*found, whole] if whole else found

    def _find_flagged(self, one: str) -> frozenset[str]:
        """The telling words of red flags that a word is a form of."""
        return frozenset(word for word, loose in self._known.items() if _alike(word, one, loose))


def _joined(words: str) -> str:
    words = f" {words} "
    for apart, joined in _SPELLED_APART.items():
        words = words.replace(f" {apart} ", f" {joined} ")
    return words.strip()


def telling(words: str) -> tuple[str, ...]:
    """The words that tell something, of words in small letters without accents and marks."""
    return tuple(word for word in _joined(words).split() if word not in _IDLE)


def _alike(known: str, heard: str, loose: bool) -> bool:
    """Whether two words are forms of one, or one is the other with a slip; loose: in words of four letters too."""
    if known[0] != heard[0] or min(len(known), len(heard)) < STEM - loose:
        return known == heard
    if len(commonprefix((known, heard))) >= STEM and abs(len(known) - len(heard)) < STEM:
        return True
    allowed = (len(known) >= 8) + (loose or len(known) >= 7)
    return OSA.distance(known, heard, score_cutoff=allowed) <= allowed


def _stands_close(words: tuple[str, ...], places: dict[str, list[int]]) -> bool:
    for first in places.get(words[0], ()):
        at = first
        for word in words[1:]:
            at = next((place for place in places.get(word, ()) if place > at), -1)
            if at < 0 or at - first > len(words) - 1 + GAP:
                break
        else:
            return True
    return False
