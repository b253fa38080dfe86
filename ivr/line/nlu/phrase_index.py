"""The outcomes that need no probabilities: a red flag or an opt-out by keyword rule, and a phrase word for word."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from ivr.line.content.keyword_rules import RED_FLAGS, STOP, WITH_RULES, KeywordRule
from ivr.line.content.loader import Content
from ivr.line.content.prompt import Prompt
from ivr.line.nlu.denials import Denials
from ivr.line.nlu.keyword_index import KeywordIndex
from ivr.line.nlu.training import outcome_of
from ivr.line.text.normalize import (
    COMMA,
    clauses,
    content_words,
    join_split_words,
    normalize,
    normalized_sentences,
)

# Outcomes whose keyword rules are checked before everything else, most urgent first.
PRIORITY = (*RED_FLAGS, STOP)
# A word that occurs more often in the examples is not a typo.
_MOST_QUESTIONS_WITH_TYPO = 4
_MAYBE = "maybe/"
_WANTED = "wanted/"


class RuleMatches(NamedTuple):
    """The outcomes whose rules match, most urgent first, and those whose `maybe:` rules do.

    wanted: those whose `wanted:` rules match, which therefore change nothing.
    """

    outcomes: list[str]
    possible: list[str]
    wanted: Collection[str] = ()


class PhraseIndex:
    """The phrases, reply words and keyword rules of a release."""

    def __init__(self, content: Content, correct: frozenset[str] = frozenset()) -> None:
        """correct: words that are spelled correctly, and so are never typos of a rule's words."""
        # No reference to the content: it may hold many megabytes of recordings, and an index is cached.
        prompts = tuple(content.prompts.values())
        self.phrases = [(normalize(phrase), prompt) for prompt in prompts for phrase in prompt.phrases]
        """(normalized phrase, its prompt)"""
        words = {normalize(word): name for name, words in content.config.words.items() for word in words.values()}
        self._exact = words | {phrase: outcome_of(prompt.name, prompt.language) for phrase, prompt in self.phrases}
        self.owners: dict[str, dict[str, str]] = defaultdict(dict)
        """By normalized phrase: the names of the prompts that list it, each with its file."""
        for phrase, prompt in self.phrases:
            self.owners[phrase].setdefault(prompt.name, prompt.file)
        self._stop_phrases = {content_words(phrase) for phrase, prompt in self.phrases if prompt.name == STOP}
        listed = frozenset(word for phrase, _ in self.phrases for word in phrase.split())
        self._rules = KeywordIndex(_written_rules(prompts), correct | listed)
        flags = (prompt for prompt in prompts if prompt.name in RED_FLAGS)
        self._denials = Denials(rule.groups for prompt in flags for rule in prompt.keyword_rules if rule.denied)

    def preload(self) -> None:
        """Build the rules now rather than at the first question."""
        self._rules.preload()

    def outcomes_of_rules(self, message: str, tokens: Sequence[str]) -> RuleMatches:
        """What the rules say of a message. tokens: its normalized words."""
        found = {outcome for outcome, _ in self._rules.find(tokens)}
        possible, wanted = (
            [outcome for outcome in WITH_RULES if f"{kind}{outcome}" in found] for kind in (_MAYBE, _WANTED)
        )
        return RuleMatches(self._ordered(found, message), possible, wanted)

    def without_denials(self, message: str) -> list[str] | None:
        """The normalized words of a message but for those that say which symptoms the sender does not have.

        None if it denies nothing.
        """
        spoken = clauses(message)
        rest = [word for tokens in spoken for word in self._denials.taken_out_of(tokens)]
        words = sum(token != COMMA for tokens in spoken for token in tokens)
        return None if len(rest) == words else rest

    def exact_outcome(self, normalized: str) -> str | None:
        """The outcome of the phrase or reply word that equals a normalized message."""
        return self._exact.get(normalized)

    def priority_outcome(self, phrase: str) -> str | None:
        """The red flag or opt-out whose rule matches a phrase, and which therefore overrides the phrase's prompt."""
        tokens = join_split_words(normalize(phrase)).split()
        found = self._ordered({outcome for outcome, _ in self._rules.find(tokens, exact=True)}, phrase)
        return next((outcome for outcome in found if outcome in PRIORITY), None)

    def _ordered(self, found: set[str], message: str) -> list[str]:
        if any(content_words(sentence) in self._stop_phrases for sentence in normalized_sentences(message)):
            found.add(STOP)
        return [outcome for outcome in WITH_RULES if outcome in found]


def frequent_words(vocabulary: Mapping[str, Mapping[str, int]]) -> frozenset[str]:
    """The words of the examples that occur too often to be typos."""
    return frozenset(
        word for counts in vocabulary.values() for word, count in counts.items() if count > _MOST_QUESTIONS_WITH_TYPO
    )


def _written_rules(prompts: Iterable[Prompt], names: Collection[str] = WITH_RULES) -> Iterator[tuple[KeywordRule, str]]:
    """(keyword rule, outcome) for the prompts that may have rules; older releases have some in others."""
    for prompt in prompts:
        for rule in prompt.keyword_rules if prompt.name in names else ():
            if rule.denied:
                continue
            kind = _WANTED if rule.wanted else _MAYBE if rule.maybe else ""
            yield rule, f"{kind}{prompt.name}"
