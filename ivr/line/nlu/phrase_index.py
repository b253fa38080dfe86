"""What some words mean for certain: a sign of a red flag or of a wish to stop, before a phrase's own prompt."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import cached_property

from ivr.line.content.keyword_rules import RED_FLAGS, STOP, KeywordRule
from ivr.line.content.loader import Content
from ivr.line.content.prompt import Prompt
from ivr.line.content.training_questions import TrainingQuestion
from ivr.line.nlu.keyword_index import KeywordIndex, KeywordMatch, rule_from_phrase
from ivr.line.text.normalize import content_words, join_split_words, normalize, normalized_sentences

ASKED_FIRST = (*RED_FLAGS, STOP)
LANGUAGE = "language"
# What stands in more questions than this is a spelling, and no slip.
_NO_SLIP = 4


class PhraseIndex:
    """The phrases and signs of a release."""

    def __init__(self, content: Content) -> None:
        # Not the content, which may hold many megabytes of recordings: meanings are kept for a while.
        self._questions = content.questions
        self._prompts = prompts = tuple(content.prompts.values())
        self.phrases = [(normalize(phrase), prompt) for prompt in prompts for phrase in prompt.phrases]
        self._exact = {words: outcome_of(prompt.name, prompt.language) for words, prompt in self.phrases}
        self.owners: dict[str, dict[str, str]] = defaultdict(dict)
        """The names of the prompts that list a plain phrase, each with a file."""
        for words, prompt in self.phrases:
            self.owners[words].setdefault(prompt.name, prompt.file)
        self._stops = {content_words(words) for words, prompt in self.phrases if prompt.name == STOP}

    @cached_property
    def _signs(self) -> KeywordIndex:
        known = _spellings(self.phrases, self._questions)
        return KeywordIndex([*_written(self._prompts), *self._of_phrases], known)

    @cached_property
    def _first(self) -> KeywordIndex:
        """The signs of what is looked for before anything else."""
        return KeywordIndex([*_written(self._prompts, ASKED_FIRST), *self._of_phrases])

    @cached_property
    def _of_phrases(self) -> list[tuple[KeywordRule, str, str]]:
        """A phrase of a red flag that none of its signs finds is one itself, so that it is found in company."""
        finder = KeywordIndex(_written(self._prompts, RED_FLAGS))
        found: list[tuple[KeywordRule, str, str]] = []
        for words, prompt in self.phrases:
            if prompt.name in RED_FLAGS and not finder.find(join_split_words(words).split(), as_spelt=True):
                sign = rule_from_phrase(words)
                if sign:
                    found.append((sign, prompt.name, prompt.language))
        return found

    def prepare(self) -> None:
        """Have the signs ready, so that nobody waits for them."""
        self._signs.prepare()

    def found(self, words: str, heard: Sequence[str]) -> dict[str, list[int]]:
        """The outcomes whose signs stand in some words, and how many words make each sign. heard: the words, plain."""
        return self._with_stops(self._signs.find(heard), words)

    def exact(self, asked: str, found: dict[str, list[int]]) -> str | None:
        """The outcome that must win: a red flag or a wish to stop whose sign stands there, else a phrase's own."""
        return next((name for name in ASKED_FIRST if name in found), None) or self._exact.get(asked)

    def asked_first(self, phrase: str) -> str | None:
        """The red flag, or the wish to stop, whose sign stands in a phrase, and which therefore takes it."""
        heard = join_split_words(normalize(phrase)).split()
        found = self._with_stops(self._first.find(heard, as_spelt=True), phrase)
        return next((name for name in ASKED_FIRST if name in found), None)

    def _with_stops(self, signs: Iterable[KeywordMatch], words: str) -> dict[str, list[int]]:
        found: dict[str, list[int]] = defaultdict(list)
        for sign in signs:
            found[outcome_of(sign.meaning, sign.language)].append(sign.weight)
        if any(content_words(sentence) in self._stops for sentence in normalized_sentences(words)):
            found[STOP].append(1)
        return found


def outcome_of(name: str, language: str) -> str:
    """To ask for a language is another wish in each file: "spanish" stands in es/language.md."""
    return f"{name}/{language}" if name == LANGUAGE else name


def _written(prompts: Iterable[Prompt], names: Collection[str] = ()) -> Iterator[tuple[KeywordRule, str, str]]:
    """The signs of all files, or of those with some names."""
    for prompt in prompts:
        for sign in prompt.keyword_rules if not names or prompt.name in names else ():
            yield sign, prompt.name, prompt.language


def _spellings(phrases: Iterable[tuple[str, Prompt]], questions: Iterable[TrainingQuestion]) -> frozenset[str]:
    """The words that are taken as they are spelt. What stands in few questions may be a slip."""
    asked = Counter(word for one in questions for word in set(normalize(one.words).split()))
    often = (word for word, count in asked.items() if count > _NO_SLIP)
    return frozenset([*(word for words, _ in phrases for word in words.split()), *often])
