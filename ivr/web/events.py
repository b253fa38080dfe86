"""What the line counts beside requests: names of events and of their labels, from fixed sets."""

from __future__ import annotations

from ivr.line.content.keyword_rules import RED_FLAGS
from ivr.line.twiml.release import CompiledLine

CALLS = "calls"
UNDERSTANDING = "understanding"
INCOMING_TEXTS = "incoming_texts"
CALL_TASKS = "call_tasks"

_UNCLEAR = {"none": "none", "ambiguous": "ambiguous"}
_BETWEEN_TWO = "which/"


def understanding(line: CompiledLine, outcome: str) -> str:
    """Return what an outcome of free words is: topic, red_flag, request, ambiguous, or none."""
    if outcome in line.subjects:
        return "topic"
    if outcome in RED_FLAGS:
        return "red_flag"
    return "ambiguous" if outcome.startswith(_BETWEEN_TWO) else _UNCLEAR.get(outcome, "request")
