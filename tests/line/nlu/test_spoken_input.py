"""Speech in a call: what it means, where it leads, and the hints for the carrier's speech recognition."""

from __future__ import annotations

import pytest

from ivr.line.callflow.states import (
    HIDDEN,
    UNREACHABLE,
    CallbackOffer,
    Confirmation,
    ConfirmOwnNumber,
    Heard,
    Key,
    Menu,
    Node,
    SpokenAnswer,
    SpokenWords,
    State,
    StopTexts,
    TextConsent,
    TopicEnd,
    TopicPart,
    Transfer,
    Turn,
    Which,
)
from ivr.line.content.loader import read_content
from ivr.line.nlu.matcher import MatchResult
from ivr.line.nlu.spoken_input import SpokenInput
from ivr.line.twiml.release import CompiledLine
from tests.line.content.test_loader import changed

HEARD: list[tuple[str, str, Heard]] = [
    ("yes", "en", SpokenWords("yes")),
    ("Yes, please.", "en", SpokenWords("yes")),
    ("yeah thank you", "en", SpokenWords("yes")),
    ("Sí.", "es", SpokenWords("yes")),
    ("si", "es", SpokenWords("yes")),
    ("no, gracias", "es", SpokenWords("no")),
    ("repeat that", "en", Key("*")),
    ("go back", "en", Key("9")),
    ("skip this", "en", Key("#")),
    ("1.", "en", Key("1")),
    ("one", "en", Key("1")),
    ("dos", "es", Key("2")),
    ("operator", "en", SpokenWords("person")),
    ("talk to a person please", "en", SpokenWords("person")),
    ("in the morning", "en", SpokenWords("morning")),
    ("the breast health center", "en", SpokenWords("breast-health-center")),
    ("oficina de citas", "es", SpokenWords("central-scheduling")),
    ("is it cancer", "en", SpokenWords("cancer")),
    ("I feel a lump and please put me through to the breast health center", "en", SpokenWords("person-soon")),
    ("yes I have chest pain", "en", SpokenWords("urgent")),
    ("stop texting me", "en", SpokenWords("stop")),
    ("stop", "en", SpokenWords("stop-alone")),
    ("Spanish", "en", SpokenWords("es")),
    ("English please", "es", SpokenWords("en")),
    ("okay", "en", SpokenWords("yes")),
    ("next", "en", SpokenWords("yes")),
    ("What?", "en", Key("*")),
    ("press one", "en", Key("1")),
    ("ocho", "en", Key("8")),
    ("text me", "en", SpokenWords("text")),
    ("quiero el mensaje", "es", SpokenWords("text")),
    ("call me back", "en", SpokenWords("call")),
    ("quiero más", "es", SpokenWords("yes")),
    ("zebra umbrella", "en", SpokenWords("none")),
    ("", "en", SpokenWords("menu")),
    ("...", "en", SpokenWords("none")),
]


@pytest.mark.parametrize(("words", "language", "heard"), HEARD, ids=[f"{case[0]!r} {case[1]}" for case in HEARD])
def test_speech_means_a_key_a_directory_entry_or_an_outcome(
    line: CompiledLine, words: str, language: str, heard: Heard
) -> None:
    assert line.spoken_input.interpret(words, language).heard == heard


def test_a_red_flag_and_an_opt_out_in_one_sentence_are_both_understood(line: CompiledLine) -> None:
    meaning = line.spoken_input.interpret("I have chest pain and stop texting me", "en")
    assert meaning.heard == SpokenWords("urgent")
    assert meaning.also_stop


def test_the_hints_include_a_short_phrase_of_every_topic_that_has_one(line: CompiledLine) -> None:
    config = line.content.config
    for language in config.languages:
        hints = line.spoken_input.hints(language).split(", ")
        assert len(hints) == len(set(hints)) <= 80
        assert all(len(hint) <= 100 for hint in hints)
        for topic in config.topics:
            phrases = {phrase for phrase in line.content.prompt(language, topic.id).phrases if len(phrase.split()) <= 3}
            assert not phrases or phrases & set(hints), topic.id


def turn_after(line: CompiledLine, node: Node, outcome: str) -> Turn:
    return line.graph.next_turn(State("en", node), SpokenWords(outcome), lambda fact: fact not in (HIDDEN, UNREACHABLE))


TRANSITIONS: list[tuple[Node, str, Node]] = [
    (Menu("welcome"), "person", Confirmation("transfer", "central-scheduling", Menu("welcome"))),
    (TopicPart("cancer", 1), "person", Confirmation("transfer", "breast-health-center", Menu("calcifications"))),
    (TopicPart("cancer", 1), "yes", TopicPart("cancer", 2)),
    (TopicPart("cancer", 2), "yes", Menu("calcifications")),
    (Menu("welcome"), "results", SpokenAnswer("results")),
    (Menu("welcome"), "change", SpokenAnswer("scheduling")),
    (Menu("welcome"), "help", Menu("welcome")),
    (Menu("people"), "the-visit", TopicPart("the-visit", 0)),
    (Menu("welcome"), "people", Menu("people")),
    (Menu("welcome"), "stop", StopTexts()),
    (Menu("welcome"), "stop-alone", Confirmation("stop", "", Menu("welcome"))),
    (Confirmation("stop", "", Menu("people")), "yes", StopTexts()),
    (Confirmation("stop", "", Menu("people")), "no", Menu("people")),
    (TopicPart("cancer", 0), "text", TextConsent("cancer", TopicEnd("cancer", 0))),
    (CallbackOffer("central-scheduling", "closed"), "call", ConfirmOwnNumber("central-scheduling")),
]


