"""The evaluation that `make bench PART=understanding` prints, and what it must show of the held-out questions."""

from __future__ import annotations

import pytest

from bench.understanding import Question, evaluate, marks, read_questions
from ivr.line.nlu.matcher import MatchResult
from ivr.line.twiml.release import CompiledLine

BIOPSY = Question("en", frozenset({"biopsy"}), frozenset({"next-steps"}), "")
FLAG = Question("en", frozenset({"urgent"}), frozenset(), "")
STOP = Question("en", frozenset({"stop"}), frozenset(), "")
CHAT = Question("en", frozenset({"none"}), frozenset(), "")
MARKS = [
    (BIOPSY, "biopsy", {"right", "right or fair", "harmless"}),
    (BIOPSY, "next-steps", {"right or fair", "harmless"}),
    (BIOPSY, "cancer", {"wrong medical answer", "harmless"}),
    (BIOPSY, "none", {"no answer", "harmless"}),
    (BIOPSY, "scheduling", {"harmless"}),
    (BIOPSY, "urgent", {"false alarm", "wrong medical answer", "harmless"}),
    (FLAG, "urgent", {"right", "right or fair", "red flag"}),
    (FLAG, "person-soon", {"wrong medical answer", "red flag"}),
    (FLAG, "none", {"red flag", "red flag missed", "no answer"}),
    (STOP, "none", {"opt-out", "opt-out missed", "harmless", "no answer"}),
    (CHAT, "stop", {"false opt-out", "harmless"}),
]


@pytest.mark.parametrize(("question", "topic", "expected"), MARKS)
def test_an_answer_gets_the_marks_that_it_deserves(question: Question, topic: str, expected: set[str]) -> None:
    assert set(marks(question, MatchResult(topic, "en", {}))) == expected


@pytest.mark.parametrize(
    ("question", "possible", "expected"),
    [
        (FLAG, "urgent", {"red flag", "red flag beside an answer", "no answer"}),
        (STOP, "stop", {"opt-out", "opt-out offered", "harmless", "no answer"}),
        (CHAT, "urgent", {"right", "right or fair", "harmless", "needless caution"}),
    ],
)
def test_a_red_flag_or_an_opt_out_beside_another_answer_has_a_mark_of_its_own(
    question: Question, possible: str, expected: set[str]
) -> None:
    assert set(marks(question, MatchResult("none", "en", {}, possible=(possible,)))) == expected


def test_a_question_between_two_answers_is_fair_if_either_is_acceptable() -> None:
    result = MatchResult("ambiguous", "en", {}, between=("cancer", "next-steps"))
    assert set(marks(BIOPSY, result)) == {"right or fair", "asks which one", "harmless"}


def test_the_held_out_questions_are_understood(line: CompiledLine) -> None:
    """A floor below what `make bench PART=understanding` measures."""
    totals = evaluate(read_questions("aside.tsv"), line.matcher.match)
    assert totals["right or fair"] / totals["questions"] >= 0.90
    assert totals["red flag missed"] <= 1
    assert totals["false opt-out"] <= 1
