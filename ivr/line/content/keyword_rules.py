"""Keyword rules: words that decide the outcome wherever they occur in a question, in any form and misspelled.

A rule is a line of `keyword_rules:` in a prompt file. "chest + pain, hurt*" matches where "chest" occurs near "pain",
"hurts" or "hurting"; "lump but not gravy" where "lump" occurs without "gravy". Similarity of whole sentences is not
enough for what must not be missed: "my mother has chest pain, what shall we do" is not similar to "chest pain".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ivr.line.text.normalize import join_split_words, normalize

RED_FLAGS = ("urgent", "person-soon")
STOP = "stop"
_PLAIN_WORD = re.compile(r"[a-z]+\*?")
_BUT_NOT = re.compile(r"\bbut not\b")
Atom = tuple[str, ...]
"""Consecutive words; a star at the end of a word is any ending."""


@dataclass(frozen=True)
class KeywordRule:
    """Groups of atoms: one of each group must occur, near the others, and none of `never`."""

    groups: tuple[tuple[Atom, ...], ...]
    never: tuple[Atom, ...] = ()


def parse_keyword_rule(line: str) -> KeywordRule:
    """Parse a rule such as `chest + pain, hurt* but not machine`. Raises ValueError with the reason."""
    wanted, *unwanted = _BUT_NOT.split(line)
    groups = tuple(_atoms(part) for part in wanted.split("+"))
    never = tuple(atom for part in unwanted for atom in _atoms(part))
    return KeywordRule(groups, never)


def _atoms(text: str) -> tuple[Atom, ...]:
    atoms = tuple(_atom(word) for word in text.split(","))
    if not all(atoms):
        raise ValueError("a word is missing beside a comma, a + or `but not`")
    return atoms


def _atom(text: str) -> Atom:
    word = text.strip()
    if _PLAIN_WORD.fullmatch(word):
        # The fast path: nearly all of the thirty thousand atoms of a release are one plain word.
        return (word if word.endswith("*") else join_split_words(word),)
    return tuple(join_split_words(normalize(text.replace("*", "0star"))).replace("0star", "*").split())


def split_keyword_rules(block: str) -> Iterator[tuple[int, str]]:
    """The rules of a block, each with the number of its first line, from 0. A rule continues after a comma or a +."""
    rule, first = "", 0
    for number, line in enumerate(block.split("\n")):
        if not rule:
            first = number
        rule = f"{rule} {line.strip()}".strip()
        if rule and not rule.endswith((",", "+")):
            yield first, rule
            rule = ""
    if rule:
        yield first, rule
