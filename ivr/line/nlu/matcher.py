"""From free words to a topic or another outcome, by matching alone: the line never makes up an answer.

Each prompt's file lists how people ask for it: `phrases`, whole, and `signs`, the words that tell it wherever they
stand. A red flag and a wish to stop are found by their signs, before anything else. All other words go where most
speaks for it: the signs that stand in them (signs.py), and what is learned from all phrases (learned.py).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice

from ivr.line.content.keyword_rules import RED_FLAGS, STOP
from ivr.line.content.loader import Content
from ivr.line.nlu.classifier import LanguageClassifier, TopicClassifier
from ivr.line.nlu.phrase_index import ASKED_FIRST, PhraseIndex, outcome_of
from ivr.line.text.normalize import join_split_words, normalize, shorten

__all__ = ["AMBIGUOUS", "MatchResult", "Matcher", "ambiguous_reply", "normalize"]

AMBIGUOUS = "ambiguous"
_GREETING = "menu"
# What the best sign of an outcome adds, by its groups of words, and each further sign; measured by cross-validation.
_BEST_SIGN = 0.25
_GROUPS = 0.7
_NEXT_SIGN = 0.2
_MOST_NEXT = 2
# What speaks less than this for an outcome is not enough to go by.
_LEAST = 0.3
# Two topics nearer than this are asked about.
_NEAR = 0.2
# How far what was learned may speak less for a red flag than for the best topic, when no sign of a flag stands there
# and one of a topic does; and when none stands there at all. A false alarm is better than a missed one: measured.
_BEHIND = 0.3
_BEHIND_ALONE = 0.05
_LEAST_ALARM = 0.08
# A single word that no file lists is too little for an alarm.
_LEAST_WORDS = 2
_SHOWN = 5
_SHORT = 40
_REMEMBERED = 2000


@dataclass(frozen=True)
class MatchResult:
    """What was understood: the outcome (`none`: nothing), in which language, and the best outcomes' scores."""

    topic: str
    language: str
    scores: dict[str, float]
    """0 to 100, the best five, best first; none for a bare number."""
    also_stop: bool = False
    """Beside a red flag, which is answered first, the words also ask for no more texts."""
    runner_up: str | None = None
    """What would have been understood instead."""
    between: tuple[str, str] | None = None
    """Of an ambiguous question: the two topics that it may ask for, the likelier first."""
    language_told: bool = False
    """Whether the words themselves tell their language."""


