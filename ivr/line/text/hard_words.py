"""Hard words and a plainer alternative for each, from hard_words.tsv."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources


@dataclass(frozen=True)
class HardWord:
    """A hard word or phrase as spelled in a text, its offset, and a plainer alternative."""

    word: str
    plainer: str
    offset: int


def hard_words(text: str, language: str) -> Iterator[HardWord]:
    """The hard words of a text in order; none for a language that the table lacks."""
    pattern, plainer = _table(language)
    if pattern is not None:
        for match in pattern.finditer(text):
            yield HardWord(match[0], plainer[" ".join(match[0].lower().split())], match.start())


@cache
def _table(language: str) -> tuple[re.Pattern[str] | None, dict[str, str]]:
    plainer: dict[str, str] = {}
    for line in resources.files("ivr.line.text").joinpath("hard_words.tsv").read_text(encoding="utf-8").splitlines():
        row_language, _, row = line.partition("\t")
        if row_language == language:
            hard, _, alternative = row.partition("\t")
            plainer |= dict.fromkeys(hard.split(", "), alternative)
    # Longest first, so that "immediately following" wins over "immediately". A phrase may contain a line break.
    longest = sorted(plainer, key=len, reverse=True)
    patterns = (r"\s+".join(map(re.escape, hard.split())) for hard in longest)
    return re.compile(rf"\b(?:{'|'.join(patterns)})\b", re.IGNORECASE) if plainer else None, plainer
