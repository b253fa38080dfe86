"""What is learned from the phrases of a release when it is loaded, in plain Python: no model is shipped.

How people ask is complement naive Bayes over words, pairs of words and runs of letters: each of them speaks for
the outcomes in whose phrases it stands, the more the less it stands elsewhere. Two passes over the phrases then mend
what is still taken for something else, each just so far that it no longer is (passive-aggressive learning).
Rennie and others (2003): https://people.csail.mit.edu/jrennie/papers/icml03-nb.pdf
Crammer and others (2006): https://jmlr.org/papers/volume7/crammer06a/crammer06a.pdf
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

from ivr.line.wording import MOST_WORDS

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


class Learned:
    """What each word, pair of words and run of letters tells of the outcomes."""

    def __init__(self, phrases: Iterable[tuple[Sequence[str], str]]) -> None:
        """phrases: plain words, and the outcome that they lead to."""
        self._runs_of = lru_cache(MOST_WORDS)(_runs)
        told = [(self._parts(words), outcome) for words, outcome in phrases]
        held = Counter(part for parts, _ in told for part in parts)
        self._rarity = {part: math.log((1 + len(told)) / (1 + count)) + 1 for part, count in held.items()}
        self._rarest = max(self._rarity.values(), default=1.0)
        sizes = Counter(outcome for _, outcome in told)
        lift = {outcome: (len(told) / len(sizes) / size) ** _BALANCE for outcome, size in sizes.items()}
        weights: dict[str, dict[str, float]] = defaultdict(dict)
        phrased = [(self._weighed(parts), outcome) for parts, outcome in told]
        for parts, outcome in phrased:
            for part, weight in parts:
                row = weights[part]
                row[outcome] = row.get(outcome, 0.0) + weight * lift[outcome]
        says = {part: _speaks_for(row) for part, row in weights.items()}
        mixed = [phrase for start in range(_STRIDE) for phrase in phrased[start::_STRIDE]]
        for _ in range(_PASSES):
            mixed = [(parts, outcome) for parts, outcome in mixed if _mended(says, parts, outcome)]
        self._says = {part: tuple(row.items()) for part, row in says.items()}

    def _parts(self, words: Sequence[str]) -> set[str]:
        parts = {f"{first} {second}" for first, second in zip(["", *words], [*words, ""], strict=True)}
        for word in words:
            parts.update(self._runs_of(word))
        return parts

    def _weighed(self, parts: set[str]) -> list[tuple[str, float]]:
        """Parts by how much they tell, scaled to length 1; unknown ones add to the length."""
        rarity, rarest = self._rarity, self._rarest
        weights = [(part, rarity.get(part, rarest)) for part in parts]
        length = math.hypot(*(weight for _, weight in weights)) or 1.0
        return [(part, weight / length) for part, weight in weights]

    def scores(self, words: Sequence[str]) -> dict[str, float]:
        """How much plain words speak for each outcome; nothing where all of them are unknown."""
        scores: dict[str, float] = defaultdict(float)
        for part, weight in self._weighed(self._parts(words)):
            for outcome, gain in self._says.get(part, ()):
                scores[outcome] += weight * gain
        return scores


class Tongues:
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


def _speaks_for(row: dict[str, float]) -> dict[str, float]:
    total = sum(row.values()) + _CAUTION
    return {outcome: math.log(total / (total - weight)) for outcome, weight in row.items()}


def _mended(says: dict[str, dict[str, float]], parts: list[tuple[str, float]], outcome: str) -> bool:
    """Whether a phrase did not lead clearly to its outcome: then its parts now say more for it, less for the rival."""
    scores: dict[str, float] = defaultdict(float)
    for part, weight in parts:
        for other, gain in says[part].items():
            scores[other] += weight * gain
    own = scores.pop(outcome, 0.0)
    rival = max(scores, key=scores.__getitem__, default=None)
    lacking = 0.0 if rival is None else scores[rival] + _LEAD - own
    if rival is None or lacking <= 0:
        return False
    push = min(_PUSH, lacking / 2)
    for part, weight in parts:
        row = says[part]
        row[outcome] = row.get(outcome, 0.0) + push * weight
        row[rival] = row.get(rival, 0.0) - push * weight
    return True


def _runs(word: str) -> tuple[str, ...]:
    """A word and its runs of four letters, edges marked: a misspelling costs a few of them."""
    edged = f"_{word}_"
    return (f"{edged}_", *(edged[at : at + _RUN] for at in range(len(edged) - _RUN + 1)))