class Matcher:
    """The phrases and signs of a release, ready to be asked."""

    def __init__(self, content: Content) -> None:
        self._numbers = {str(topic.number): topic.id for topic in content.config.topics}
        self._topics = frozenset(self._numbers.values())
        self._default = content.config.default_language
        self._meanings = PhraseIndex(content)
        self._meanings.prepare()
        phrases = self._meanings.phrases
        # "Stop" is a phrase in both languages, and so tells neither.
        self._languages: dict[str, set[str]] = defaultdict(set)
        for words, prompt in phrases:
            self._languages[words].add(prompt.language)
        told = [(words, outcome_of(prompt.name, prompt.language)) for words, prompt in phrases]
        told += [(normalize(one.words), outcome_of(one.outcome, one.language)) for one in content.questions]
        self._learned = _learned(tuple(told))
        self._tongues = LanguageClassifier(_words_by_language(content))
        self._understood = lru_cache(_REMEMBERED)(self.think)

    def ask(self, words: str, language: str | None = None) -> MatchResult:
        """What `words` ask for. language: of the conversation, kept where the words tell none.

        Most people ask the same few things in the same few words: what is short is remembered.
        """
        return self._understood(words, language) if len(words) <= _SHORT else self.think(words, language)

    def think(self, words: str, language: str | None = None) -> MatchResult:
        """As `ask`, from the beginning each time."""
        words = shorten(words)
        asked = normalize(words)
        if asked in self._numbers:
            return MatchResult(self._numbers[asked], language or self._default, {})
        if not asked or (asked.isdigit() and not self._meanings.exact(asked, {})):
            return MatchResult("none" if words.strip() else "menu", language or self._default, {})
        heard = join_split_words(asked).split()
        found = self._meanings.found(words, heard)
        told = None if len(self._languages.get(asked, ())) > 1 else self._tongues.of(heard)
        scores = self._scores(heard, found)
        outcome = self._meanings.exact(asked, found) or self._likeliest(scores, found, len(heard))
        return _understood(outcome, scores, STOP in found, told, language or self._default)

    def _scores(self, heard: Sequence[str], found: dict[str, list[int]]) -> dict[str, float]:
        scores = self._learned.scores(heard)
        for outcome, weights in found.items():
            if outcome == _GREETING and self._topics_found(found):
                # "Hello, is it safe": people greet before they ask.
                continue
            more = _NEXT_SIGN * min(_MOST_NEXT, len(weights) - 1)
            scores[outcome] = scores.get(outcome, 0.0) + _BEST_SIGN * max(weights) ** _GROUPS + more
        return dict(sorted(scores.items(), key=lambda score: (-score[1], score[0])))

    @staticmethod
    def _topics_found(found: dict[str, list[int]]) -> bool:
        return not found.keys() <= {"menu", "none"}

    def _likeliest(self, scores: dict[str, float], found: dict[str, list[int]], words: int) -> str:
        """The outcome for which most speaks; `none` where too little does, `ambiguous` between two near topics.

        Never a wish to stop: "I want texts" is too much like "I want no texts", and only a sign tells them apart.
        """
        calm = [outcome for outcome in scores if outcome not in ASKED_FIRST]
        best = scores[calm[0]] if calm else 0.0
        behind = _BEHIND if self._topics_found(found) else _BEHIND_ALONE
        flag = next((outcome for outcome in scores if outcome in RED_FLAGS), None)
        if flag and words >= _LEAST_WORDS and scores[flag] >= max(best - behind, _LEAST_ALARM):
            return flag
        if best < _LEAST:
            return "none"
        second = calm[1] if len(calm) > 1 else "none"
        if self._topics.issuperset((calm[0], second)) and best - scores[second] < _NEAR:
            return AMBIGUOUS
        return calm[0]


def _understood(outcome: str, scores: dict[str, float], stop: bool, told: str | None, language: str) -> MatchResult:
    name, _, wished = outcome.partition("/")
    shown: dict[str, float] = {}
    for other, score in islice(scores.items(), 2 * _SHOWN):
        if score > 0:
            shown.setdefault(other.partition("/")[0], _in_hundred(score))
    between = None
    if name == AMBIGUOUS:
        first, second, *_ = (other for other in shown if other not in ASKED_FIRST)
        between = (first, second)
    return MatchResult(
        name,
        wished or told or language,
        dict(list(shown.items())[:_SHOWN]),
        also_stop=stop and name in RED_FLAGS,
        runner_up=next((other for other in shown if other not in (name, *(between or ()))), None),
        between=between,
        language_told=bool(wished or told),
    )


def ambiguous_reply(content: Content, language: str, between: tuple[str, str]) -> str:
    """The text that asks which of two topics is meant."""
    numbers = {topic.id: str(topic.number) for topic in content.config.topics}
    first, second = between
    return content.texted(
        language,
        AMBIGUOUS,
        **{
            "first": numbers[first],
            "second": numbers[second],
            "first-title": content.prompt(language, first).title,
            "second-title": content.prompt(language, second).title,
        },
    )


def _in_hundred(score: float) -> float:
    return round(100 * score / (score + 0.5), 1)


# Most releases change no phrase and no question.
@lru_cache(2)
def _learned(told: tuple[tuple[str, str], ...]) -> TopicClassifier:
    """What is learned from plain words and their outcomes."""
    return TopicClassifier((join_split_words(words).split(), outcome) for words, outcome in told)


def _words_by_language(content: Content) -> dict[str, Counter[str]]:
    said: dict[str, Counter[str]] = {language: Counter() for language in content.config.languages}
    for prompt in content.prompts.values():
        for words in (*prompt.phrases, prompt.title, *(section.words for section in prompt.sections())):
            said[prompt.language].update(join_split_words(normalize(words)).split())
    for question in content.questions:
        said[question.language].update(join_split_words(normalize(question.words)).split())
    return said