@pytest.mark.parametrize(
    ("node", "outcome", "target"), TRANSITIONS, ids=[f"{case[0]} {case[1]}" for case in TRANSITIONS]
)
def test_each_outcome_leads_to_its_node(line: CompiledLine, node: Node, outcome: str, target: Node) -> None:
    assert turn_after(line, node, outcome).state == State("en", target)


def test_yes_without_a_question_is_a_no_match(line: CompiledLine) -> None:
    turn = turn_after(line, Menu("welcome"), "yes")
    assert turn == Turn(State("en", Menu("welcome"), wrongs=1), "wrong-key")


def test_words_without_an_answer_get_an_honest_answer_from_which_1_leads_to_a_person(line: CompiledLine) -> None:
    turn = turn_after(line, TopicPart("cancer", 0), "none")
    assert turn == Turn(State("en", SpokenAnswer("none"), wrongs=1))
    said = " ".join(words for block in line.speech.blocks(turn) for words in block.paragraphs)
    assert "press 1" in said
    assert line.graph.next_turn(turn.state, Key("1"), lambda _fact: True).state.node == Transfer(
        "breast-health-center", 0
    )


def test_words_without_an_answer_do_not_lead_away_from_a_question(line: CompiledLine) -> None:
    node = CallbackOffer("central-scheduling", "closed")
    assert turn_after(line, node, "none") == Turn(State("en", node, wrongs=1), "use-keys")


def test_two_consecutive_no_matches_turn_speech_off_until_a_valid_key(line: CompiledLine) -> None:
    def accepts_speech(turn: Turn) -> bool:
        return b"speech" in line.document(turn)

    turn = line.graph.start()
    for preface, accepts in ((None, True), ("use-keys", False)):
        turn = line.graph.next_turn(turn.state, SpokenWords("none"), lambda _fact: True)
        assert (turn.preface, accepts_speech(turn)) == (preface, accepts)
        assert turn.state.node == SpokenAnswer("none")
    assert accepts_speech(line.graph.next_turn(turn.state, Key("9"), lambda _fact: True))


def test_between_two_topics_the_caller_is_asked_which_one_and_keys_choose(line: CompiledLine) -> None:
    turn = turn_after(line, Menu("welcome"), "which/cancer/next-steps")
    assert turn.state.node == Which("cancer", "next-steps")
    said = " ".join(words for block in line.speech.blocks(turn) for words in block.paragraphs)
    assert "Is it cancer, press 1." in said
    for key, topic in (("1", "cancer"), ("2", "next-steps")):
        chosen = line.graph.next_turn(turn.state, Key(key), lambda _fact: True)
        assert chosen.state.node == TopicPart(topic, 0)
    assert line.graph.next_turn(turn.state, Key("0"), lambda _fact: True).state.node == Transfer(
        "breast-health-center", 0
    )
    assert line.graph.next_turn(turn.state, Key("9"), lambda _fact: True).state.node == Menu("welcome")


@pytest.mark.parametrize(
    ("between", "outcome"),
    [
        (("next-steps", "cancer"), "which/cancer/next-steps"),
        (("biopsy", "next-steps"), "biopsy"),
        (("next-steps", "biopsy"), "next-steps"),
        (("next-steps", "cancer", "biopsy"), "which/cancer/next-steps"),
        (("biopsy", "cancer", "next-steps"), "biopsy"),
    ],
)
def test_only_between_two_topics_a_call_asks_and_else_the_likelier_answer_plays(
    line: CompiledLine, between: tuple[str, ...], outcome: str
) -> None:
    result = MatchResult("ambiguous", "en", {}, between=between)
    meaning = SpokenInput(line.content, lambda _words, _language: result).interpret("well now", "en")
    assert meaning.heard == SpokenWords(outcome)


def test_a_call_does_not_ask_between_two_answers_that_are_unlikely_without_the_third(line: CompiledLine) -> None:
    scores = {"cancer": 20.0, "next-steps": 15.0, "biopsy": 11.0}
    result = MatchResult("ambiguous", "en", scores, between=("cancer", "next-steps", "biopsy"))
    meaning = SpokenInput(line.content, lambda _words, _language: result).interpret("well now", "en")
    assert meaning.heard == SpokenWords("none")


def test_speech_can_be_turned_off_in_line_yaml() -> None:
    keys_only = CompiledLine(read_content(changed("line.yaml", "speech: true", "speech: false")))
    assert not any(b"speech" in document for document in keys_only.documents.values())
    said = " ".join(words for block in keys_only.speech.blocks(keys_only.graph.start()) for words in block.paragraphs)
    assert "ask me" not in said
