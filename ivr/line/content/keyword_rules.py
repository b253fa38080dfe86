"""Keyword rules: words that decide the outcome wherever they occur in a question, inflected or misspelled.

A rule is a line of `keyword_rules:` in the file of a safety outcome. "chest + pain, hurt*" matches "chest" near "pain",
"hurts" or "hurting"; "lump but not gravy" matches "lump" without "gravy"; "alone: stop, quit" matches "stop" and "quit
please", but not "stop the pain"; "maybe: husband + says" makes the outcome only possible; "denied: no + any, or + lump,
pain" finds "no lump or any pain". Sentence similarity is not enough for questions that must not be missed: "my mother
has chest pain, what shall we do" is not like "chest pain".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from ivr.i18n import N_
from ivr.line.text.normalize import join_split_words, normalize

URGENT, PERSON_SOON = "urgent", "person-soon"
RED_FLAGS = (URGENT, PERSON_SOON)
STOP = "stop"
WITH_RULES = (*RED_FLAGS, STOP, "wrong-number", "start")
"""The prompts that may have keyword rules, most urgent first. Everything else is learned."""
WITH_WANTED = (STOP, "wrong-number")
"""Those that end the texts, and may have rules that begin with `wanted:`."""
_PLAIN_WORD = re.compile(r"[a-z]+\*?")
_ALONE = "alone:"
_MAYBE = "maybe:"
_WANTED = "wanted:"
_DENIED = "denied:"
GROUPS_OF_DENIED = 3
"""Words that deny, words that may come between, and what is denied."""
_BUT_NOT = re.compile(r"\bbut not\b")
Atom = tuple[str, ...]
"""Consecutive words; a trailing * matches any ending."""


@dataclass(frozen=True)
class KeywordRule:
    """Groups of atoms: one of each group must occur near the others, and none of `never` may occur."""

    groups: tuple[tuple[Atom, ...], ...]
    never: tuple[Atom, ...] = ()
    alone: bool = False
    """Whether the message may contain nothing else but polite words and digits."""
    maybe: bool = False
    """Whether the outcome is only possible. An opt-out is then offered, whatever else says that it is one."""
    wanted: bool = False
    """Whether the texts seem to be wanted, so that an opt-out is only offered, and no number is a wrong one."""
    denied: bool = False
    """Whether it describes what the sender does not have, so that a red flag is only possible."""


def parse_keyword_rule(line: str) -> KeywordRule:
    """Parse a rule such as `chest + pain, hurt* but not machine`. Raises ValueError with the reason."""
    if line.startswith(_MAYBE):
        return replace(parse_keyword_rule(line.removeprefix(_MAYBE).strip()), maybe=True)
    if line.startswith(_WANTED):
        return replace(parse_keyword_rule(line.removeprefix(_WANTED).strip()), wanted=True)
    if line.startswith(_DENIED):
        rule = replace(parse_keyword_rule(line.removeprefix(_DENIED).strip()), denied=True)
        if len(rule.groups) != GROUPS_OF_DENIED or rule.never:
            raise ValueError(N_("`denied:` needs three groups of words: those that deny, may come between, are denied"))
        return rule
    if line.startswith(_ALONE):
        return KeywordRule((_atoms(line.removeprefix(_ALONE)),), alone=True)
    required, *excluded = _BUT_NOT.split(line)
    groups = tuple(_atoms(part) for part in required.split("+"))
    return KeywordRule(groups, never=tuple(atom for part in excluded for atom in _atoms(part)))


def _atoms(text: str) -> tuple[Atom, ...]:
    atoms = tuple(_atom(word) for word in text.split(","))
    if not all(atoms):
        raise ValueError(N_("a word is missing next to a comma, a + or `but not`"))
    return atoms


def _atom(text: str) -> Atom:
    word = text.strip()
    if _PLAIN_WORD.fullmatch(word):
        # The fast path: nearly all of a release's 30,000 atoms are one plain word.
        return (word if word.endswith("*") else join_split_words(word),)
    return tuple(join_split_words(normalize(text.replace("*", "0star"))).replace("0star", "*").split())


def split_keyword_rules(block: str) -> Iterator[tuple[int, str]]:
    """The rules of a block, each with its first line number, from 0.

    A line that starts with # is a comment. A line that ends in a comma or + continues on the next.
    """
    rule, first = "", 0
    for number, line in enumerate(block.split("\n")):
        if line.lstrip().startswith("#"):
            continue
        if not rule:
            first = number
        rule = f"{rule} {line.strip()}".strip()
        if rule and not rule.endswith((",", "+")):
            yield first, rule
            rule = ""
    if rule:
        yield first, rule
