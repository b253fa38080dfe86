"""Finds the keyword rules of a release that match a message, in any word form and with typos.

The rule "chest + pain, hurt*" matches where "chest" occurs near "pain", "hurts" or "hurting"; "lump but not gravy"
matches "lump" without "gravy" nearby. Similarity of whole sentences is not enough for what must not be missed: "my
mother has chest pain, what shall we do" is not similar to "chest pain".
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from rapidfuzz.distance import OSA

from ivr.line.content.keyword_rules import STOP, Atom, KeywordRule
from ivr.line.locales.locale import all_locales, word_set
from ivr.line.text.normalize import MOST_WORDS, phonetic_key, stem

# The largest distance, in words, between the groups of a rule.
REACH = 12
# For opt-outs and `maybe:` rules: how many other words may come between those of the rule, as in "stop sending me all
# these texts".
STOP_GAP = 3
_SHORTEST_WITH_TYPO = 4
# In a word shorter than this, only two swapped letters are a typo: "lupm".
_SHORTEST_WITH_ANY_TYPO = 5
# Words of at least this length may have two typos.
_SHORTEST_WITH_TWO_TYPOS = 8
_LONGEST_WITH_TYPO = 25
_MOST_TYPOS = 2
# As in "stoppppp".
_STRETCHED = re.compile(r"(.)\1{2,}")
# What may surround the words of an `alone:` rule.
POLITE_WORDS = word_set(
    """
    pls plz plss ty thx now right already hi hello hey sir maam porfa porfavor xfa ahora ahorita hola senor
    """
).union(*(locale.courtesy_words for locale in all_locales().values()))
# The most words, apart from polite ones, in a message that an `alone:` rule matches.
_MOST_WORDS_ALONE = 8
# The commonest words of each language: never a typo of a rule's word, as Spanish "para" would be of "paran".
_COMMON_WORDS = frozenset[str]().union(*(locale.filler_words for locale in all_locales().values()))
# The group number of the words after `but not`.
_EXCLUDED = -1


@dataclass(frozen=True)
class _Keyword:
    """A word of a rule that also matches with typos. bare: without its star; sound: its phonetic key."""

    word: str
    bare: str
    sound: str

    def matches(self, token: str, sound: str) -> bool:
        """Whether a token is this word with a typo or spelled phonetically. sound: the token's phonetic key."""
        if self.sound == sound:
            return True
        length = len(self.bare)
        # A typo may add a letter to what comes before any ending, or drop one.
        lengths = (length - 1, length, length + 1) if self.word.endswith("*") else (len(token),)
        return any(self._is_typo(token[:end]) for end in lengths)

    def _is_typo(self, token: str) -> bool:
        length = len(self.bare)
        if length < _SHORTEST_WITH_ANY_TYPO:
            return sorted(self.bare) == sorted(token) and OSA.distance(self.bare, token) == 1
        allowed = _MOST_TYPOS if length >= _SHORTEST_WITH_TWO_TYPOS else 1
        return abs(length - len(token)) <= allowed and OSA.distance(self.bare, token, score_cutoff=allowed) <= allowed


