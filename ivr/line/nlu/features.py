"""The features of a message: its words, runs of their letters, and pairs of words, each hashed to a bucket.

Runs of letters make a misspelled word resemble the right one. Pairs are of neighbors, and of the beginnings of words
that stand close together in any order: "dissolve the calcifications" shares one with "can a calcification dissolve".
Hashing needs no vocabulary, so a model is nothing but arrays. Weinberger et al. (2009): https://arxiv.org/abs/0902.2206
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from ivr.line.text.normalize import MOST_WORDS, join_split_words, normalize

BUCKETS = 1 << 19
_RUNS = (2, 3, 4, 5)
# Of the pairs of beginnings: how many letters each has, and how many words apart they may be.
_BEGINNING, _APART = 5, 4
# A longer word is a link or keyboard mashing.
_LONGEST_WORD = 30

Buckets = NDArray[np.int32]


def words_of(message: str) -> list[str]:
    """The normalized words of a message."""
    return join_split_words(normalize(message)).split()


def features_of(words: Sequence[str]) -> Buckets:
    """The distinct buckets of a message's features, in ascending order."""
    return np.unique(np.concatenate([_pairs(words), *map(_word_and_runs, words)]))


def bucket_of_word(word: str) -> int:
    """The bucket of a word as a whole."""
    return _bucket(f"={word}")


def _pairs(words: Sequence[str]) -> Buckets:
    pairs = [f"{first} {second}" for first, second in zip(["^", *words], [*words, "$"], strict=True)]
    beginnings = [word[:_BEGINNING] for word in words]
    for index, first in enumerate(beginnings):
        for second in beginnings[index + 1 : index + 1 + _APART]:
            pairs.append(f"{first}~{second}" if first < second else f"{second}~{first}")
    return np.array([_bucket(pair) for pair in pairs], np.int32)


@lru_cache(MOST_WORDS)
def _word_and_runs(word: str) -> Buckets:
    edged = f"_{word[:_LONGEST_WORD]}_"
    runs = {edged[start : start + size] for size in _RUNS for start in range(len(edged) - size + 1)}
    return np.array([bucket_of_word(word), *map(_bucket, runs)], np.int32)


def _bucket(feature: str) -> int:
    return crc32(feature.encode()) % BUCKETS
