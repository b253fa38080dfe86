"""What a message says that the sender does not have: "no chest pain, just nervous" is no emergency."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from ivr.line.content.keyword_rules import Atom
from ivr.line.text.normalize import COMMA, EITHER_WORDS, stem

Denial = tuple[tuple[Atom, ...], ...]
"""The groups of a `denied:` rule: words that deny, words that may come between, and what is denied."""


class Denials:
    """The `denied:` rules of a release. A word that denies denies what any of its rules lists."""

    def __init__(self, rules: Iterable[Denial]) -> None:
        between: defaultdict[Atom, set[Atom]] = defaultdict(set)
        denied: defaultdict[Atom, set[Atom]] = defaultdict(set)
        for deny, may_come_between, things in rules:
            for atom in deny:
                between[atom].update(may_come_between)
                denied[atom].update(things)
        self._rules = [(atom, between[atom], denied[atom]) for atom in denied]

    def taken_out_of(self, tokens: Sequence[str]) -> list[str]:
        """The words without each denial: what denies, and up to the last word that is denied right after it.

        tokens: normalized words, and COMMA where one stands, which is taken out too.
        """
        kept: list[str] = []
        position = 0
        while position < len(tokens):
            end = max((_end(tokens, position, *rule) for rule in self._rules), default=position)
            if end == position:
                kept.append(tokens[position])
            position = max(end, position + 1)
        return [word for word in kept if word != COMMA]


def _end(tokens: Sequence[str], start: int, deny: Atom, between: set[Atom], denied: set[Atom]) -> int:
    """Where a denial that begins at `start` ends; `start` if none does."""
    end, position = start, start + _length(tokens, start, {deny})
    # "No pain, lumps, or rash" denies all three. "No pain, a lump" denies the first.
    is_open = True
    while start < position < len(tokens):
        symptom = _length(tokens, position, denied)
        is_comma = tokens[position] == COMMA and end > start
        step = symptom or is_comma or _length(tokens, position, between)
        if not step:
            break
        is_open = not is_comma and (is_open or tokens[position] in EITHER_WORDS)
        position += step
        end = position if symptom and is_open else end
    return end


def _length(tokens: Sequence[str], start: int, atoms: set[Atom]) -> int:
    """How many words the longest atom at a position has; 0 if there is none."""
    return max((len(atom) for atom in atoms if _is_at(tokens, start, atom)), default=0)


def _is_at(tokens: Sequence[str], start: int, atom: Atom) -> bool:
    found = tokens[start : start + len(atom)]
    return len(found) == len(atom) and all(map(_is_form, found, atom))


def _is_form(token: str, word: str) -> bool:
    return token.startswith(word[:-1]) if word.endswith("*") else stem(token) == stem(word)
