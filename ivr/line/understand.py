"""From free words to a topic or another outcome, by matching alone: the line never makes up an answer.

Each topic and outcome lists in its file how people ask for it. Red flags and a wish to stop are looked for
first (signs.py). Else words are compared by the runs of letters that they share, rare ones counting more, so
that a misspelling costs little.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from ivr.line.content import Content
from ivr.line.signs import STOP, Signs

# How alike words must be, 0 to 100. What weighs more must be plainer.
SCORE = 38.0
SCORES = {"urgent": 70.0, "person-soon": 70.0, STOP: 70.0, "language": 70.0}
_NOT_WORDS = re.compile(r"[^a-z0-9]+")
_RUNS = (3, 4, 5)
Meant = tuple[str, str]


@dataclass(frozen=True)
class Understood:
    """What was understood: the outcome (`none`: nothing), in which language, and each outcome's score (0 to 100)."""

    topic: str
    language: str
    scores: dict[str, float]
    also_stop: bool = False
    """Beside a red flag, which is answered first, the words also ask for no more texts."""


def plain(words: str) -> str:
    """Small letters without accents and punctuation: "¿Qué són?" is "que son"."""
    bare = unicodedata.normalize("NFKD", words.replace("'", "").replace("’", "").lower())
    return _NOT_WORDS.sub(" ", "".join(c for c in bare if not unicodedata.combining(c))).strip()


def _runs(words: str) -> Counter[str]:
    """Whole words, and the runs of 3 to 5 letters in each, its edges marked."""
    found: Counter[str] = Counter()
    for word in words.split():
        edged = f" {word} "
        found[edged] += 1
        found.update(edged[at : at + n] for n in _RUNS for at in range(len(edged) - n + 1))
    return found


class Matcher:
    """The phrases of a release, ready to be asked."""

    def __init__(self, content: Content) -> None:
        self._numbers = {str(topic.number): topic.id for topic in content.config.topics}
        self._default = content.config.default_language
        phrases = [
            (plain(phrase), (prompt.name, prompt.language))
            for prompt in content.prompts.values()
            for phrase in prompt.phrases
        ]
        self._signs = Signs((words, *meant) for words, meant in phrases)
        self._meant: list[Meant] = [meant for _, meant in phrases]
        self._rarity = self._rarities([words for words, _ in phrases])
        self._rarest = max(self._rarity.values(), default=1.0)
        self._index: dict[str, list[tuple[int, float]]] = defaultdict(list)
        for at, (words, _) in enumerate(phrases):
            for run, weight in self._weights(words).items():
                self._index[run].append((at, weight))

    @staticmethod
    def _rarities(phrases: list[str]) -> dict[str, float]:
        held = Counter(run for words in phrases for run in set(_runs(words)))
        return {run: math.log((1 + len(phrases)) / (1 + count)) + 1 for run, count in held.items()}

    def _weights(self, words: str) -> dict[str, float]:
        """The runs of some words by how much they tell, scaled to length 1; unknown runs add to the length."""
        runs = _runs(words).items()
        weights = {run: (1 + math.log(count)) * self._rarity.get(run, self._rarest) for run, count in runs}
        length = math.sqrt(sum(weight * weight for weight in weights.values())) or 1.0
        return {run: weight / length for run, weight in weights.items()}

    def ask(self, words: str, language: str | None = None) -> Understood:
        """What `words` ask for. language: of the conversation, kept where the words tell nothing."""
        language = language or self._default
        asked = plain(words)
        if asked in self._numbers:
            return Understood(self._numbers[asked], language, {})
        if not asked:
            return Understood("menu" if not words.strip() else "none", language, {})
        scores = self._scores(asked, language)
        return self._decide(asked, scores, language)

    def _scores(self, asked: str, language: str) -> dict[Meant, float]:
        alike: dict[int, float] = defaultdict(float)
        for run, weight in self._weights(asked).items():
            for at, other in self._index.get(run, ()):
                alike[at] += weight * other
        best: dict[Meant, list[float]] = defaultdict(list)
        for at, score in alike.items():
            best[self._meant[at]].append(score)
        return {meant: _summed(found) + (meant[1] == language) for meant, found in best.items()}

    def _decide(self, asked: str, scores: dict[Meant, float], language: str) -> Understood:
        ranked = sorted(scores, key=lambda meant: (-scores[meant], meant))
        told: dict[str, float] = {}
        for name, spoken in ranked:
            told.setdefault(name, round(scores[name, spoken], 1))
        told = dict(list(told.items())[:5])
        signs = self._signs.find(asked)
        if signs:
            meant = [sign.language for sign in signs if sign.meaning == signs[0].meaning]
            stops = any(sign.meaning == STOP for sign in signs)
            return Understood(signs[0].meaning, language if language in meant else meant[0], told, stops)
        for name, spoken in ranked:
            if scores[name, spoken] >= SCORES.get(name, SCORE):
                return Understood(name, spoken, told)
        return Understood("none", language, told)


def _summed(found: Iterable[float]) -> float:
    """0 to 100 from how alike an outcome's phrases are: the nearest counts most, two more confirm it."""
    nearest = sorted(found, reverse=True)[:3]
    return 100 * min(1.0, sum(share * alike for share, alike in zip((0.85, 0.1, 0.05), nearest, strict=False)) / 0.95)
