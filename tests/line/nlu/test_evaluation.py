"""The evaluation that `make bench PART=understanding` prints, and what it must show of the held-out questions."""

from __future__ import annotations

import pytest

from bench.understanding import PRINTED, SIZES, Question, evaluate, marks, read_questions, share_of
from ivr.line.nlu.matcher import MatchResult
from ivr.line.twiml.release import CompiledLine

BIOPSY = Question("en", frozenset({"biopsy"}), frozenset({"next-steps"}), "")
FLAG = Question("en", frozenset({"urgent"}), frozenset(), "")
STOP = Question("en", frozenset({"stop"}), frozenset(), "")
CHAT = Question("en", frozenset({"none"}), frozenset(), "")
MARKS = [
    (BIOPSY, "biopsy", {"right", "right or fair", "harmless", "not an opt-out"}),
    (BIOPSY, "next-steps", {"right or fair", "harmless", "not an opt-out"}),
    (BIOPSY, "cancer", {"wrong medical answer", "harmless", "not an opt-out"}),
    (BIOPSY, "none", {"no answer", "harmless", "not an opt-out"}),
    (BIOPSY, "scheduling", {"wrong, not medical", "harmless", "not an opt-out"}),
    (BIOPSY, "urgent", {"false alarm", "wrong medical answer", "harmless", "not an opt-out"}),
    (FLAG, "urgent", {"right", "right or fair", "red flag", "not an opt-out"}),
    (FLAG, "person-soon", {"wrong medical answer", "red flag", "not an opt-out"}),
    (FLAG, "none", {"red flag", "red flag missed", "no answer", "not an opt-out"}),
    (STOP, "none", {"opt-out", "opt-out missed", "harmless", "no answer"}),
    (CHAT, "stop", {"wrong, not medical", "false opt-out", "harmless", "not an opt-out"}),
]


@pytest.mark.parametrize(("question", "topic", "expected"), MARKS)
def test_an_answer_gets_the_marks_that_it_deserves(question: Question, topic: str, expected: set[str]) -> None:
    assert set(marks(question, MatchResult(topic, "en", {}))) == expected


@pytest.mark.parametrize(
    ("question", "possible", "expected"),
    [
        (FLAG, "urgent", {"red flag", "red flag beside an answer", "no answer", "not an opt-out"}),
        (STOP, "stop", {"opt-out", "opt-out offered", "harmless", "no answer"}),
        (CHAT, "urgent", {"right", "right or fair", "harmless", "needless caution", "not an opt-out"}),
    ],
)
def test_a_red_flag_or_an_opt_out_beside_another_answer_has_a_mark_of_its_own(
    question: Question, possible: str, expected: set[str]
) -> None:
    assert set(marks(question, MatchResult("none", "en", {}, possible=(possible,)))) == expected


def test_a_question_between_two_answers_is_fair_if_either_is_acceptable() -> None:
    result = MatchResult("ambiguous", "en", {}, between=("cancer", "next-steps"))
    assert set(marks(BIOPSY, result)) == {"right or fair", "asks which one", "harmless", "not an opt-out"}


def test_a_share_is_of_the_messages_that_a_mark_can_apply_to() -> None:
    questions = [FLAG, FLAG, STOP, CHAT, CHAT, CHAT, CHAT, CHAT]
    totals = evaluate(questions, lambda _words: MatchResult("person-soon", "en", {}))
    assert share_of(totals, "false alarm") == 100.0
    assert share_of(totals, "red flag missed") == 0.0
    assert share_of(totals, "wrong medical answer") == 100.0
    assert (
        share_of(evaluate([FLAG, CHAT, CHAT], lambda _words: MatchResult("stop", "en", {})), "false opt-out") == 100.0
    )
    assert share_of(evaluate([CHAT], lambda _words: MatchResult("none", "en", {})), "opt-out missed") is None


def test_every_mark_is_printed() -> None:
    results = [
        MatchResult(topic, "es", {}, possible=("urgent",)) for topic in ("stop", "start", "wrong-number", "none")
    ]
    found = {mark for question in (BIOPSY, FLAG, STOP, CHAT) for result in results for mark in marks(question, result)}
    assert found <= {*PRINTED, *SIZES}
    assert {"false opt-in", "false wrong number", "other language", "needless caution"} <= found


def test_the_held_out_questions_are_understood(line: CompiledLine) -> None:
    """A floor below what `make bench PART=understanding` measures."""
    totals = evaluate(read_questions("aside.tsv"), line.matcher.match)
    assert totals["right or fair"] / totals["questions"] >= 0.90
    assert totals["red flag missed"] <= 1
    assert totals["false opt-out"] <= 1
