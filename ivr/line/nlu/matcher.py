"""From free text to a topic or another outcome, by matching alone: the line never generates an answer.

Keyword rules decide red flags and opt-outs before anything else, and a phrase that equals the whole message leads to
its prompt. Every other message goes to the outcome that the trained model (topic_model.py) finds probable enough, to a
question between two or three, to the reply that the line may have no answer, with up to three that may help, or to
the reply that it has none.

A `maybe:` rule, a rule that the model finds implausible, a denial ("no chest pain"), or a model that is unsure makes a
red flag or an opt-out only possible (plausibility.py). The answer then also says what to do in an emergency, or how to
stop the texts.
"""

from __future__ import annotations

import weakref
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from itertools import islice

from ivr.line.content.keyword_rules import PERSON_SOON, RED_FLAGS, STOP, URGENT
from ivr.line.content.loader import Content
from ivr.line.content.required_prompts import CAUTION, CAUTION_SYMPTOM
from ivr.line.nlu.language import is_foreign_alphabet, refused_languages
from ivr.line.nlu.phrase_index import PhraseIndex, RuleMatches, frequent_words
from ivr.line.nlu.plausibility import (
    LIKELY_EMERGENCY,
    LOSS,
    among_others,
    is_plausible,
    only_offers_stop,
    opts_out,
    opts_out_beside_red_flag,
    possible,
    probable_red_flag,
    without,
)
from ivr.line.nlu.topic_model import TopicModel
from ivr.line.nlu.training import LANGUAGE, outcome_of
from ivr.line.text.normalize import content_words, join_split_words, normalize, shorten

AMBIGUOUS = "ambiguous"
INTERPRETER = "interpreter"
NONE = "none"
# Answers without any medicine, which misinform nobody. A subject that is not listed counts as medical.
PRACTICAL = frozenset(("people", "cost", "transport", "children", "late", "thanks", "loss", "privacy", INTERPRETER))
# These change which texts a patient gets, or what is on the staff's work list.
_ACTIONS = frozenset(("start", "wrong-number", "confirm", "change"))
# Replies that do not reveal the language of the sender.
_SHARED_REPLIES = frozenset(("no", "ok", "k", "kk", "y", "c", "r", "stop", "start", "menu"))
# All probabilities in this module were chosen on questions that the model had not seen: see decision 25.
# A medical answer to something else misinforms; an outcome such as scheduling does not.
_LOWEST_MEDICAL, _LOWEST_ALONE = 0.95, 0.65
# People who are afraid should not be asked what they mean, and comfort misinforms nobody.
_COMFORT, _LOWEST_COMFORT = "waiting", 0.75
_LOWEST_ACTION = 0.5
# Someone who meant something else, and is told that the appointment is noted, may miss it.
_LOWEST_CONFIRM = 0.75
# "I accidentally unsubscribed" opts in, although it looks like an opt-out.
_CERTAIN_START = 0.95
_LOWEST_TOPIC = 0.3
# Thanks and condolences, which no question offers, must be meant.
_LOWEST_NEVER_OFFERED = 0.7
# Answers that are less probable each, but that together are this probable, are offered as a choice.
_MOST_CHOICES, _LOWEST_CHOICE, _LOWEST_OF_CHOICES = 3, 0.02, 0.45
# Below this, a practical answer is only offered, beside others that are this probable.
_CERTAIN_PRACTICAL, _LOWEST_RIVAL = 0.6, 0.15
# Unless it is certain that the line has no answer, those that may help are offered.
_CERTAIN_NONE, _LOWEST_OFFER = 0.95, 0.05
# How probable it must be that the line has no answer for a choice to say so.
_LOWEST_NONE = 0.05
_MOST_SCORES = 5
# Messages up to this length (in characters) are cached.
_LONGEST_CACHED = 40
_CACHE_SIZE = 2000


