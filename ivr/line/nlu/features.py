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
# Messages whose features are found together.
_CHUNK = 4096

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


def features_of_all(messages: Sequence[Sequence[str]]) -> tuple[Buckets, NDArray[np.int64]]:
    """What `features_of` returns for each of many messages, one after another, and where each ends."""
    chunks = [_features_of_chunk(messages[start : start + _CHUNK]) for start in range(0, len(messages), _CHUNK)]
    if not chunks:
        return np.zeros(0, np.int32), np.zeros(0, np.int64)
    features, sizes = zip(*chunks, strict=True)
    return np.concatenate(features), np.cumsum(np.concatenate(sizes))


def _features_of_chunk(messages: Sequence[Sequence[str]]) -> tuple[Buckets, NDArray[np.int64]]:
    """The features of the messages, and how many each has."""
    numbers: dict[str, int] = {}
    tokens = np.array([numbers.setdefault(word, len(numbers)) for words in messages for word in words], np.int64)
    owners = np.repeat(np.arange(len(messages)), [len(words) for words in messages])
    known = [_word(word) for word in numbers]
    sizes = np.array([len(word.buckets) for word in known])[tokens]
    starts = np.cumsum([0, *(len(word.buckets) for word in known)])[tokens]
    places = np.repeat(starts - np.cumsum(sizes) + sizes, sizes) + np.arange(sizes.sum())
    parts = [(np.repeat(owners, sizes), np.concatenate([word.buckets for word in known])[places])]
    # Each message has an edge on either side.
    edged = np.full(len(tokens) + 2 * len(messages), _EDGE.hash, np.uint64)
    edged[np.arange(len(tokens)) + 2 * owners + 1] = np.array([word.hash for word in known], np.uint64)[tokens]
    of_edged = np.repeat(np.arange(len(messages)), [len(words) + 2 for words in messages])
    beginnings = np.array([word.beginning_hash for word in known], np.uint64)[tokens]
    pairs = [(of_edged, edged, 1, _of_neighbors)]
    pairs += [(owners, beginnings, distance, _of_beginnings) for distance in range(1, _APART + 1)]
    for of, hashes, distance, combine in pairs:
        together = of[:-distance] == of[distance:]
        parts.append((of[distance:][together], combine(hashes[:-distance][together], hashes[distance:][together])))
    keys = np.concatenate([of << _BUCKET_BITS | buckets for of, buckets in parts])
    keys.sort()
    keys = keys[np.concatenate(([True], keys[1:] != keys[:-1]))]
    return (keys & (BUCKETS - 1)).astype(np.int32), np.bincount(keys >> _BUCKET_BITS, minlength=len(messages))


def bucket_of_word(word: str) -> int:
    """The bucket of a word as a whole."""
    return _bucket(f"={word}")


def _pairs(words: Sequence[_Word]) -> Buckets:
    hashes = np.array([_EDGE.hash, *(word.hash for word in words), _EDGE.hash], np.uint64)
    beginnings = np.array([word.beginning_hash for word in words], np.uint64)
    apart = [_of_beginnings(beginnings[:-distance], beginnings[distance:]) for distance in range(1, _APART + 1)]
    return np.concatenate([_of_neighbors(hashes[:-1], hashes[1:]), *apart])


def _of_neighbors(first: NDArray[np.uint64], second: NDArray[np.uint64]) -> Buckets:
    return ((first + second * _OF_SECOND) * _OF_NEIGHBORS >> _SHIFT).astype(np.int32)


def _of_beginnings(first: NDArray[np.uint64], second: NDArray[np.uint64]) -> Buckets:
    # A sum is the same in either order.
    return ((first + second) * _OF_BEGINNINGS >> _SHIFT).astype(np.int32)


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
