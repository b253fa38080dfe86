"""Clusters of questions that ask the same thing, so that a reviewer reads twenty clusters, not a hundred lines."""

from __future__ import annotations

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rapidfuzz import fuzz, process

from ivr.line.text.normalize import content_words, normalize, stem

# The similarity at which two wordings join one cluster; chosen by inspecting 1,700 real questions.
SIMILARITY_THRESHOLD = 0.65
# The rapidfuzz ratio (0 to 100) at which two spellings count as one word; "cancer" and "cancel" score 83.
SPELLING_THRESHOLD = 86.0
SHORTEST_CORRECTED = 4
# Per language. Every pair is compared, so the cost grows with the square.
MOST_WORDINGS = 2_000
_PERSONAL = re.compile(r"\d(?:[-./() \u2010-\u2015]{0,2}\d){6,}|\S@\S")

Matrix = NDArray[np.float32]


@dataclass(frozen=True)
class QuestionCluster:
    """Wordings in one language that ask the same thing."""

    id: str
    language: str
    typical: str
    """The wording most similar to the others."""
    count: int
    wordings: tuple[str, ...]
    """Distinct wordings: the typical one, then the most frequent first."""


def looks_personal(message: str) -> bool:
    """Whether a message contains seven or more digits in a row, or an email address, and so must not be shown."""
    return _PERSONAL.search(message) is not None


def cluster_questions(questions: Iterable[tuple[str, str]]) -> list[QuestionCluster]:
    """Cluster (language, message) pairs, which come newest first. Returns the largest cluster first.

    Only the newest 2,000 distinct wordings of each language are clustered; older ones are left out.
    """
    by_language: dict[str, list[str]] = defaultdict(list)
    for language, message in questions:
        by_language[language].append(message)
    clusters = [cluster for language, messages in by_language.items() for cluster in _cluster(language, messages)]
    return sorted(clusters, key=lambda cluster: (-cluster.count, cluster.language, cluster.typical))


def _cluster(language: str, messages: Sequence[str]) -> list[QuestionCluster]:
    originals: dict[str, str] = {}
    counts: Counter[str] = Counter()
    for message in messages:
        wording = normalize(message) or message
        originals.setdefault(wording, message)
        counts[wording] += 1
    wordings = list(originals)[:MOST_WORDINGS]
    similar = _similarities(wordings) >= SIMILARITY_THRESHOLD
    weights = np.array([counts[wording] for wording in wordings])
    clusters: list[QuestionCluster] = []
    unassigned = np.ones(len(wordings), dtype=bool)
    covered = similar @ weights
    while unassigned.any():
        # Greedy: take the wording that covers the most remaining messages, with its neighbors, then repeat.
        center = int(np.where(unassigned, covered, -1).argmax())
        members = np.flatnonzero(similar[center] & unassigned)
        typical = wordings[center]
        typical_first = sorted((wordings[row] for row in members), key=lambda item: (item != typical, -counts[item]))
        clusters.append(
            QuestionCluster(
                id=hashlib.sha256(f"{language}/{typical}".encode()).hexdigest()[:6],
                language=language,
                typical=originals[typical],
                count=sum(counts[wording] for wording in typical_first),
                wordings=tuple(originals[wording] for wording in typical_first),
            )
        )
        unassigned[members] = False
        covered -= similar[:, members] @ weights[members]
    return clusters


def _similarities(wordings: Sequence[str]) -> Matrix:
    """Pairwise cosine similarity, 0 to 1, of the sets of content words, with rare words weighted higher."""
    tokens = [[_root(word) for word in content_words(wording)] or wording.split() for wording in wordings]
    spelling = _canonical_spellings(Counter(word for words in tokens for word in words))
    word_sets = [{spelling[word] for word in words} for words in tokens]
    frequency = Counter(word for words in word_sets for word in words)
    columns = {word: column for column, word in enumerate(frequency)}
    vectors = np.zeros((len(word_sets), len(columns)), dtype=np.float32)
    for row, words in zip(vectors, word_sets, strict=True):
        for word in words:
            row[columns[word]] = np.log(1 + len(word_sets) / frequency[word])
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors /= np.where(lengths, lengths, 1)
    similarities: Matrix = vectors @ vectors.T
    np.fill_diagonal(similarities, 1)
    return similarities


def _root(word: str) -> str:
    """The stem of a word without -ing: "parking" and "parks" both become "park"."""
    stemmed = stem(word)
    return stemmed.removesuffix("ing") if len(stemmed) > 2 * len("ing") else stemmed


def _canonical_spellings(counts: Counter[str]) -> dict[str, str]:
    """Each word mapped to its most frequent spelling: "deoderant" to "deodorant", but not "cancel" to "cancer"."""
    spellings: dict[str, str] = {}
    by_first_letter: dict[str, list[str]] = defaultdict(list)
    for word, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        # People rarely misspell the first letter.
        known = by_first_letter[word[:1]]
        candidates = known if len(word) >= SHORTEST_CORRECTED else ()
        match = process.extractOne(word, candidates, scorer=fuzz.ratio, score_cutoff=SPELLING_THRESHOLD)
        spellings[word] = match[0] if match else word
        if not match:
            known.append(word)
    return spellings