@dataclass(frozen=True)
class MatchResult:
    """What a message means. topic: a topic or another outcome; `none` if no outcome is probable enough."""

    topic: str
    language: str
    scores: dict[str, float]
    """The probabilities of the five best outcomes in percent, best first; empty for a bare number."""
    also_stop: bool = False
    """Whether the message also opts out. The red flag is answered first."""
    runner_up: str | None = None
    """The next-best outcome."""
    between: tuple[str, ...] | None = None
    """The candidates if the topic is `ambiguous`, at most three, the likeliest first."""
    or_none: bool = False
    """Whether the line may have no answer, so that even a single candidate is only offered."""
    possible: tuple[str, ...] = ()
    """The red flags and the opt-out that are possible, but not probable enough to be the topic."""

    @property
    def may_be_red_flag(self) -> bool:
        """Whether the answer should also say what to do in an emergency."""
        return self.caution is not None

    @property
    def caution(self) -> str | None:
        """The prompt that precedes the answer if the message may be a red flag, else None."""
        if URGENT in self.possible:
            return CAUTION
        return CAUTION_SYMPTOM if PERSON_SOON in self.possible else None


class Matcher:
    """Matches messages against one release."""

    def __init__(self, content: Content, model: TopicModel) -> None:
        """model: trained on the examples of this content."""
        self.model = model
        self._numbers = {str(topic.number): topic.id for topic in content.config.topics}
        self._subjects = frozenset(subject.id for subject in content.config.subjects)
        self._medical = self._subjects - PRACTICAL
        self._offerable = content.config.offerable
        # What a message says besides something else decides nothing: "thanks, and is it cancer".
        self._never_instead = {NONE, *_ACTIONS, *self._medical, *(self._subjects - self._offerable)}
        # Releases without reply words have no prompt that says that there may be no answer, and answer as they did.
        self._has_unsure = bool(content.config.reply_words)
        self._default_language = content.config.default_language
        self._requests = {outcome_of(LANGUAGE, code): code for code in content.config.languages}
        self._index = PhraseIndex(content, frequent_words(model.vocabulary))
        self._index.preload()
        # A phrase listed in two languages, like "stop", does not reveal the language of the sender.
        self._phrase_languages: dict[str, set[str]] = defaultdict(set)
        for phrase, prompt in self._index.phrases:
            self._phrase_languages[phrase].add(prompt.language)
        self._word_languages: dict[str, list[str]] = defaultdict(list)
        self._answers: dict[str, str] = {}
        for name, words in content.config.words.items():
            for code, word in words.items():
                self._word_languages[normalize(word)].append(code)
                self._answers[normalize(word)] = name
        self._language_classifier = model.languages
        # Not this object itself: a cycle would keep it, with its rules, until a full garbage collection.
        self._cached = lru_cache(_CACHE_SIZE)(partial(Matcher.match_uncached, weakref.proxy(self)))

    def match(self, words: str, language: str | None = None) -> MatchResult:
        """What a message means. language: that of the conversation, used if the message could be in any language.

        Short messages are cached, because most people send the same few.
        """
        return self._cached(words, language) if len(words) <= _LONGEST_CACHED else self.match_uncached(words, language)

    def match_numbers(self, digits: Sequence[str], language: str | None) -> MatchResult | None:
        """The topic with a number, a question between those with a few, or the menu; None if one is not a topic's."""
        topics = tuple(self._numbers[digit] for digit in digits if digit in self._numbers)
        if len(topics) != len(digits):
            return None
        if len(topics) > _MOST_CHOICES:
            return MatchResult("menu", language or self._default_language, {})
        between = topics if len(topics) > 1 else None
        return MatchResult(AMBIGUOUS if between else topics[0], language or self._default_language, {}, between=between)

    def match_words(self, words: Sequence[str], language: str | None) -> MatchResult | None:
        """The answer with a reply word, or a question between those with several; None if one is not a reply word."""
        if not 0 < len(words) <= _MOST_CHOICES or not all(word in self._answers for word in words):
            return None
        of_first = self.match(words[0], language)
        answers = tuple(dict.fromkeys(self._answers[word] for word in words))
        return of_first if len(answers) == 1 else replace(of_first, topic=AMBIGUOUS, scores={}, between=answers)

    def match_uncached(self, message: str, language: str | None = None, is_rest: bool = False) -> MatchResult:
        """`match` without the cache. is_rest: whether what the message denies has been taken out of it."""
        message = shorten(message)
        normalized = normalize(message)
        conversation = language or self._default_language
        if normalized in self._numbers:
            return MatchResult(self._numbers[normalized], conversation, {})
        exact = self._index.exact_outcome(normalized)
        if is_foreign_alphabet(message) and INTERPRETER in self._subjects:
            return MatchResult(INTERPRETER, conversation, {})
        if not normalized or (normalized.isdigit() and not exact):
            return MatchResult(NONE if message.strip() else "menu", conversation, {})
        tokens = join_split_words(normalized).split()
        matched = self._index.outcomes_of_rules(message, tokens)
        chances = self.model.probabilities(tokens)
        outcome, between = self._decide(matched, exact, chances, len(tokens))
        if outcome in self._requests and not exact:
            outcome = self._request_of(outcome, normalized)
        detected = None if outcome == INTERPRETER else self._language_of(normalized, tokens, conversation)
        result = _result(outcome, between, chances, detected or conversation)
        result = replace(result, or_none=self._may_be_none(between, chances))
        if result.topic in RED_FLAGS:
            denied = None if is_rest else self._without_denials(result, message, language)
            if denied:
                return denied
            also_stop = opts_out_beside_red_flag(matched, chances, tokens)
            offers = STOP in matched.outcomes and not also_stop
            return replace(result, also_stop=also_stop, possible=(STOP,) * offers)
        return replace(result, possible=possible(result.topic, matched, chances, len(tokens)))

    def _without_denials(self, flagged: MatchResult, message: str, language: str | None) -> MatchResult | None:
        """What a message means that denies its red flag, which is then only possible; None if a flag is left."""
        rest = self._index.without_denials(message)
        if rest is None:
            return None
        calmer = self.match_uncached(" ".join(rest), language, is_rest=True) if rest else replace(flagged, topic=NONE)
        if calmer.topic in RED_FLAGS:
            return None
        if calmer.topic in (*_ACTIONS, LOSS) or not content_words(" ".join(rest)):
            # The few words that are left, such as "no", change nothing.
            calmer = replace(calmer, topic=NONE, between=None)
        flags = (flag for flag in RED_FLAGS if flag in (flagged.topic, *calmer.possible))
        return replace(calmer, possible=(*flags, *(STOP,) * (STOP in calmer.possible)))

    def _request_of(self, outcome: str, normalized: str) -> str:
        """The request for a language that an outcome is; for the other one if the message refuses this one."""
        refused = refused_languages(normalized)
        others = [request for request, code in self._requests.items() if code not in refused]
        return others[0] if self._requests[outcome] in refused and len(others) == 1 else outcome

    def _language_of(self, normalized: str, tokens: list[str], conversation: str) -> str | None:
        """The language of a message; None if it could be any."""
        if normalized in self._word_languages:
            languages = self._word_languages[normalized]
            return conversation if conversation in languages else languages[0]
        if normalized in _SHARED_REPLIES or len(self._phrase_languages.get(normalized, ())) > 1:
            return None
        return self._language_classifier.of(tokens)

    def _decide(
        self, matched: RuleMatches, exact: str | None, chances: dict[str, float], words: int
    ) -> tuple[str, tuple[str, ...] | None]:
        """The outcome, and the candidates if it is `ambiguous`."""
        may_stop = not only_offers_stop(matched, chances)
        rules = [rule for rule in matched.outcomes if rule not in matched.wanted and (rule != STOP or may_stop)]
        # "I have chest pain, stop the texts": how probable the opt-out is says nothing about the pain.
        beside_stop = among_others(chances, STOP) if STOP in rules else chances
        likely = (rule for rule in rules if is_plausible(rule, chances, beside_stop if rule in RED_FLAGS else chances))
        certain = next(likely, None)
        if certain == PERSON_SOON and chances.get(URGENT, 0.0) >= LIKELY_EMERGENCY:
            # "A lump in my throat is getting bigger by the minute"
            certain = URGENT
        red_flag = certain if certain in RED_FLAGS else None if exact else probable_red_flag(chances, words)
        known = red_flag or (STOP if certain == STOP else None) or exact or certain
        if not known and may_stop and opts_out(chances):
            known = STOP
        if known:
            return known, None
        unwanted = {*matched.wanted} if may_stop else {*matched.wanted, STOP, "start", "wrong-number"}
        is_start = "start" in matched.outcomes or chances.get("start", 0.0) >= _CERTAIN_START
        if STOP in matched.outcomes and not is_start:
            # "I don't need them, stop the reminders" is no wish to get them again, whatever the model says.
            unwanted.add("start")
        return self._most_probable(without(chances, unwanted))

    def _most_probable(self, chances: dict[str, float]) -> tuple[str, tuple[str, ...] | None]:
        """The most probable outcome; a practical one that is probable enough if a medical one is not; `ambiguous`
        between several answers, or with a few that may help; or `none`. Never a red flag or an opt-out."""
        ordinary = [outcome for outcome in chances if outcome not in (*RED_FLAGS, STOP)]
        if not ordinary:
            return NONE, None
        best = ordinary[0]
        likely = [outcome for outcome in ordinary[: _MOST_CHOICES + 1] if chances[outcome] >= _LOWEST_CHOICE]
        answers = [outcome for outcome in likely if outcome in self._offerable][:_MOST_CHOICES]
        if chances[best] >= self._lowest(best, chances):
            if best == NONE:
                return self._none_or_offers(answers, chances)
            rivals = self._rivals(best, ordinary[1:_MOST_CHOICES], chances)
            return (AMBIGUOUS, (best, *rivals)) if rivals else (best, None)
        practical = next((other for other in ordinary if other not in self._never_instead), None)
        is_offered = best in self._medical and practical in self._offerable - self._subjects
        if practical and chances[practical] >= _LOWEST_TOPIC and not is_offered:
            return practical, None
        if len(answers) > 1 and sum(chances[answer] for answer in answers) >= _LOWEST_OF_CHOICES:
            return AMBIGUOUS, tuple(answers)
        # With nothing else to ask about.
        is_alone = answers == [best] and chances[best] >= _LOWEST_ALONE
        return (best, None) if is_alone else self._none_or_offers(answers, chances)

    def _none_or_offers(self, answers: list[str], chances: dict[str, float]) -> tuple[str, tuple[str, ...] | None]:
        """That the line has no answer; beside it up to three that may help, unless it is certain to have none."""
        offers = tuple(answer for answer in answers if chances[answer] >= _LOWEST_OFFER)
        is_none = not (self._has_unsure and offers) or chances.get(NONE, 0.0) >= _CERTAIN_NONE
        return (NONE, None) if is_none else (AMBIGUOUS, offers)

    def _may_be_none(self, between: tuple[str, ...] | None, chances: dict[str, float]) -> bool:
        """Whether a question between answers should say that the line may have none."""
        if not (between and self._has_unsure):
            return False
        is_unlikely = sum(chances[answer] for answer in between) < _LOWEST_OF_CHOICES
        return len(between) == 1 or is_unlikely or chances.get(NONE, 0.0) >= _LOWEST_NONE

    def _rivals(self, best: str, others: Sequence[str], chances: dict[str, float]) -> list[str]:
        """The answers that may be meant instead of a practical one; none beside one that is certain."""
        is_certain = best not in self._offerable - self._medical or chances[best] >= _CERTAIN_PRACTICAL
        if is_certain or not self._has_unsure:
            return []
        return [other for other in others if other in self._offerable and chances[other] >= _LOWEST_RIVAL]

    def _lowest(self, outcome: str, chances: dict[str, float]) -> float:
        """How probable the most probable outcome must be."""
        if outcome in self._medical:
            return _LOWEST_COMFORT if outcome == _COMFORT else _LOWEST_MEDICAL
        if outcome in self._subjects - self._offerable:
            # "Stop, my mother died": an opt-out beside it makes it no less a loss.
            return _LOWEST_NEVER_OFFERED - (chances.get(STOP, 0.0) if outcome == LOSS else 0.0)
        if outcome == "confirm":
            return _LOWEST_CONFIRM
        # Nobody who may want no texts is opted in.
        return max(_LOWEST_ACTION, chances.get(STOP, 0.0)) if outcome in _ACTIONS else _LOWEST_TOPIC


def _result(outcome: str, between: tuple[str, ...] | None, chances: dict[str, float], language: str) -> MatchResult:
    name, _, requested = outcome.partition("/")
    shown: dict[str, float] = {}
    for other, chance in islice(chances.items(), 2 * _MOST_SCORES):
        shown.setdefault(other.partition("/")[0], round(100 * chance, 1))
    return MatchResult(
        name,
        requested or language,
        dict(list(shown.items())[:_MOST_SCORES]),
        runner_up=next((other for other in shown if other not in (name, *(between or ()))), None),
        between=between,
    )
