"""Signs: words that tell what is meant wherever they stand, in any form and misspelt.

A sign is a line in a prompt's file. "chest + pain, hurt*" is found where "chest" stands with "pain", "hurts" or
"hurting" nearby; "lump but not gravy" where "lump" stands without "gravy". Likeness of whole sentences fails for
what must not be missed: "my mother has chest pain, what shall we do" is not like "chest pain".
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


@dataclass(frozen=True)
class KeywordRule:
    """Groups of words, of each of which one must stand nearby, and words that must not. A word's * is any ending."""

    groups: tuple[tuple[Atom, ...], ...]
    never: tuple[Atom, ...] = ()


def parse_keyword_rule(line: str) -> KeywordRule:
    """A sign as it is written: `chest + pain, hurt* but not machine`. Raises ValueError with what is wrong."""
    wanted, *unwanted = _BUT_NOT.split(line)
    groups = tuple(_atoms(part) for part in wanted.split("+"))
    never = tuple(atom for part in unwanted for atom in _atoms(part))
    return KeywordRule(groups, never)


def _atoms(written: str) -> tuple[Atom, ...]:
    atoms = tuple(_atom(word) for word in written.split(","))
    if not all(atoms):
        raise ValueError("a word is missing beside a comma, a + or `but not`")
    return atoms


def split_keyword_rules(block: str) -> Iterator[tuple[int, str]]:
    """The signs of a block, each with the number of its line, from 0: it goes on after a comma or a +."""
    begun, at = "", 0
    for number, line in enumerate(block.split("\n")):
        if not begun:
            at = number
        begun = f"{begun} {line.strip()}".strip()
        if begun and not begun.endswith((",", "+")):
            yield at, begun
            begun = ""
    if begun:
        yield at, begun


def _atom(written: str) -> Atom:
    """Words that stand one after the other; a star at a word's end is kept."""
    word = written.strip()
    if _PLAIN_WORD.fullmatch(word):
        # Nearly all are one plain word, and a release has thirty thousand.
        return (word if word.endswith("*") else join_split_words(word),)
    return tuple(join_split_words(normalize(written.replace("*", "0star"))).replace("0star", "*").split())
