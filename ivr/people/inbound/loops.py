"""Loop protection: when the line stops answering what may be another machine, and for how long. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from ivr.line.content.keyword_rules import RED_FLAGS
from ivr.people.inbound.incoming import AnsweredText

# The outcome of the last text that gets an answer before a silence.
SILENCED = "silenced"
SILENCE = timedelta(hours=1)
IDLE_PERIOD, PERIOD = timedelta(minutes=10), timedelta(hours=1)
# Red flags are answered this often within the hour, and then once an hour: an automatic reply may contain one.
MAX_RED_FLAGS, RED_FLAG_PERIOD = 3, timedelta(hours=1)
NO_MATCH = "none"
# Two machines can thank each other for as long as they may.
_SAYING_NOTHING = frozenset((NO_MATCH, "thanks"))
# The urgent answer gives words to text elsewhere, such as AYUDA. Sent to this line by mistake, they must not lead away.
URGENT, LEADING_AWAY, URGENT_PERIOD = "urgent", frozenset({"help", "start", "menu"}), timedelta(hours=1)
LoopVerdict = Literal["answer", "last", "silence"]


@dataclass(frozen=True)
class LoopLimits:
    """The most answers to one sender. all: in PERIOD. idle: in IDLE_PERIOD, to texts that match nothing or repeat one.

    The last one says that the line will be silent.
    """

    all: int = 30
    idle: int = 5


def loop_verdict(
    recent: Sequence[AnsweredText], body_hash: str, outcome: str, now: datetime, limits: LoopLimits
) -> LoopVerdict:
    """Decide whether to answer a text, to reply that the line will be silent (`last`), or to stay silent.

    recent: this number's earlier texts, newest first. body_hash: the keyed hash of the normalized text. An opt-out is
    always answered: a second one changes nothing and has no reply.
    """
    if outcome == "stop":
        return "answer"
    if outcome in RED_FLAGS:
        same = [text for text in recent if text.outcome == outcome and text.at > now - RED_FLAG_PERIOD]
        return "answer" if len(same) < MAX_RED_FLAGS or not any(text.replies for text in same) else "silence"
    if any(text.outcome == SILENCED and text.replies and text.at > now - SILENCE for text in recent):
        return "silence"
    if sum(bool(text.replies) and text.at > now - PERIOD for text in recent) + 1 >= limits.all:
        return "last"
    if _is_idle(outcome, body_hash, recent):
        idle = sum(
            bool(text.replies)
            and text.at > now - IDLE_PERIOD
            and _is_idle(text.outcome, text.body_hash, recent[index + 1 :])
            for index, text in enumerate(recent)
        )
        if idle + 1 >= limits.idle:
            return "last"
    return "answer"


def repeats_urgent(recent: Sequence[AnsweredText], outcome: str, now: datetime) -> bool:
    """Return whether a text that came right after an emergency gets the urgent answer again. recent: newest first."""
    last = recent[0] if recent else None
    return outcome in LEADING_AWAY and last is not None and last.outcome == URGENT and last.at > now - URGENT_PERIOD


def _is_idle(outcome: str, body_hash: str, earlier: Sequence[AnsweredText]) -> bool:
    return outcome in _SAYING_NOTHING or any(text.body_hash == body_hash for text in earlier)
