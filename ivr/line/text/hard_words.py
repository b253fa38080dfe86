"""Hard words and a plainer alternative for each, from hard_words.tsv, which is read once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources


@dataclass(frozen=True)
class HardWord:
    """A hard word or phrase as it appears in a text, at offset `at`, and what to say instead."""

    word: str
    plainer: str
    at: int


def hard_words(text: str, language: str) -> Iterator[HardWord]:
    """The hard words of a text in order; none in a language without a table."""
    pattern, plainer = _table(language)
    if pattern is not None:
        for match in pattern.finditer(text):
            yield HardWord(match[0], plainer[_plain(match[0])], match.start())


def _plain(word: str) -> str:
    return " ".join(word.lower().split())


@cache
def _table(language: str) -> tuple[re.Pattern[str] | None, dict[str, str]]:
    plainer: dict[str, str] = {}
    for line in resources.files("ivr.line.text").joinpath("hard_words.tsv").read_text(encoding="utf-8").splitlines():
        row_language, _, row = line.partition("\t")
        if row_language == language:
            hard, _, instead = row.partition("\t")
            plainer |= dict.fromkeys(hard.split(", "), instead)
    # Longest first, so that "immediately following" wins over "immediately". A line may break inside a phrase.
    longest = sorted(plainer, key=len, reverse=True)
    patterns = (r"\s+".join(map(re.escape, hard.split())) for hard in longest)
    return re.compile(rf"\b(?:{'|'.join(patterns)})\b", re.IGNORECASE) if plainer else None, plainer
