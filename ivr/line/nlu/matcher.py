"""From free text to a topic or another outcome, by matching alone: the line never generates an answer.

Each prompt's file lists how people ask for it: `phrases`, which match a whole message, and keyword rules, which match
anywhere in one. Rules decide red flags and opt-outs before anything else. Every other message goes to the outcome with
the highest score: matched rules (keyword_index.py) plus the classifier (classifier.py).
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
from ivr.line.nlu.phrase_index import PRIORITY, PhraseIndex, outcome_of
from ivr.line.text.normalize import join_split_words, normalize, shorten

AMBIGUOUS = "ambiguous"
# Replies that do not reveal the language of the sender.
_SHARED_REPLIES = frozenset(("no", "ok", "k", "kk", "c", "r"))
# What matched rules add to a score: the best one, by its number of groups, and each additional one. All thresholds in
# this module are tuned by cross-validation.
_BEST_RULE = 0.25
_GROUP_EXPONENT = 0.7
_ADDITIONAL_RULE = 0.2
_MOST_ADDITIONAL_RULES = 2
_LOWEST_SCORE = 0.3
# Two topics whose scores are closer than this are ambiguous.
_AMBIGUITY_MARGIN = 0.2
# How far below the best topic a red flag without a matched rule may score and still win: if a rule of some topic
# matches, and if none does. A false alarm is better than a missed red flag.
_RED_FLAG_MARGIN = 0.3
_RED_FLAG_MARGIN_WITHOUT_RULES = 0.05
_LOWEST_RED_FLAG_SCORE = 0.08
# A single word that no file lists is too little for a red flag.
_FEWEST_RED_FLAG_WORDS = 2
_MOST_SCORES = 5
# Messages up to this length (in characters) are cached.
_LONGEST_CACHED = 40
_CACHE_SIZE = 2000


@dataclass(frozen=True)
class MatchResult:
    """What a message means. topic: a topic or another outcome; `none` if no outcome scores high enough."""

    topic: str
    language: str
    scores: dict[str, float]
    """The five best outcomes, 0 to 100, best first; empty for a bare number."""
    also_stop: bool = False
    """Whether the message also opts out. The red flag is answered first."""
    runner_up: str | None = None
    """The next-best outcome."""
    between: tuple[str, str] | None = None
    """The two candidates if the topic is `ambiguous`, the likelier first."""


class Matcher:
    """Matches messages against one release."""

    def __init__(self, content: Content) -> None:
        self._numbers = {str(topic.number): topic.id for topic in content.config.topics}
        self._topics = frozenset(self._numbers.values())
        self._default_language = content.config.default_language
        self._index = PhraseIndex(content)
        self._index.preload()
        phrases = self._index.phrases
        # A phrase listed in two languages, like "stop", does not reveal the language of the sender.
        self._phrase_languages: dict[str, set[str]] = defaultdict(set)
        for phrase, prompt in phrases:
            self._phrase_languages[phrase].add(prompt.language)
        examples = [(phrase, outcome_of(prompt.name, prompt.language)) for phrase, prompt in phrases]
        examples += [(normalize(item.words), outcome_of(item.outcome, item.language)) for item in content.questions]
        self._topic_classifier = _train(tuple(examples))
        self._language_classifier = LanguageClassifier(_word_counts(content))
        self._cached = lru_cache(_CACHE_SIZE)(self.match_uncached)

    def match(self, words: str, language: str | None = None) -> MatchResult:
        """What a message means. language: that of the conversation, used if the message could be in any language.

        Short messages are cached, because most people send the same few.
        """
        return self._cached(words, language) if len(words) <= _LONGEST_CACHED else self.match_uncached(words, language)

    def match_uncached(self, message: str, language: str | None = None) -> MatchResult:
        """`match` without the cache."""
        message = shorten(message)
        normalized = normalize(message)
        if normalized in self._numbers:
            return MatchResult(self._numbers[normalized], language or self._default_language, {})
        if not normalized or (normalized.isdigit() and not self._index.certain_outcome(normalized, {})):
            return MatchResult("none" if message.strip() else "menu", language or self._default_language, {})
        tokens = join_split_words(normalized).split()
        rules = self._index.find_rules(message, tokens)
        is_shared = normalized in _SHARED_REPLIES or len(self._phrase_languages.get(normalized, ())) > 1
        detected = None if is_shared else self._language_classifier.of(tokens)
        scores = self._scores(tokens, rules)
        outcome = self._index.certain_outcome(normalized, rules) or self._best(scores, rules, len(tokens))
        return _result(outcome, scores, STOP in rules, detected, language or self._default_language)

    def _scores(self, tokens: Sequence[str], rules: dict[str, list[int]]) -> dict[str, float]:
        """The score of every outcome, best first. rules: the group counts of the matched rules, by outcome."""
        scores = self._topic_classifier.scores(tokens)
        for outcome, groups in rules.items():
            if outcome == "menu" and _has_topic(rules):
                # "Hello, is it safe": people greet before they ask.
                continue
            additional = _ADDITIONAL_RULE * min(_MOST_ADDITIONAL_RULES, len(groups) - 1)
            scores[outcome] = scores.get(outcome, 0.0) + _BEST_RULE * max(groups) ** _GROUP_EXPONENT + additional
        return dict(sorted(scores.items(), key=lambda item: (-item[1], item[0])))

    def _best(self, scores: dict[str, float], rules: dict[str, list[int]], words: int) -> str:
        """The outcome with the best score; `none` if it is too low, `ambiguous` if two topics are close.

        Never an opt-out: "I want texts" is too similar to "I want no texts", and only a rule can distinguish them.
        """
        ordinary = [outcome for outcome in scores if outcome not in PRIORITY]
        best = scores[ordinary[0]] if ordinary else 0.0
        margin = _RED_FLAG_MARGIN if _has_topic(rules) else _RED_FLAG_MARGIN_WITHOUT_RULES
        red_flag = next((outcome for outcome in scores if outcome in RED_FLAGS), None)
        lowest = max(best - margin, _LOWEST_RED_FLAG_SCORE)
        if red_flag and words >= _FEWEST_RED_FLAG_WORDS and scores[red_flag] >= lowest:
            return red_flag
        if best < _LOWEST_SCORE:
            return "none"
        second = ordinary[1] if len(ordinary) > 1 else "none"
        if self._topics.issuperset((ordinary[0], second)) and best - scores[second] < _AMBIGUITY_MARGIN:
            return AMBIGUOUS
        return ordinary[0]


def _has_topic(rules: dict[str, list[int]]) -> bool:
    return not rules.keys() <= {"menu", "none"}


def _result(outcome: str, scores: dict[str, float], stop: bool, detected: str | None, language: str) -> MatchResult:
    name, _, requested = outcome.partition("/")
    shown: dict[str, float] = {}
    for other, score in islice(scores.items(), 2 * _MOST_SCORES):
        if score > 0:
            shown.setdefault(other.partition("/")[0], round(100 * score / (score + 0.5), 1))
    between = None
    if name == AMBIGUOUS:
        first, second, *_ = (other for other in shown if other not in PRIORITY)
        between = (first, second)
    return MatchResult(
        name,
        requested or detected or language,
        dict(list(shown.items())[:_MOST_SCORES]),
        also_stop=stop and name in RED_FLAGS,
        runner_up=next((other for other in shown if other not in (name, *(between or ()))), None),
        between=between,
    )


def ambiguous_reply(content: Content, language: str, between: tuple[str, str]) -> str:
    """The text message that asks which of two topics is meant."""
    numbers = {topic.id: str(topic.number) for topic in content.config.topics}
    values: dict[str, str] = {}
    for name, topic in zip(("first", "second"), between, strict=True):
        values |= {name: numbers[topic], f"{name}-title": content.prompt(language, topic).title}
    return content.texted(language, AMBIGUOUS, **values)


# Cached because most releases change no phrase and no question.
@lru_cache(2)
def _train(examples: tuple[tuple[str, str], ...]) -> TopicClassifier:
    """A classifier for (normalized message, outcome) examples."""
    return TopicClassifier((join_split_words(message).split(), outcome) for message, outcome in examples)


def _word_counts(content: Content) -> dict[str, Counter[str]]:
    """Word counts by language, over all prompts, phrases and questions."""
    counts: dict[str, Counter[str]] = {language: Counter() for language in content.config.languages}
    for prompt in content.prompts.values():
        for words in (*prompt.phrases, prompt.title, *(section.words for section in prompt.sections())):
            counts[prompt.language].update(join_split_words(normalize(words)).split())
    for question in content.questions:
        counts[question.language].update(join_split_words(normalize(question.words)).split())
    return counts
