"""Wordings that ask for the same thing, put together, so that a hundred questions are read as twenty."""

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

# Wordings are alike from here on; chosen by eye on 1,700 questions that people asked.
ALIKE = 0.65
# Two spellings of one word, of 100; cancer and cancel are 83.
SLIP = 86.0
SHORT = 4
# Of a language; each is compared with each.
MOST = 2_000
_PERSONAL = re.compile(r"\d(?:[-./() \u2010-\u2015]{0,2}\d){6,}|\S@\S")

Matrix = NDArray[np.float32]


@dataclass(frozen=True)
class QuestionCluster:
    """Wordings of one language that ask for the same. typical: the one that most others are like."""

    id: str
    language: str
    typical: str
    count: int
    wordings: tuple[str, ...]
    """Each once, the most frequent first."""


def looks_personal(words: str) -> bool:
    """Whether a number of seven digits or more, or an address of mail, stands there: nobody is offered such words."""
    return _PERSONAL.search(words) is not None


def cluster_questions(wordings: Iterable[tuple[str, str]]) -> list[QuestionCluster]:
    """Group (language, words), newest first; the biggest group comes first. Beyond 2,000 of a language, the rest
    stays ungrouped."""
    by_language: dict[str, list[str]] = defaultdict(list)
    for language, words in wordings:
        by_language[language].append(words)
    found = [group for language, said in by_language.items() for group in _groups_of(language, said)]
    return sorted(found, key=lambda group: (-group.count, group.language, group.typical))


def _groups_of(language: str, said: Sequence[str]) -> list[QuestionCluster]:
    shown: dict[str, str] = {}
    counts: Counter[str] = Counter()
    for words in said:
        asked = normalize(words) or words
        shown.setdefault(asked, words)
        counts[asked] += 1
    asked_once = list(shown)[:MOST]
    near = _likeness(asked_once) >= ALIKE
    weights = np.array([counts[asked] for asked in asked_once])
    found: list[QuestionCluster] = []
    left = np.ones(len(asked_once), dtype=bool)
    stands_for = near @ weights
    while left.any():
        # The one that stands for most of what is left, and its neighbours; then the same for the rest.
        centre = int(np.where(left, stands_for, -1).argmax())
        members = np.flatnonzero(near[centre] & left)
        found.append(_group(language, asked_once[centre], [asked_once[at] for at in members], shown, counts))
        left[members] = False
        stands_for -= near[:, members] @ weights[members]
    return found


def _likeness(asked: Sequence[str]) -> Matrix:
    """How alike each is to each, 0 to 1: by the words that both have, those that few have counting more (a cosine)."""
    told = [[_root(word) for word in content_words(words)] or words.split() for words in asked]
    spelt = _spellings(Counter(word for words in told for word in words))
    sets = [{spelt[word] for word in words} for words in told]
    held_by = Counter(word for words in sets for word in words)
    columns = {word: at for at, word in enumerate(held_by)}
    vectors = np.zeros((len(sets), len(columns)), dtype=np.float32)
    for row, words in zip(vectors, sets, strict=True):
        for word in words:
            row[columns[word]] = np.log(1 + len(sets) / held_by[word])
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors /= np.where(lengths, lengths, 1)
    alike: Matrix = vectors @ vectors.T
    np.fill_diagonal(alike, 1)
    return alike


def _root(word: str) -> str:
    """Parking and parks are park."""
    bare = stem(word)
    return bare.removesuffix("ing") if len(bare) > 2 * len("ing") else bare


def _spellings(counts: Counter[str]) -> dict[str, str]:
    """Each word as most spell it: deoderant is deodorant, and cancel is not cancer."""
    spelt: dict[str, str] = {}
    by_letter: dict[str, list[str]] = defaultdict(list)
    for word, _ in sorted(counts.items(), key=lambda one: (-one[1], one[0])):
        # Few misspell the first letter.
        known = by_letter[word[:1]]
        found = process.extractOne(word, known, scorer=fuzz.ratio, score_cutoff=SLIP) if len(word) >= SHORT else None
        spelt[word] = found[0] if found else word
        if not found:
            known.append(word)
    return spelt


def _group(
    language: str, typical: str, members: list[str], shown: dict[str, str], counts: Counter[str]
) -> QuestionCluster:
    often_first = sorted(members, key=lambda asked: (asked != typical, -counts[asked]))
    return QuestionCluster(
        id=hashlib.sha256(f"{language}/{typical}".encode()).hexdigest()[:6],
        language=language,
        typical=shown[typical],
        count=sum(counts[asked] for asked in members),
        wordings=tuple(shown[asked] for asked in often_first),
    )
