"""The features of a message: its words, runs of their letters, and pairs of words, each hashed to a bucket.

Runs of letters make a misspelled word resemble the right one. Pairs are of neighbors, and of the beginnings of words
that stand close together in any order: "dissolve the calcifications" shares one with "can a calcification dissolve".
Hashing needs no vocabulary, so a model is nothing but arrays. Weinberger et al. (2009): https://arxiv.org/abs/0902.2206
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from ivr.line.text.normalize import join_split_words, normalize

_BUCKET_BITS = 19
BUCKETS = 1 << _BUCKET_BITS
_RUNS = (2, 3, 4, 5)
# Of the pairs of beginnings: how many letters each has, and how many words apart they may be.
_BEGINNING, _APART = 5, 4
# A longer word is a link or keyboard mashing.
_LONGEST_WORD = 30
# Odd numbers with random bits, so that the highest bits of a product depend on all bits of its factors. Knuth (1998),
# The Art of Computer Programming, volume 3, section 6.4.
_OF_SECOND, _OF_NEIGHBORS, _OF_BEGINNINGS = (
    np.uint64(factor) for factor in (0xC2B2AE3D27D4EB4F, 0x9E3779B97F4A7C15, 0xD6E8FEB86659FD93)
)
_SHIFT = np.uint64(64 - _BUCKET_BITS)
# The words of all examples, so that training hashes each of them once.
_CACHED_WORDS = 50_000

Buckets = NDArray[np.int32]


class _Word(NamedTuple):
    """A word's buckets, and the hashes of the word and of its beginning, which pairs combine."""

    buckets: Buckets
    hash: int
    beginning_hash: int


def words_of(message: str) -> list[str]:
    """The normalized words of a message."""
    return join_split_words(normalize(message)).split()


def features_of(words: Sequence[str]) -> Buckets:
    """The distinct buckets of a message's features, in ascending order."""
    known = [_word(word) for word in words]
    found = np.concatenate([_pairs(known), *(word.buckets for word in known)])
    found.sort()
    return found[np.concatenate(([True], found[1:] != found[:-1]))]


def bucket_of_word(word: str) -> int:
    """The bucket of a word as a whole."""
    return _bucket(f"={word}")


def _pairs(words: Sequence[_Word]) -> Buckets:
    hashes = np.array([_EDGE.hash, *(word.hash for word in words), _EDGE.hash], np.uint64)
    neighbors = (hashes[:-1] + hashes[1:] * _OF_SECOND) * _OF_NEIGHBORS
    beginnings = np.array([word.beginning_hash for word in words], np.uint64)
    # A sum is the same in either order.
    apart = [beginnings[:-distance] + beginnings[distance:] for distance in range(1, _APART + 1)]
    pairs = np.concatenate([neighbors, np.concatenate(apart) * _OF_BEGINNINGS])
    return (pairs >> _SHIFT).astype(np.int32)


@lru_cache(_CACHED_WORDS)
def _word(word: str) -> _Word:
    edged = f"_{word[:_LONGEST_WORD]}_"
    runs = {edged[start : start + size] for size in _RUNS for start in range(len(edged) - size + 1)}
    buckets = np.array([bucket_of_word(word), *map(_bucket, runs)], np.int32)
    return _Word(buckets, crc32(word.encode()), crc32(word[:_BEGINNING].encode()))


def _bucket(feature: str) -> int:
    return crc32(feature.encode()) % BUCKETS


# Stands before the first and after the last word.
_EDGE = _word("^")
