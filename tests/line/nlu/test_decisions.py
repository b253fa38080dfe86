"""What the matcher makes of probabilities: an answer, a question between two, a caution, or an honest no."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, cast

import pytest

from ivr.line.nlu.language import LanguageClassifier
from ivr.line.nlu.matcher import Matcher, MatchResult
from ivr.line.nlu.replies import with_caution
from ivr.line.twiml.release import CompiledLine

if TYPE_CHECKING:
    from ivr.line.nlu.topic_model import TopicModel


class FixedModel:
    """Gives every message the same probabilities."""

    vocabulary: ClassVar[dict[str, dict[str, int]]] = {"en": {}, "es": {}}
    languages = LanguageClassifier(vocabulary)

    def __init__(self, **chances: float) -> None:
        named = {name.replace("_", "-"): chance for name, chance in chances.items()}
        self._chances = dict(sorted(named.items(), key=lambda item: -item[1]))

    def probabilities(self, _words: Sequence[str]) -> dict[str, float]:
        return self._chances


DECISIONS = [
    ({"cancer": 0.96, "next_steps": 0.03}, "cancer", None),
    ({"cancer": 0.94, "next_steps": 0.05}, "ambiguous", ("cancer", "next-steps")),
    ({"cancer": 0.7, "next_steps": 0.2}, "ambiguous", ("cancer", "next-steps")),
    ({"cancer": 0.55, "next_steps": 0.1}, "ambiguous", ("cancer", "next-steps")),
    ({"scheduling": 0.45, "cancer": 0.3}, "ambiguous", ("scheduling", "cancer")),
    ({"scheduling": 0.45, "cancer": 0.14}, "scheduling", None),
    ({"scheduling": 0.6, "cancer": 0.3}, "scheduling", None),
    ({"cancer": 0.4, "next_steps": 0.35}, "ambiguous", ("cancer", "next-steps")),
    ({"next_steps": 0.4, "biopsy": 0.35}, "ambiguous", ("next-steps", "biopsy")),
    # A third answer is offered too, unless it is too improbable. An outcome without a number or a word is not.
    ({"next_steps": 0.4, "biopsy": 0.35, "six_months": 0.1}, "ambiguous", ("next-steps", "biopsy", "six-months")),
    ({"next_steps": 0.4, "biopsy": 0.35, "six_months": 0.01}, "ambiguous", ("next-steps", "biopsy")),
    (
        {"next_steps": 0.4, "none": 0.28, "biopsy": 0.2, "dense": 0.1},
        "ambiguous",
        ("next-steps", "biopsy", "dense", "or none"),
    ),
    ({"cancer": 0.2, "next_steps": 0.15, "biopsy": 0.11}, "ambiguous", ("cancer", "next-steps", "biopsy")),
    ({"cancer": 0.28, "results": 0.28}, "ambiguous", ("cancer", "results")),
    ({"none": 0.29, "cancer": 0.28, "next_steps": 0.27}, "ambiguous", ("cancer", "next-steps", "or none")),
    # Unless it is certain that there is no answer, what may help is offered.
    ({"none": 0.7, "scheduling": 0.2, "cancer": 0.1}, "ambiguous", ("scheduling", "cancer", "or none")),
    ({"none": 0.76, "scheduling": 0.2, "cancer": 0.04}, "ambiguous", ("scheduling", "or none")),
    (
        {"none": 0.7, "scheduling": 0.14, "cancer": 0.1, "biopsy": 0.06},
        "ambiguous",
        ("scheduling", "cancer", "biopsy", "or none"),
    ),
    ({"none": 0.96, "cancer": 0.04}, "none", None),
    # An answer about something practical misinforms nobody, but what is likelier is offered first.
    ({"waiting": 0.5, "scheduling": 0.4}, "ambiguous", ("waiting", "scheduling")),
    ({"people": 0.4, "cancer": 0.1}, "people", None),
    # Thanks and condolences must be meant.
    ({"thanks": 0.75, "cancer": 0.2}, "thanks", None),
    ({"thanks": 0.5, "cancer": 0.4}, "ambiguous", ("cancer", "or none")),
    ({"loss": 0.6, "family": 0.3}, "ambiguous", ("family", "or none")),
    ({"stop": 0.48, "loss": 0.35, "family": 0.13}, "loss", None),
    ({"stop": 0.49, "loss": 0.48}, "stop", None),
    # Who hears that the appointment is noted, and meant something else, may miss it.
    ({"confirm": 0.7, "waiting": 0.28}, "ambiguous", ("waiting", "or none")),
    ({"confirm": 0.8, "waiting": 0.2}, "confirm", None),
    # What is done without being seen needs more, and never comes second.
    ({"cancer": 0.6, "wrong_number": 0.35}, "ambiguous", ("cancer", "or none")),
    ({"wrong_number": 0.45, "none": 0.4}, "none", None),
    ({"wrong_number": 0.6, "none": 0.4}, "wrong-number", None),
    ({"stop": 0.7, "start": 0.3}, "none", None),
    ({"start": 0.55, "none": 0.4}, "start", None),
    ({"cancer": 0.4, "none": 0.29, "stop": 0.2}, "ambiguous", ("cancer", "or none")),
    ({"cancer": 0.2, "next_steps": 0.2}, "ambiguous", ("cancer", "next-steps", "or none")),
    ({"urgent": 0.31, "the_visit": 0.69}, "urgent", None),
    ({"urgent": 0.15, "person_soon": 0.16, "the_visit": 0.69}, "person-soon", None),
    ({"urgent": 0.14, "the_visit": 0.86}, "the-visit", None),
    ({"stop": 0.85, "scheduling": 0.15}, "ambiguous", ("scheduling", "or none")),
    ({"stop": 0.97, "none": 0.03}, "stop", None),
    ({}, "none", None),
]


@pytest.mark.parametrize(("chances", "outcome", "between"), DECISIONS)
def test_probabilities_decide_between_an_answer_a_question_and_an_honest_no(
    line: CompiledLine, chances: dict[str, float], outcome: str, between: tuple[str, ...] | None
) -> None:
    result = Matcher(line.content, cast("TopicModel", FixedModel(**chances))).match("some words here")
    offered = (*result.between, *["or none"] * result.or_none) if result.between else None
    assert (result.topic, offered) == (outcome, between)


@pytest.mark.parametrize(
    ("chances", "words", "topic", "possible"),
    [
        ({"the_visit": 0.96, "urgent": 0.02}, "some words here", "the-visit", ("urgent",)),
        ({"the_visit": 0.97, "urgent": 0.01}, "some words here", "the-visit", ()),
        (
            {"vascular": 0.99, "urgent": 0.002, "person_soon": 0.0},
            "her chest is hurting a lot she says",
            "vascular",
            ("urgent",),
        ),
        # A single word that no file lists is too little.
        ({"none": 0.8, "urgent": 0.2}, "boop", "none", ()),
        ({"vascular": 0.95, "urgent": 0.03, "person_soon": 0.0}, "her chest is hurting a lot she says", "urgent", ()),
        # A rule of an emergency loses to a symptom that is all but certain, whose answer names emergencies too.
        ({"person_soon": 0.95, "urgent": 0.03}, "her chest is hurting a lot she says", "person-soon", ()),
        ({"person_soon": 0.85, "urgent": 0.03}, "her chest is hurting a lot she says", "urgent", ()),
        # Somebody else's wish does not opt out, whatever the rules and the model say.
        ({"stop": 0.98, "help": 0.02}, "my husband says stop texting me", "none", ("urgent", "stop")),
        ({"stop": 0.7, "help": 0.3}, "my husband says stop texting me", "help", ("urgent", "stop")),
        ({"stop": 0.7, "start": 0.3}, "my husband says stop texting me", "none", ("urgent", "stop")),
        ({"the_visit": 0.99, "stop": 0.01}, "my husband says no deodorant", "the-visit", ()),
        ({"start": 0.99, "stop": 0.01}, "i accidentally unsubscribed", "start", ("stop",)),
        # Nobody is opted in against a rule of an opt-out.
        ({"start": 0.67, "stop": 0.31}, "no los necesito, paren los recordatorios", "none", ("stop",)),
        # Nor does somebody who wants the texts; who asks for other hours is in no danger.
        ({"stop": 0.98, "help": 0.02}, "do not take me off the list", "none", ("stop",)),
        ({"stop": 0.7, "help": 0.3}, "please stop sending at night", "help", ("stop",)),
        ({"stop": 0.98, "people": 0.02}, "stop the phone calls, text is better", "none", ("stop",)),
        ({"stop": 0.98, "results": 0.02}, "sáquenme de esta duda", "none", ("stop",)),
        ({"stop": 0.98, "help": 0.02}, "no quiero mensajes de noche", "none", ("stop",)),
        # Of the two red flags, only what is possible: nobody should read of suicide because of a symptom.
        ({"cancer": 0.96, "person_soon": 0.03, "urgent": 0.001}, "some words here", "cancer", ("person-soon",)),
        ({"cancer": 0.96, "person_soon": 0.02, "urgent": 0.01}, "some words here", "cancer", ("urgent", "person-soon")),
        # How probable an opt-out is says nothing about the pain beside it.
        ({"stop": 0.95, "urgent": 0.02, "help": 0.03}, "chest pain, stop texting me", "urgent", ()),
        ({"waiting": 0.97, "urgent": 0.001}, "alone", "waiting", ("urgent",)),
        ({"help": 0.6, "urgent": 0.3}, "help me", "help", ("urgent",)),
        ({"what_they_are": 0.96, "person_soon": 0.04}, "i have a lump", "what-they-are", ("person-soon",)),
        ({"scheduling": 0.7, "stop": 0.3}, "some words here", "scheduling", ("stop",)),
        ({"none": 0.5, "stop": 0.4, "urgent": 0.1}, "some words here", "none", ("urgent", "stop")),
        ({"start": 0.8, "stop": 0.2}, "never stop the texts please stop texting", "start", ("stop",)),
    ],
)
def test_what_is_only_possible_is_answered_beside_the_topic(
    line: CompiledLine, chances: dict[str, float], words: str, topic: str, possible: tuple[str, ...]
) -> None:
    result = Matcher(line.content, cast("TopicModel", FixedModel(**chances))).match(words)
    assert (result.topic, result.possible) == (topic, possible)


def test_an_answer_begins_with_what_to_do_in_an_emergency_or_ends_with_how_to_stop_the_texts(
    line: CompiledLine,
) -> None:
    urgent = with_caution(line.content, MatchResult("the-visit", "en", {}, possible=("urgent",)), "The answer.")
    stop = with_caution(line.content, MatchResult("the-visit", "en", {}, possible=("stop",)), "The answer.")
    assert "\n".join(urgent).startswith("In an emergency, call 911")
    assert "\n".join(urgent).endswith("The answer.")
    assert stop == ["The answer.\nTo get no more texts from this number, reply STOP."]
    both = with_caution(line.content, MatchResult("none", "en", {}, possible=("urgent", "stop")), "The answer.")
    assert "\n".join(both).startswith("In an emergency, call 911")
    assert "\n".join(both).endswith("The answer.\nTo get no more texts from this number, reply STOP.")
    assert with_caution(line.content, MatchResult("the-visit", "en", {}), "The answer.") == ["The answer."]
    symptom = with_caution(line.content, MatchResult("cancer", "en", {}, possible=("person-soon",)), "The answer.")
    assert "988" not in symptom[0]
    assert "988" in urgent[0]
    says_how = MatchResult("loss", "en", {}, possible=("stop",))
    assert with_caution(line.content, says_how, "We are sorry. Reply STOP.") == ["We are sorry. Reply STOP."]
