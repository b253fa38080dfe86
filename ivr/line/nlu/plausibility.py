"""Whether red flags and opt-outs are plausible: rules and the model check each other."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ivr.line.content.keyword_rules import PERSON_SOON, RED_FLAGS, STOP, URGENT
from ivr.line.locales.locale import all_locales
from ivr.line.nlu.phrase_index import RuleMatches

# All probabilities in this module were chosen on questions that the model had not seen: see decision 25.
# A false alarm is better than a missed red flag. Below the limit, a rule's red flag is still possible.
_LOWEST_RED_FLAG = 0.3
_LOWEST_WITH_RED_FLAG_RULE = {URGENT: 0.02, PERSON_SOON: 0.05}
_LOWEST_POSSIBLE_RED_FLAG = 0.015
# Of one of the two, where either is possible.
_LOWEST_POSSIBLE_EACH = 0.003
# "It hurts when I touch my left chest": with a symptom this probable, and an emergency no more than possible, the
# answer about the symptom, which says what to do in an emergency too, is the better one.
_CERTAIN_SYMPTOM = 0.9
# With an emergency this probable, the rule of a symptom decides nothing.
LIKELY_EMERGENCY = 0.5
# A single word that no file lists is too little for a red flag.
_FEWEST_RED_FLAG_WORDS = 2
# An opt-out that no rule matches must be all but certain: who loses their reminders may miss a visit. For the same
# reason, a rule alone is not enough if everything else in the message says otherwise.
_LOWEST_STOP = 0.96
_LOWEST_STOP_WITH_RULE = 0.4
_LOWEST_POSSIBLE_STOP = 0.012
# Of a message that only seems to opt out, or to be about a wrong number: how much must be left to the other outcomes,
# for one of them to be an answer.
_LOWEST_BESIDE_STOP, _LOWEST_BESIDE_WRONG_NUMBER = 0.1, 0.02
# How probable the outcome of a rule must be.
_LOWEST_WITH_RULE = _LOWEST_WITH_RED_FLAG_RULE | {STOP: _LOWEST_STOP_WITH_RULE}
_LOWEST_WITH_OTHER_RULE = 0.3
LOSS = "loss"
# How words for texts, their numbers and lists begin, in every language.
_OF_TEXTS = tuple(sorted({start for locale in all_locales().values() for start in locale.words_for_texts}))


def is_plausible(rule: str, chances: dict[str, float], among: dict[str, float]) -> bool:
    """Whether the model does not contradict a rule that matches; it cannot if it does not know the outcome.

    among: the chances of the rule's outcome and of those that it competes with.
    """
    lowest = _LOWEST_WITH_RULE.get(rule, _LOWEST_WITH_OTHER_RULE)
    if rule == URGENT and chances.get(PERSON_SOON, 0.0) >= _CERTAIN_SYMPTOM:
        lowest = 1 - _CERTAIN_SYMPTOM
    return among.get(rule, 1.0) >= lowest


def opts_out(chances: dict[str, float]) -> bool:
    """Whether it is all but certain that a message opts out: "stop, she died" is both an opt-out and a loss."""
    stop = chances.get(STOP, 0.0)
    return stop >= _LOWEST_STOP or (stop >= _LOWEST_STOP_WITH_RULE and stop + chances.get(LOSS, 0.0) >= _LOWEST_STOP)


def among_others(chances: dict[str, float], outcome: str) -> dict[str, float]:
    """The probabilities of the other outcomes, if it is not this one."""
    others = {other: chance for other, chance in chances.items() if other != outcome}
    rest = sum(others.values())
    return {other: chance / rest for other, chance in others.items()} if rest else others


def only_offers_stop(matched: RuleMatches, chances: dict[str, float]) -> bool:
    """Whether what looks like an opt-out is somebody else's wish, is about something other than the texts, or is by
    somebody who wants them."""
    seems = STOP in matched.outcomes or chances.get(STOP, 0.0) >= _LOWEST_POSSIBLE_STOP
    return seems and (STOP in matched.possible or STOP in matched.wanted)


def opts_out_beside_red_flag(matched: RuleMatches, chances: dict[str, float], tokens: Sequence[str]) -> bool:
    """Whether a message with a red flag is also an opt-out.

    "He hits me and won't leave me alone" is not: whom fear makes say "stop" must not lose their reminders.
    """
    if STOP not in matched.outcomes or only_offers_stop(matched, chances):
        return False
    return chances.get(STOP, 1.0) >= _LOWEST_STOP_WITH_RULE or any(token.startswith(_OF_TEXTS) for token in tokens)


def without(chances: dict[str, float], outcomes: Collection[str]) -> dict[str, float]:
    """The probabilities of a message that means none of some outcomes; empty if too little is known about it."""
    if not outcomes:
        return chances
    others = {outcome: chance for outcome, chance in chances.items() if outcome not in outcomes}
    total = sum(others.values())
    lowest = _LOWEST_BESIDE_STOP if STOP in outcomes else _LOWEST_BESIDE_WRONG_NUMBER
    return {} if total < lowest else {outcome: chance / total for outcome, chance in others.items()}


def possible(topic: str, matched: RuleMatches, chances: dict[str, float], words: int) -> tuple[str, ...]:
    """The red flags and the opt-out that a message with another topic may also be.

    Who is kept from the texts by somebody else, or wants "this" to stop, may be in danger.
    """
    offers = only_offers_stop(matched, chances)
    flagged = words >= _FEWEST_RED_FLAG_WORDS and _of_red_flags(chances) >= _LOWEST_POSSIBLE_RED_FLAG
    by_rules = {*matched.outcomes, *matched.possible}.intersection(RED_FLAGS)
    in_danger = offers and STOP in matched.possible
    stops = topic != STOP and (offers or STOP in matched.outcomes or chances.get(STOP, 0.0) >= _LOWEST_POSSIBLE_STOP)
    if not (flagged or by_rules or in_danger):
        return (STOP,) * stops
    # Each by itself: without a word of despair or danger, nobody should read of suicide.
    flags = {*by_rules, *(flag for flag in RED_FLAGS if chances.get(flag, 0.0) >= _LOWEST_POSSIBLE_EACH)}
    flags |= {URGENT} if in_danger else set()
    return (*(flag for flag in RED_FLAGS if flag in flags), *(STOP,) * stops)


def probable_red_flag(chances: dict[str, float], words: int) -> str | None:
    """The likelier red flag if either is probable, however likely other outcomes are."""
    if words < _FEWEST_RED_FLAG_WORDS or _of_red_flags(chances) < _LOWEST_RED_FLAG:
        return None
    return _likelier_red_flag(chances)


def _likelier_red_flag(chances: dict[str, float]) -> str:
    return max(RED_FLAGS, key=lambda flag: chances.get(flag, 0.0))


def _of_red_flags(chances: dict[str, float]) -> float:
    return sum(chances.get(flag, 0.0) for flag in RED_FLAGS)
