"""Topic and language classifiers, trained from phrases and questions when a release is loaded. No model is shipped.

The topic classifier is complement naive Bayes over words, word pairs and character n-grams: a feature adds to the
score of each outcome whose phrases contain it, and adds more if few other outcomes contain it. Two passive-aggressive
passes over the phrases then correct those that are still misclassified, each by no more than necessary.
Rennie et al. (2003): https://people.csail.mit.edu/jrennie/papers/icml03-nb.pdf
Crammer et al. (2006): https://jmlr.org/papers/volume7/crammer06a/crammer06a.pdf
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ivr.line.text.normalize import MOST_WORDS

Vector = NDArray[np.float64]
_NGRAM = 4
# Smoothing of rare features, and the boost for outcomes with few phrases. Tuned by cross-validation.
_SMOOTHING = 6.0
_BALANCE = 0.5
# Passive-aggressive training: required margin, largest update, number of passes.
_MARGIN = 0.5
_LARGEST_UPDATE = 0.3
_PASSES = 2
# Phrases of one outcome are adjacent in a file. Reading them with a stride shuffles them deterministically.
_STRIDE = 97
# How far a language must lead every other, and the cap on the vote of one word.
_LANGUAGE_MARGIN = 1.0
_LARGEST_VOTE = 3.0


class TopicClassifier:
    """Scores outcomes by the words, word pairs and character n-grams of a message."""

    def __init__(self, phrases: Iterable[tuple[Sequence[str], str]]) -> None:
        """phrases: (normalized words, outcome) pairs."""
        self._ngrams_of = lru_cache(MOST_WORDS)(_ngrams)
        examples = [(self._features(words), outcome) for words, outcome in phrases]
        document_counts = Counter(feature for features, _ in examples for feature in features)
        self._columns = {feature: column for column, feature in enumerate(document_counts)}
        self._idf = np.log((1 + len(examples)) / (1 + np.array(list(document_counts.values()), dtype=float))) + 1
        self._highest_idf = float(self._idf.max(initial=1.0))
        sizes = Counter(outcome for _, outcome in examples)
        self._outcomes = list(sizes)
        index = {outcome: column for column, outcome in enumerate(self._outcomes)}
        boosts = [(len(examples) / len(sizes) / size) ** _BALANCE for size in sizes.values()]
        vectors = [(*self._vectorize(features), index[outcome]) for features, outcome in examples]
        totals_by_outcome = np.zeros((len(document_counts), len(sizes)))
        for columns, weights, label in vectors:
            totals_by_outcome[columns, label] += weights * boosts[label]
        totals = totals_by_outcome.sum(axis=1, keepdims=True) + _SMOOTHING
        self._log_odds = np.log(totals / (totals - totals_by_outcome))
        shuffled = [vector for start in range(_STRIDE) for vector in vectors[start::_STRIDE]]
        for _ in range(_PASSES):
            shuffled = [vector for vector in shuffled if self._update(*vector)]

    def _features(self, words: Sequence[str]) -> set[str]:
        features = {f"{first} {second}" for first, second in zip(["", *words], [*words, ""], strict=True)}
        for word in words:
            features.update(self._ngrams_of(word))
        return features

    def _vectorize(self, features: set[str]) -> tuple[NDArray[np.int64], Vector]:
        """The columns and tf-idf weights of the known features, scaled to length 1, counting unknown ones."""
        # Sorted, because sets have no order and floating-point sums depend on it.
        columns = np.array(sorted(self._columns[name] for name in features if name in self._columns), dtype=np.int64)
        weights = self._idf[columns]
        unknown = (len(features) - len(columns)) * self._highest_idf**2
        return columns, weights / (math.sqrt(float(weights @ weights) + unknown) or 1.0)

    def _update(self, columns: NDArray[np.int64], weights: Vector, label: int) -> bool:
        """Shift weight from the strongest rival to the phrase's own outcome. False if the margin is already met."""
        scores = weights @ self._log_odds[columns]
        own_score = scores[label]
        scores[label] = -np.inf
        rival = int(scores.argmax())
        shortfall = scores[rival] + _MARGIN - own_score
        if rival == label or shortfall <= 0:
            return False
        update = min(_LARGEST_UPDATE, shortfall / 2) * weights
        self._log_odds[columns, label] += update
        self._log_odds[columns, rival] -= update
        return True

    def scores(self, words: Sequence[str]) -> dict[str, float]:
        """The score of every outcome for normalized words; empty if none of their features is known."""
        columns, weights = self._vectorize(self._features(words))
        if not len(columns):
            return {}
        return dict(zip(self._outcomes, (weights @ self._log_odds[columns]).tolist(), strict=True))


class LanguageClassifier:
    """Detects the language of a message from the vocabulary of all prompts, phrases and questions."""

    def __init__(self, vocabulary: Mapping[str, Counter[str]]) -> None:
        """vocabulary: word counts by language code."""
        total = sum(vocabulary.values(), Counter[str]())
        self._votes: dict[str, dict[str, float]] = {
            language: {
                word: max(0.0, min(_LARGEST_VOTE, math.log((count + 0.3) / (total[word] - count + 0.3))))
                for word, count in counts.items()
            }
            for language, counts in vocabulary.items()
        }

    def of(self, words: Sequence[str]) -> str | None:
        """The language of normalized words; None if they could be any language, like "ok", a number or a name."""
        votes = {language: sum(by_word.get(word, 0.0) for word in words) for language, by_word in self._votes.items()}
        best, *others = sorted(votes, key=lambda language: votes[language], reverse=True)
        return best if all(votes[best] - votes[other] >= _LANGUAGE_MARGIN for other in others) else None


def _ngrams(word: str) -> tuple[str, ...]:
    """A word and its character n-grams, with its edges marked. A misspelling changes only a few of them."""
    edged = f"_{word}_"
    return (f"{edged}_", *(edged[start : start + _NGRAM] for start in range(len(edged) - _NGRAM + 1)))
