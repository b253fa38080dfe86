"""What a message says that the sender does not have: "no chest pain, just nervous" is no emergency."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ivr.line.content.keyword_rules import Atom
from ivr.line.text.normalize import stem

Denial = tuple[tuple[Atom, ...], ...]
"""The groups of a `denied:` rule: words that deny, words that may come between, and what is denied."""


def without_denials(tokens: Sequence[str], denials: Iterable[Denial]) -> list[str]:
    """The words without each denial: one that denies, and up to the last word that is denied right after it."""
    denials = list(denials)
    kept: list[str] = []
    position = 0
    while position < len(tokens):
        end = max((_end(tokens, position, denial) for denial in denials), default=position)
        if end == position:
            kept.append(tokens[position])
        position = max(end, position + 1)
    return kept


def _end(tokens: Sequence[str], start: int, denial: Denial) -> int:
    """Where a denial that begins at `start` ends; `start` if none does."""
    deny, between, denied = denial
    end, position = start, start + _length(tokens, start, deny)
    while position > start:
        symptom = _length(tokens, position, denied)
        end = position + symptom if symptom else end
        step = symptom or _length(tokens, position, between)
        if not step:
            break
        position += step
    return end


def _length(tokens: Sequence[str], start: int, atoms: tuple[Atom, ...]) -> int:
    """How many words the longest atom at a position has; 0 if there is none."""
    return max((len(atom) for atom in atoms if _is_at(tokens, start, atom)), default=0)


def _is_at(tokens: Sequence[str], start: int, atom: Atom) -> bool:
    found = tokens[start : start + len(atom)]
    return len(found) == len(atom) and all(map(_is_form, found, atom))


def _is_form(token: str, word: str) -> bool:
    return token.startswith(word[:-1]) if word.endswith("*") else stem(token) == stem(word)
