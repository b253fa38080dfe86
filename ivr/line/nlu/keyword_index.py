"""Signs: words that tell what is meant wherever they stand, in any form and misspelt.

A sign is a line in a prompt's file. "chest + pain, hurt*" is found where "chest" stands with "pain", "hurts" or
"hurting" nearby; "lump but not gravy" where "lump" stands without "gravy". Likeness of whole sentences fails for
what must not be missed: "my mother has chest pain, what shall we do" is not like "chest pain".
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import product

from rapidfuzz.distance import OSA

from ivr.line.content.keyword_rules import RED_FLAGS, STOP, Atom, KeywordRule
from ivr.line.text.normalize import MOST_WORDS, content_words, phonetic_key, stem

# How far apart the words of a sign may stand.
REACH = 12
# How many words may stand between those of a wish to stop: "stop sending me all these texts".
GAP = 3
# Where words of four letters may be misspelt too: a false alarm is better than a missed one.
_LOOSE = 4
_STRICT = 5
_LONG = 8
_LONGEST = 25
_MOST_SLIPS = 2


@dataclass(frozen=True)
class KeywordMatch:
    """A sign that stands in some words: of which outcome, in which language, and how many words make it."""

    meaning: str
    language: str
    weight: int


def rule_from_phrase(phrase: str) -> KeywordRule | None:
    """The telling words of a plain phrase as a sign: all must stand, in any form. One alone tells too little."""
    words = content_words(phrase)
    groups = tuple(((word if len(word) <= _STRICT else f"{word[: max(_STRICT, len(word) - 3)]}*",),) for word in words)
    return KeywordRule(groups) if len(groups) > 1 else None


@dataclass(frozen=True)
class _Known:
    """A word of a sign that may be misspelt."""

    word: str
    bare: str
    sound: str

    def is_meant_by(self, heard: str, told: str) -> bool:
        """Whether a word, which sounds like `told`, is this one with a slip, or written by ear."""
        if self.word.endswith("*"):
            heard = heard[: len(self.bare) + 1]
        if abs(len(self.bare) - len(heard)) > _MOST_SLIPS:
            return False
        if self.sound == told:
            return True
        if len(self.bare) < _STRICT:
            # Of so few letters, only two that changed places: "lupm".
            return sorted(self.bare) == sorted(heard) and OSA.distance(self.bare, heard) == 1
        allowed = _MOST_SLIPS if len(self.bare) >= _LONG else 1
        return OSA.distance(self.bare, heard, score_cutoff=allowed) <= allowed


class KeywordIndex:
    """The signs of a release, ready to be looked for. Words that the release knows are taken as they are spelt."""

    def __init__(self, signs: Iterable[tuple[KeywordRule, str, str]], known: frozenset[str] = frozenset()) -> None:
        """signs: each with what it means and its language."""
        self._signs = list(signs)
        self._known = known
        # Words that stand alone by themselves, several by their first two: most begin with "my" or "no".
        self._alone: dict[str, list[tuple[int, int]]] = defaultdict(list)
        self._pairs: dict[tuple[str, str], list[tuple[Atom, int, int]]] = defaultdict(list)
        self._stems: dict[str, set[str]] = defaultdict(set)
        self._beginnings: dict[str, str] = {}
        words: set[str] = set()
        for number, (sign, _, _) in enumerate(self._signs):
            for group, atoms in enumerate((*sign.groups, sign.never)):
                for atom in atoms:
                    # Group -1 is what must not stand there.
                    place = (number, group if group < len(sign.groups) else -1)
                    if len(atom) == 1:
                        self._alone[atom[0]].append(place)
                    else:
                        self._pairs[atom[0], atom[1]].append((atom, *place))
                    words.update(atom)
        for word in words:
            if word.endswith("*"):
                self._beginnings[word[:-1]] = word
            else:
                self._stems[stem(word)].add(word)
        self._forms = lru_cache(MOST_WORDS)(self._find_forms)
        self._forms_or_slips = lru_cache(MOST_WORDS)(self._find_forms_or_slips)

    @cached_property
    def _near(self) -> dict[str, list[_Known]]:
        """The words of signs that may be misspelt, by the sound that they begin with."""
        loose: dict[str, bool] = {}
        for sign, meaning, _ in self._signs:
            for word in (word for atoms in (*sign.groups, sign.never) for atom in atoms for word in atom):
                loose[word] = loose.get(word, False) or meaning in RED_FLAGS
        near: dict[str, list[_Known]] = defaultdict(list)
        for word, is_loose in loose.items():
            bare = word.rstrip("*")
            if len(bare) >= (_LOOSE if is_loose else _STRICT):
                known = _Known(word, bare, phonetic_key(bare))
                near[known.sound[:1]].append(known)
        return near

    def prepare(self) -> None:
        """Have it all ready, so that nobody waits for it."""
        _ = self._near

    def _find_forms(self, heard: str) -> tuple[str, ...]:
        """The words of signs that a heard word is a form of."""
        forms = set(self._stems.get(stem(heard), ()))
        forms.update(
            word for end in range(2, len(heard) + 1) if (word := self._beginnings.get(heard[:end])) is not None
        )
        return tuple(forms)

    def _find_forms_or_slips(self, heard: str) -> tuple[str, ...]:
        """The same, or those that a heard word is with a slip."""
        forms = self._find_forms(heard)
        if forms or heard in self._known or not _LOOSE <= len(heard) <= _LONGEST:
            return forms
        told = phonetic_key(heard)
        return tuple({known.word for known in self._near.get(told[:1], ()) if known.is_meant_by(heard, told)})

    def find(self, words: Sequence[str], *, as_spelt: bool = False) -> list[KeywordMatch]:
        """The signs that stand in some plain words, in no order. as_spelt: the words hold no slip."""
        forms = [(self._forms if as_spelt else self._forms_or_slips)(word) for word in words]
        places: dict[int, dict[int, list[int]]] = {}
        for at, found in enumerate(forms):
            for word in found:
                for number, group in self._alone.get(word, ()):
                    places.setdefault(number, {}).setdefault(group, []).append(at)
            for atom, number, group in self._beginning(forms, at):
                if _follows(atom, forms, at):
                    places.setdefault(number, {}).setdefault(group, []).append(at)
        return [self._found(number) for number, groups in places.items() if self._stands(number, groups)]

    def _beginning(self, forms: list[tuple[str, ...]], at: int) -> Iterator[tuple[Atom, int, int]]:
        """The words of several that may begin at a place."""
        if at + 1 < len(forms):
            for pair in product(forms[at], forms[at + 1]):
                yield from self._pairs.get(pair, ())

    def _found(self, number: int) -> KeywordMatch:
        sign, meaning, language = self._signs[number]
        return KeywordMatch(meaning, language, len(sign.groups))

    def _stands(self, number: int, groups: dict[int, list[int]]) -> bool:
        sign, meaning, _ = self._signs[number]
        if len(groups) - (-1 in groups) < len(sign.groups):
            return False
        reach = GAP + len(sign.groups) if meaning == STOP else REACH
        unwanted = groups.get(-1, ())
        return any(
            all(any(abs(other - at) <= reach for other in groups[group]) for group in range(1, len(sign.groups)))
            and not any(abs(other - at) <= REACH for other in unwanted)
            for at in groups[0]
        )


def _follows(atom: Atom, forms: list[tuple[str, ...]], at: int) -> bool:
    return at + len(atom) <= len(forms) and all(word in forms[at + n] for n, word in enumerate(atom))