class KeywordIndex:
    """The keyword rules of a release, indexed by word."""

    def __init__(self, rules: Iterable[tuple[KeywordRule, str]], correct: frozenset[str] = frozenset()) -> None:
        """rules: (rule, outcome) pairs. correct: words that are spelled correctly, and so are never typos."""
        self._rules = list(rules)
        self._correct = _COMMON_WORDS | correct
        self._single: dict[str, list[tuple[int, int]]] = defaultdict(list)
        # By their first two words, because most begin with "my" or "no".
        self._sequences: dict[str, dict[str, list[tuple[Atom, int, int]]]] = defaultdict(lambda: defaultdict(list))
        self._stems: dict[str, set[str]] = defaultdict(set)
        self._prefixes: dict[str, str] = {}
        self._words: set[str] = set()
        for number, (rule, _) in enumerate(self._rules):
            for position, atoms in enumerate((*rule.groups, rule.never)):
                group = position if position < len(rule.groups) else _EXCLUDED
                for atom in atoms:
                    if len(atom) == 1:
                        self._single[atom[0]].append((number, group))
                    else:
                        self._sequences[atom[0]][atom[1]].append((atom, number, group))
                    self._words.update(atom)
        for word in self._words:
            if word.endswith("*"):
                self._prefixes[word[:-1]] = word
            else:
                self._stems[stem(word)].add(word)
        self._exact = lru_cache(MOST_WORDS)(self._find_exact)
        self._fuzzy = lru_cache(MOST_WORDS)(self._find_fuzzy)

    @cached_property
    def _by_letter(self) -> dict[str, list[_Keyword]]:
        """The words that also match with typos, by their first letter and by that of their phonetic key."""
        by_letter: dict[str, list[_Keyword]] = defaultdict(list)
        for word in self._words:
            bare = word.rstrip("*")
            if len(bare) >= _SHORTEST_WITH_TYPO:
                keyword = _Keyword(word, bare, phonetic_key(bare))
                for letter in {bare[0], keyword.sound[:1]}:
                    by_letter[letter].append(keyword)
        return by_letter

    def preload(self) -> None:
        """Build the typo index now rather than at the first question."""
        _ = self._by_letter

    def _find_exact(self, token: str) -> frozenset[str]:
        """The words of rules that a token is a form of."""
        prefixes = (self._prefixes.get(token[:end]) for end in range(2, len(token) + 1))
        return frozenset(self._stems.get(stem(token), ())).union(word for word in prefixes if word is not None)

    def _find_fuzzy(self, token: str) -> frozenset[str]:
        """The words of rules that a token is a form of; if there are none, those that it may be a misspelling of."""
        token = _STRETCHED.sub(r"\1", token)
        words = self._find_exact(token)
        if words or token in self._correct or not _SHORTEST_WITH_TYPO <= len(token) <= _LONGEST_WITH_TYPO:
            return words
        sound = phonetic_key(token)
        near = (keyword for letter in {token[0], sound[:1]} for keyword in self._by_letter.get(letter, ()))
        return frozenset(keyword.word for keyword in near if keyword.matches(token, sound))

    def find(self, tokens: Sequence[str], *, exact: bool = False) -> list[tuple[str, int]]:
        """(outcome, number of groups) of each rule that matches normalized tokens, unordered. exact: without typos."""
        words_at = [(self._exact if exact else self._fuzzy)(token) for token in tokens]
        positions: dict[int, dict[int, list[int]]] = {}
        for position, words in enumerate(words_at):
            for word in words:
                for number, group in self._single.get(word, ()):
                    positions.setdefault(number, {}).setdefault(group, []).append(position)
            for atom, number, group in self._sequences_from(words_at, position):
                if _occurs(atom, words_at, position):
                    positions.setdefault(number, {}).setdefault(group, []).append(position)
        matched = (self._rules[number] for number, groups in positions.items() if self._holds(number, groups))
        return [
            (outcome, len(rule.groups))
            for rule, outcome in matched
            if not rule.alone or _is_alone(rule.groups[0], tokens, words_at)
        ]

    def _sequences_from(self, words_at: list[frozenset[str]], position: int) -> Iterator[tuple[Atom, int, int]]:
        """The word sequences of rules whose first two words are at a position."""
        following = words_at[position + 1] if position + 1 < len(words_at) else ()
        for first in words_at[position] if following else ():
            by_second = self._sequences.get(first, {})
            for second in min(following, by_second, key=len):
                if second in following and second in by_second:
                    yield from by_second[second]

    def _holds(self, number: int, groups: dict[int, list[int]]) -> bool:
        """Whether every group of a rule occurs near its first, and no excluded word does."""
        rule, outcome = self._rules[number]
        if len(groups) - (_EXCLUDED in groups) < len(rule.groups):
            return False
        reach = STOP_GAP + len(rule.groups) if outcome == STOP or rule.maybe or rule.wanted else REACH
        others = [groups[group] for group in range(1, len(rule.groups))]
        excluded = groups.get(_EXCLUDED, [])
        return any(
            all(_is_near(first, other, reach) for other in others) and not _is_near(first, excluded, REACH)
            for first in groups[0]
        )


def _is_near(position: int, others: list[int], reach: int) -> bool:
    """Whether one of the ascending `others` is at most `reach` words away."""
    nearest = bisect_left(others, position - reach)
    return nearest < len(others) and others[nearest] <= position + reach


def _is_alone(atoms: Iterable[Atom], tokens: Sequence[str], words_at: list[frozenset[str]]) -> bool:
    """Whether atoms, polite words and digits are all that a message contains."""
    other = {position for position, token in enumerate(tokens) if token not in POLITE_WORDS and not token.isdigit()}
    if len(other) > _MOST_WORDS_ALONE:
        return False
    for atom in sorted(atoms, key=len, reverse=True):
        for start in sorted(other):
            if start in other and _occurs(atom, words_at, start):
                other.difference_update(range(start, start + len(atom)))
    return not other


def _occurs(atom: Atom, words_at: list[frozenset[str]], start: int) -> bool:
    return start + len(atom) <= len(words_at) and all(
        word in words_at[start + offset] for offset, word in enumerate(atom)
    )
