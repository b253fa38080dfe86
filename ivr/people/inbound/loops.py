"""Two machines that answer each other: when the line falls silent, and for how long. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal

from ivr.people.inbound.incoming import AnsweredText

SILENCED = "silenced"
SILENCE = timedelta(hours=1)
# So many answers to texts that matched nothing, or repeated an earlier one, in so long.
IDLE_ANSWERS, IDLE_SPAN = 5, timedelta(minutes=10)
ANSWERS, SPAN = 30, timedelta(hours=1)
NOTHING = "none"
LoopVerdict = Literal["answer", "last", "silence"]


def loop_verdict(past: Sequence[AnsweredText], asked: str, outcome: str, now: datetime) -> LoopVerdict:
    """Whether to answer a text, to answer it for the last time (and say so), or to stay silent.

    past: what the number texted before, newest first. asked: the keyed hash of the words. outcome: what they mean.
    """
    if any(one.outcome == SILENCED and one.replies and one.at > now - SILENCE for one in past):
        return "silence"
    if len(_answered(past, now - SPAN)) + 1 >= ANSWERS:
        return "last"
    if _is_idle(outcome, asked, past):
        idle = [
            one
            for at, one in enumerate(past)
            if one.replies and one.at > now - IDLE_SPAN and _is_idle(one.outcome, one.asked, past[at + 1 :])
        ]
        if len(idle) + 1 >= IDLE_ANSWERS:
            return "last"
    return "answer"


def _answered(past: Sequence[AnsweredText], since: datetime) -> list[AnsweredText]:
    return [one for one in past if one.replies and one.at > since]


def _is_idle(outcome: str, asked: str, before: Sequence[AnsweredText]) -> bool:
    return outcome == NOTHING or any(one.asked == asked for one in before)
