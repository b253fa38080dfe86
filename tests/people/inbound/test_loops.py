"""Loop protection for machines that answer every text."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ivr.people.inbound.incoming import AnsweredText
from ivr.people.inbound.loops import LoopLimits, loop_verdict
from tests.support.clinic import NOW

LIMITS = LoopLimits()


def verdicts(outcome: str, seconds: range, body: str = "same", limits: LoopLimits = LIMITS) -> list[str]:
    """Answer texts at these seconds, and return the verdict on each."""
    recent: list[AnsweredText] = []
    given = []
    for second in seconds:
        now = NOW + timedelta(seconds=second)
        verdict = loop_verdict(recent, body, outcome, now, limits)
        replies = () if verdict == "silence" else ("reply",)
        recent.insert(0, AnsweredText(str(second), "hash", now, body, outcome, replies))
        given.append(verdict)
    return given


@pytest.mark.parametrize("outcome", ["urgent", "person-soon"])
def test_a_machine_that_sends_a_red_flag_gets_three_answers_and_then_one_an_hour(outcome: str) -> None:
    assert verdicts(outcome, range(300)) == ["answer"] * 3 + ["silence"] * 297
    answered = [index for index, verdict in enumerate(verdicts(outcome, range(0, 4 * 3600, 60))) if verdict == "answer"]
    assert answered == [0, 1, 2, 62, 122, 182]


def test_a_person_who_sends_a_red_flag_now_and_then_is_always_answered() -> None:
    assert set(verdicts("urgent", range(0, 20 * 3600, 1300))) == {"answer"}


def test_another_kind_of_red_flag_is_answered_during_the_silence_of_the_first() -> None:
    recent = [
        AnsweredText(str(number), "hash", NOW, "same", "person-soon", ("reply",) if number > 6 else ())
        for number in range(10)
    ]
    assert loop_verdict(recent, "same", "person-soon", NOW, LIMITS) == "silence"
    assert loop_verdict(recent, "same", "urgent", NOW, LIMITS) == "answer"


def test_an_opt_out_is_never_silenced() -> None:
    assert set(verdicts("stop", range(100))) == {"answer"}


@pytest.mark.parametrize(
    ("limits", "outcome", "gap", "answered"),
    [
        (LoopLimits(all=3, idle=60), "none", 1, 2),
        (LoopLimits(all=60, idle=2), "none", 1, 1),
        (LoopLimits(all=60, idle=2), "none", 601, 20),
        (LoopLimits(all=60, idle=60), "none", 1, 20),
    ],
)
def test_both_limits_can_be_set(limits: LoopLimits, outcome: str, gap: int, answered: int) -> None:
    assert verdicts(outcome, range(0, 20 * gap, gap), limits=limits).count("answer") == answered
