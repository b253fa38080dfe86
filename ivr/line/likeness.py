"""Wordings that ask for the same thing, put together, so that a hundred questions are read as twenty."""

from __future__ import annotations

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from rapidfuzz import fuzz, process

from ivr.line.wording import plain, stem, telling

# Wordings are alike from here on, of 100; measured by eye on the questions set aside for tests.
ALIKE = 72.0
# Of a language; each is compared with each.
MOST = 2_000
_PERSONAL = re.compile(r"\d(?:[-./() \u2010-\u2015]{0,2}\d){6,}|\S@\S")


@dataclass(frozen=True)
class Group:
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


def groups(wordings: Iterable[tuple[str, str]]) -> list[Group]:
    """Group (language, words), newest first; the biggest group comes first. Beyond 2,000 of a language, the rest
    stays ungrouped."""
    by_language: dict[str, list[str]] = defaultdict(list)
    for language, words in wordings:
        by_language[language].append(words)
    found = [group for language, said in by_language.items() for group in _groups_of(language, said)]
    return sorted(found, key=lambda group: (-group.count, group.language, group.typical))


def _groups_of(language: str, said: Sequence[str]) -> list[Group]:
    shown: dict[str, str] = {}
    counts: Counter[str] = Counter()
    for words in said:
        asked = plain(words) or words
        shown.setdefault(asked, words)
        counts[asked] += 1
    asked_once = list(shown)[:MOST]
    near = _likeness(asked_once) >= ALIKE
    weights = np.array([counts[asked] for asked in asked_once])
    found: list[Group] = []
    left = np.ones(len(asked_once), dtype=bool)
    while left.any():
        # The one that stands for most of what is left, and its neighbours; then the same for the rest.
        stands_for = (near[:, left] @ weights[left]) * left
        centre = int(stands_for.argmax())
        members = np.flatnonzero(near[centre] & left)
        found.append(_group(language, asked_once[centre], [asked_once[at] for at in members], shown, counts))
        left[members] = False
    return found


def _likeness(asked: Sequence[str]) -> np.ndarray:
    """How alike each is to each, 0 to 100: by the words that tell something, in any order, small slips forgiven."""
    told = [" ".join(sorted(map(stem, telling(words)))) or words for words in asked]
    alike = process.cdist(told, told, scorer=fuzz.ratio, score_cutoff=ALIKE, dtype=np.uint8)
    np.fill_diagonal(alike, 100)
    return alike


def _group(language: str, typical: str, members: list[str], shown: dict[str, str], counts: Counter[str]) -> Group:
    often_first = sorted(members, key=lambda asked: (asked != typical, -counts[asked]))
    return Group(
        id=hashlib.sha256(f"{language}/{typical}".encode()).hexdigest()[:6],
        language=language,
        typical=shown[typical],
        count=sum(counts[asked] for asked in members),
        wordings=tuple(shown[asked] for asked in often_first),
    )
