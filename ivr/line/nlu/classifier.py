"""What is learned from phrases and questions when a release is loaded: no model is shipped.

How people ask is complement naive Bayes over words, pairs of words and runs of letters: each of them speaks for
the outcomes in whose phrases it stands, the more the less it stands elsewhere. Two passes over the phrases then mend
what is still taken for something else, each just so far that it no longer is (passive-aggressive learning).
Rennie and others (2003): https://people.csail.mit.edu/jrennie/papers/icml03-nb.pdf
Crammer and others (2006): https://jmlr.org/papers/volume7/crammer06a/crammer06a.pdf
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ivr.line.text.normalize import MOST_WORDS

Numbers = NDArray[np.float64]
_RUN = 4
# How little the first phrase with a word says, and how far an outcome with few phrases is helped up: measured.
_CAUTION = 6.0
_BALANCE = 0.5
# By how much a phrase's own outcome must lead, how far one phrase may move it there, and how often all are gone over.
_LEAD = 0.5
_PUSH = 0.3
_PASSES = 2
# Phrases of one outcome stand together in a file: a stride of many mixes them, the same way each time.
_STRIDE = 97
# How plainly words must be of one language, and how much one word can say.
_PLAINLY = 1.0
_LOUDEST = 3.0


class TopicClassifier:
    """What each word, pair of words and run of letters tells of the outcomes."""

    def __init__(self, phrases: Iterable[tuple[Sequence[str], str]]) -> None:
        """phrases: plain words, and the outcome that they lead to."""
        self._runs_of = lru_cache(MOST_WORDS)(_runs)
        told = [(self._parts(words), outcome) for words, outcome in phrases]
        held = Counter(part for parts, _ in told for part in parts)
        self._places = {part: at for at, part in enumerate(held)}
        self._rarity = np.log((1 + len(told)) / (1 + np.array(list(held.values()), dtype=float))) + 1
        self._rarest = float(self._rarity.max(initial=1.0))
        sizes = Counter(outcome for _, outcome in told)
        self._outcomes = list(sizes)
        number = {outcome: at for at, outcome in enumerate(self._outcomes)}
        lift = [(len(told) / len(sizes) / size) ** _BALANCE for size in sizes.values()]
        phrased = [(*self._weighed(parts), number[outcome]) for parts, outcome in told]
        counted = np.zeros((len(held), len(sizes)))
        for places, weights, own in phrased:
            counted[places, own] += weights * lift[own]
        total = counted.sum(axis=1, keepdims=True) + _CAUTION
        self._says = np.log(total / (total - counted))
        mixed = [phrase for start in range(_STRIDE) for phrase in phrased[start::_STRIDE]]
        for _ in range(_PASSES):
            mixed = [phrase for phrase in mixed if self._mended(*phrase)]

    def _parts(self, words: Sequence[str]) -> set[str]:
        parts = {f"{first} {second}" for first, second in zip(["", *words], [*words, ""], strict=True)}
        for word in words:
            parts.update(self._runs_of(word))
        return parts

    def _weighed(self, parts: set[str]) -> tuple[NDArray[np.int64], Numbers]:
        """The places of known parts and how much they tell, scaled to length 1; unknown ones add to the length."""
        # In one order on every machine: sets have none, and sums depend on it.
        places = np.array(sorted(self._places[part] for part in parts if part in self._places), dtype=np.int64)
        weights = self._rarity[places]
        unknown = (len(parts) - len(places)) * self._rarest**2
        return places, weights / (math.sqrt(float(weights @ weights) + unknown) or 1.0)

    def _mended(self, places: NDArray[np.int64], weights: Numbers, own: int) -> bool:
        """Whether a phrase did not lead clearly to its outcome: now its parts say more for it, less for the rival."""
        scores = weights @ self._says[places]
        led = scores[own]
        scores[own] = -np.inf
        rival = int(scores.argmax())
        lacking = scores[rival] + _LEAD - led
        if rival == own or lacking <= 0:
            return False
        push = min(_PUSH, lacking / 2) * weights
        self._says[places, own] += push
        self._says[places, rival] -= push
        return True

    def scores(self, words: Sequence[str]) -> dict[str, float]:
        """How much plain words speak for each outcome; nothing where all of them are unknown."""
        places, weights = self._weighed(self._parts(words))
        return dict(zip(self._outcomes, (weights @ self._says[places]).tolist(), strict=True)) if len(places) else {}


class LanguageClassifier:
    """Which language words are of, told by the words of every prompt and phrase."""

    def __init__(self, said: Mapping[str, Counter[str]]) -> None:
        """said: each language's words, and how often they stand there."""
        total = sum(said.values(), Counter[str]())
        self._speaks: dict[str, dict[str, float]] = {
            language: {word: _vote(count, total[word] - count) for word, count in words.items()}
            for language, words in said.items()
        }

    def of(self, words: Sequence[str]) -> str | None:
        """The language of plain words; None for what tells none, like "ok", a number or a name."""
        votes = {language: sum(speaks.get(word, 0.0) for word in words) for language, speaks in self._speaks.items()}
        first, *others = sorted(votes, key=lambda language: votes[language], reverse=True)
        return first if all(votes[first] - votes[other] >= _PLAINLY for other in others) else None


def _vote(here: int, elsewhere: int) -> float:
    return max(0.0, min(_LOUDEST, math.log((here + 0.3) / (elsewhere + 0.3))))


def _runs(word: str) -> tuple[str, ...]:
    """A word and its runs of four letters, edges marked: a misspelling costs a few of them."""
    edged = f"_{word}_"
    return (f"{edged}_", *(edged[at : at + _RUN] for at in range(len(edged) - _RUN + 1)))
