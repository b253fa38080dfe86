"""The features of a message: its words, pairs of words, and runs of letters, each hashed to a bucket.

Runs of letters make a misspelled word resemble the right one. Hashing needs no vocabulary, so a model is nothing but
arrays. Weinberger et al. (2009): https://arxiv.org/abs/0902.2206
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from ivr.line.text.normalize import MOST_WORDS, join_split_words, normalize

BUCKETS = 1 << 18
_RUNS = (2, 3, 4, 5)
# A longer word is a link or keyboard mashing.
_LONGEST_WORD = 30

Buckets = NDArray[np.int32]


def words_of(message: str) -> list[str]:
    """The normalized words of a message."""
    return join_split_words(normalize(message)).split()


def features_of(words: Sequence[str]) -> Buckets:
    """The distinct buckets of a message's features, in ascending order."""
    pairs = [_bucket(f"{first} {second}") for first, second in zip(["^", *words], [*words, "$"], strict=True)]
    pairs += [_bucket(f"{first}*{third}") for first, third in zip(words, words[2:], strict=False)]
    parts = [_word_buckets(word) for word in words]
    return np.unique(np.concatenate([np.array(pairs, np.int32), *parts]))


@lru_cache(MOST_WORDS)
def _word_buckets(word: str) -> Buckets:
    edged = f"_{word[:_LONGEST_WORD]}_"
    runs = {edged[start : start + size] for size in _RUNS for start in range(len(edged) - size + 1)}
    return np.array([_bucket(f"={word}"), *map(_bucket, runs)], np.int32)


def _bucket(feature: str) -> int:
    return crc32(feature.encode()) % BUCKETS
