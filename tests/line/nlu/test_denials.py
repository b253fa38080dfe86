"""What a message says that the sender does not have makes a red flag only possible."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, cast

import pytest

from ivr.line.content.keyword_rules import RED_FLAGS, KeywordRule, parse_keyword_rule
from ivr.line.nlu.denials import Denials
from ivr.line.nlu.language import LanguageClassifier
from ivr.line.nlu.matcher import Matcher
from ivr.line.nlu.phrase_index import PhraseIndex
from ivr.line.twiml.release import CompiledLine

if TYPE_CHECKING:
    from ivr.line.nlu.topic_model import TopicModel

RULES = ("denied: no, dont have + a, any, or + lump*, pain", "denied: no + really, nor + chest pain, pus")

WITHOUT = [
    ("no pain", ""),
    ("no chest pain just nerves", "just nerves"),
    ("no lump or any pain only the letter", "only the letter"),
    ("i dont have a lump i have a letter", "i i have a letter"),
    ("no lumps no pain", ""),
    # What several rules list of "no".
    ("no pain or pus", ""),
    ("no lump nor really chest pain", ""),
    ("dont have pus", "dont have pus"),
    # A list.
    ("no pain , lumps , or pus but a rash", "but a rash"),
    ("no pain , lumps or pus", ""),
    ("no pain , a lump", "a lump"),
    ("no pain , lumps , fever or pus", "lumps fever or pus"),
    ("no , chest pain or pus", "no chest pain or pus"),
    # What is between is not denied, and what follows other words neither.
    ("no lump but pain", "but pain"),
    ("no or any", "no or any"),
    ("no idea about the lump", "no idea about the lump"),
    ("a lump and no", "a lump and no"),
    ("dont have", "dont have"),
]


@pytest.mark.parametrize(("words", "rest"), WITHOUT)
def test_the_words_of_a_denial_are_taken_out(words: str, rest: str) -> None:
    denials = Denials(parse_keyword_rule(rule).groups for rule in RULES)
    assert denials.taken_out_of(words.split()) == rest.split()


# Message, and the red flag that it has all the same.
MESSAGES = [
    ("I have no chest pain", None),
    ("no chest pain just nervous", None),
    ("not suicidal just sad", None),
    ("Not bleeding just bruised from the squeeze", None),
    ("no lump just the letter says calcifications", None),
    ("I don't have a lump but they saw calcifications", None),
    ("no tengo dolor en el pecho, es miedo", None),
    ("no tengo bolita ni dolor, solo la carta", None),
    ("no chest pain but I can't breathe", "urgent"),
    ("no pain but I feel a lump", "person-soon"),
    ("a lump but no pain", "person-soon"),
    ("no fever but pus is coming out of the biopsy", "person-soon"),
    ("the bleeding does not stop", "urgent"),
    ("sin dolor pero con un bulto", "person-soon"),
    ("No, no fever, chest pain", "urgent"),
    ("No - chest pain", "urgent"),
    ("I'm not not suicidal", "urgent"),
    ("I hope it's not a heart attack", "urgent"),
    ("I don't go a day without chest pain", "urgent"),
    ("I never had a lump like this before", "person-soon"),
    ("no paso un día sin dolor en el pecho", "urgent"),
    ("no me duele el pecho, me aprieta mucho", "urgent"),
    ("no tengo un bulto, tengo dos", "person-soon"),
    ("no tengo fiebre pero la herida tiene pus", "person-soon"),
    ("no me deja de sangrar", "urgent"),
    ("no pain, lumps, or discharge, just a letter", None),
    ("no tengo dolor, bolitas ni secreciones", None),
    ("No fever. Chest pain or pressure", "urgent"),
    ("no fever, I have chest pain or pressure", "urgent"),
    ("no fever 🆘", "urgent"),
    ("🆘", "urgent"),
    ("don＇t know, chest pain", "urgent"),
    ("ＣＨＥＳＴ ｐａｉｎ", "urgent"),
    ("no tengo un bulto. Sí tengo un bultó", "person-soon"),
]


@pytest.mark.parametrize(("message", "red_flag"), MESSAGES)
def test_what_is_denied_is_no_red_flag_and_what_is_beside_it_is(
    message: str, red_flag: str | None, line: CompiledLine
) -> None:
    topic = line.matcher.match(message).topic
    assert (topic if topic in RED_FLAGS else None) == red_flag


class PainModel:
    """Takes any pain for an emergency, a no for a wish to change the appointment, and everything else for fear."""

    vocabulary: ClassVar[dict[str, dict[str, int]]] = {"en": {}, "es": {}}
    languages = LanguageClassifier(vocabulary)

    def probabilities(self, words: Sequence[str]) -> dict[str, float]:
        if "pain" in words:
            return {"urgent": 0.98, "waiting": 0.02}
        return {"change": 0.99} if list(words) == ["no"] else {"waiting": 0.99, "urgent": 0.01}


@pytest.mark.parametrize(
    ("message", "topic", "caution"),
    [
        ("no chest pain just nervous", "waiting", "caution"),
        ("my chest pain makes me nervous", "urgent", None),
        ("no chest pain", "none", "caution"),
        ("just nervous", "waiting", None),
        ("No. No chest pain.", "none", "caution"),
    ],
)
def test_the_answer_beside_a_denial_begins_with_what_to_do_in_an_emergency(
    message: str, topic: str, caution: str | None, line: CompiledLine
) -> None:
    result = Matcher(line.content, cast("TopicModel", PainModel())).match(message)
    assert (result.topic, result.caution) == (topic, caution)


def test_a_no_that_answers_a_question_denies_nothing(line: CompiledLine) -> None:
    index = PhraseIndex(line.content)
    assert index.without_denials("No, chest pain") is None
    assert index.without_denials("I said no chest pain") == ["i", "said"]


def test_a_denial_beside_an_opt_out_still_opts_out(line: CompiledLine) -> None:
    assert line.matcher.match("I have no lump, please stop texting me").topic == "stop"


@pytest.mark.parametrize("rule", ["denied: no + lump", "denied: no + a + lump but not pain", "denied: no, not"])
def test_a_denial_has_three_groups_of_words(rule: str) -> None:
    with pytest.raises(ValueError, match="three groups"):
        parse_keyword_rule(rule)


def test_a_denial_is_no_rule_that_matches() -> None:
    assert parse_keyword_rule("denied: no + a + lump") == KeywordRule(
        ((("no",),), (("a",),), (("lump",),)), denied=True
    )
