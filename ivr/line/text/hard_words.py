"""Hard words, and plainer ones for each: a table that is read once, from hard_words.tsv."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources


@dataclass(frozen=True)
class HardWord:
    """A hard word or phrase as it stands in some words, from offset `at` on, and what to say instead."""

    word: str
    plainer: str
    at: int


def hard_words(words: str, language: str) -> Iterator[HardWord]:
    """The hard words in some words of a language, in order; none in a language without a table."""
    pattern, plainer = _table(language)
    if pattern is not None:
        for found in pattern.finditer(words):
            yield HardWord(found[0], plainer[_plain(found[0])], found.start())


def _plain(word: str) -> str:
    return " ".join(word.lower().split())


@cache
def _table(language: str) -> tuple[re.Pattern[str] | None, dict[str, str]]:
    plainer: dict[str, str] = {}
    for line in resources.files("ivr.line.text").joinpath("hard_words.tsv").read_text(encoding="utf-8").splitlines():
        of, _, row = line.partition("\t")
        if of == language:
            hard, _, instead = row.partition("\t")
            plainer |= dict.fromkeys(hard.split(", "), instead)
    # The longest first: "immediately following" is not "immediately". A line may end within a phrase.
    longest = sorted(plainer, key=len, reverse=True)
    each = (r"\s+".join(map(re.escape, hard.split())) for hard in longest)
    return re.compile(rf"\b(?:{'|'.join(each)})\b", re.IGNORECASE) if plainer else None, plainer
