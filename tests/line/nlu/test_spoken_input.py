"""Spoken words: what a caller means by them, and what the carrier's ear is told to listen for."""

from __future__ import annotations

import pytest

from ivr.line.callflow.states import (
    HIDDEN,
    Answer,
    Check,
    Consent,
    Ending,
    Heard,
    Key,
    Menu,
    Offer,
    OwnNumber,
    Piece,
    State,
    StopTexts,
    Turn,
    Words,
)
from ivr.line.content.loader import read_content
from ivr.line.twiml.release import Line
from tests.line.content.test_loader import changed

HEARD: list[tuple[str, str, Heard]] = [
    ("yes", "en", Words("yes")),
    ("Yes, please.", "en", Words("yes")),
    ("yeah thank you", "en", Words("yes")),
    ("Sí.", "es", Words("yes")),
    ("si", "es", Words("yes")),
    ("no, gracias", "es", Words("no")),
    ("repeat that", "en", Key("*")),
    ("go back", "en", Key("9")),
    ("skip this", "en", Key("#")),
    ("1.", "en", Key("1")),
    ("one", "en", Key("1")),
    ("dos", "es", Key("2")),
    ("operator", "en", Words("person")),
    ("talk to a person please", "en", Words("person")),
    ("in the morning", "en", Words("morning")),
    ("the breast health center", "en", Words("breast-health-center")),
    ("oficina de citas", "es", Words("central-scheduling")),
    ("is it cancer", "en", Words("cancer")),
    ("I feel a lump and please put me through to the breast health center", "en", Words("person-soon")),
    ("yes I have chest pain", "en", Words("urgent")),
    ("stop texting me", "en", Words("stop")),
    ("stop", "en", Words("stop-alone")),
    ("Spanish", "en", Words("es")),
    ("English please", "es", Words("en")),
    ("okay", "en", Words("yes")),
    ("next", "en", Words("yes")),
    ("What?", "en", Key("*")),
    ("press one", "en", Key("1")),
    ("ocho", "en", Key("8")),
    ("text me", "en", Words("text")),
    ("quiero el mensaje", "es", Words("text")),
    ("call me back", "en", Words("call")),
    ("quiero más", "es", Words("yes")),
    ("zebra umbrella", "en", Words("none")),
    ("", "en", Words("menu")),
    ("...", "en", Words("none")),
]


@pytest.mark.parametrize(("words", "language", "heard"), HEARD, ids=[f"{case[0]!r} {case[1]}" for case in HEARD])
def test_words_mean_a_key_somebody_or_what_they_ask_for(line: Line, words: str, language: str, heard: Heard) -> None:
    assert line.hearing.meant(words, language).heard == heard


def test_a_red_flag_with_a_wish_to_stop_keeps_both(line: Line) -> None:
    meant = line.hearing.meant("I have chest pain and stop texting me", "en")
    assert meant.heard == Words("urgent")
    assert meant.also_stop


def test_the_hints_hold_short_phrases_of_every_topic_that_has_some(line: Line) -> None:
    config = line.content.config
    for language in config.languages:
        hints = line.hearing.hints(language).split(", ")
        assert len(hints) == len(set(hints)) <= 80
        assert all(len(hint) <= 100 for hint in hints)
        for topic in config.topics:
            phrases = {phrase for phrase in line.content.prompt(language, topic.id).phrases if len(phrase.split()) <= 3}
            assert not phrases or phrases & set(hints), topic.id


def asked(line: Line, place, meant: str) -> Turn:
    return line.graph.step(State("en", place), Words(meant), lambda fact: fact != HIDDEN)


LEADS = [
    (Menu("welcome"), "person", Check("transfer", "central-scheduling", Menu("welcome"))),
    (Piece("cancer", 1), "person", Check("transfer", "breast-health-center", Menu("calcifications"))),
    (Piece("cancer", 1), "yes", Piece("cancer", 2)),
    (Piece("cancer", 2), "yes", Menu("calcifications")),
    (Menu("welcome"), "results", Answer("results")),
    (Menu("welcome"), "change", Answer("scheduling")),
    (Menu("welcome"), "help", Menu("welcome")),
    (Menu("people"), "the-visit", Piece("the-visit", 0)),
    (Menu("welcome"), "people", Menu("people")),
    (Menu("welcome"), "stop", StopTexts()),
    (Menu("welcome"), "stop-alone", Check("stop", "", Menu("welcome"))),
    (Check("stop", "", Menu("people")), "yes", StopTexts()),
    (Check("stop", "", Menu("people")), "no", Menu("people")),
    (Piece("cancer", 0), "text", Consent("cancer", Ending("cancer", 0))),
    (Offer("central-scheduling", "closed"), "call", OwnNumber("central-scheduling")),
]


@pytest.mark.parametrize(("place", "meant", "leads"), LEADS, ids=[f"{case[0]} {case[1]}" for case in LEADS])
def test_words_lead_where_they_should_from_anywhere(line: Line, place, meant: str, leads) -> None:
    assert asked(line, place, meant).state == State("en", leads)


def test_yes_where_nothing_was_asked_is_not_understood(line: Line) -> None:
    turn = asked(line, Menu("welcome"), "yes")
    assert turn == Turn(State("en", Menu("welcome"), wrongs=1), "none")


def test_after_two_misses_keys_alone_are_listened_for_until_something_is_understood(line: Line) -> None:
    def listens(turn: Turn) -> bool:
        return b"speech" in line.document(turn)

    turn = line.graph.start()
    for preface, still in (("none", True), ("use-keys", False)):
        turn = line.graph.step(turn.state, Words("none"), lambda _fact: True)
        assert (turn.preface, listens(turn)) == (preface, still)
    assert listens(line.graph.step(turn.state, Key("1"), lambda _fact: True))


def test_speech_can_be_turned_off() -> None:
    silent = Line(read_content(changed("line.yaml", "speech: true", "speech: false")))
    assert not any(b"speech" in document for document in silent.documents.values())
    said = " ".join(words for block in silent.speech.blocks(silent.graph.start()) for words in block.paragraphs)
    assert "ask me" not in said
