"""The outcomes that need no scores: a red flag or an opt-out by keyword rule, then a phrase word for word."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import cached_property

from ivr.line.content.keyword_rules import RED_FLAGS, STOP, KeywordRule
from ivr.line.content.loader import Content
from ivr.line.content.prompt import Prompt
from ivr.line.nlu.keyword_index import KeywordIndex
from ivr.line.text.normalize import content_words, join_split_words, normalize, normalized_sentences

# Outcomes whose keyword rules are checked before everything else, most urgent first.
PRIORITY = (*RED_FLAGS, STOP)
LANGUAGE = "language"


class PhraseIndex:
    """The phrases and keyword rules of a release."""

    def __init__(self, content: Content) -> None:
        # No reference to the content: it may hold many megabytes of recordings, and an index is cached.
        self._prompts = prompts = tuple(content.prompts.values())
        self.phrases = [(normalize(phrase), prompt) for prompt in prompts for phrase in prompt.phrases]
        """(normalized phrase, its prompt)"""
        self._exact = {phrase: outcome_of(prompt.name, prompt.language) for phrase, prompt in self.phrases}
        self.owners: dict[str, dict[str, str]] = defaultdict(dict)
        """By normalized phrase: the names of the prompts that list it, each with its file."""
        for phrase, prompt in self.phrases:
            self.owners[phrase].setdefault(prompt.name, prompt.file)
        self._stop_phrases = {content_words(phrase) for phrase, prompt in self.phrases if prompt.name == STOP}

    @cached_property
    def _rules(self) -> KeywordIndex:
        return KeywordIndex(_written_rules(self._prompts))

    @cached_property
    def _priority_rules(self) -> KeywordIndex:
        return KeywordIndex(_written_rules(self._prompts, PRIORITY))

    def preload(self) -> None:
        """Build the rules now rather than at the first question."""
        self._rules.preload()

    def find_rules(self, message: str, tokens: Sequence[str]) -> dict[str, list[int]]:
        """{outcome: number of groups of each of its rules that match}. tokens: the normalized words of the message."""
        return self._weights(self._rules.find(tokens), message)

    def certain_outcome(self, normalized: str, weights: dict[str, list[int]]) -> str | None:
        """The red flag or opt-out among the matched rules; else the outcome of the phrase that equals the message."""
        return _first_priority(weights) or self._exact.get(normalized)

    def priority_outcome(self, phrase: str) -> str | None:
        """The red flag or opt-out whose rule matches a phrase, and which therefore overrides the phrase's prompt."""
        tokens = join_split_words(normalize(phrase)).split()
        return _first_priority(self._weights(self._priority_rules.find(tokens, exact=True), phrase))

    def _weights(self, matches: Iterable[tuple[str, int]], message: str) -> dict[str, list[int]]:
        weights: dict[str, list[int]] = defaultdict(list)
        for outcome, groups in matches:
            weights[outcome].append(groups)
        if any(content_words(sentence) in self._stop_phrases for sentence in normalized_sentences(message)):
            weights[STOP].append(1)
        return weights


def outcome_of(name: str, language: str) -> str:
    """The outcome of a prompt. Each language has its own `language` outcome: es/language.md asks for Spanish."""
    return f"{name}/{language}" if name == LANGUAGE else name


def _first_priority(outcomes: Collection[str]) -> str | None:
    return next((name for name in PRIORITY if name in outcomes), None)


def _written_rules(prompts: Iterable[Prompt], names: Collection[str] = ()) -> Iterator[tuple[KeywordRule, str]]:
    """(keyword rule, outcome) for all prompts, or only for those named in `names`."""
    for prompt in prompts:
        for rule in prompt.keyword_rules if not names or prompt.name in names else ():
            yield rule, outcome_of(prompt.name, prompt.language)
