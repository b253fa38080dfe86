"""What the outcome of free words counts as."""

from __future__ import annotations

import pytest

from ivr.line.callflow.graph import pair_outcome
from ivr.line.nlu.matcher import AMBIGUOUS, NONE
from ivr.line.twiml.release import CompiledLine
from ivr.web.events import understanding

OUTCOMES = [
    ("cancer", "topic"),
    ("biopsy", "topic"),
    ("urgent", "red_flag"),
    ("person-soon", "red_flag"),
    (NONE, "none"),
    (AMBIGUOUS, "ambiguous"),
    (pair_outcome("cancer", "next-steps"), "ambiguous"),
    ("stop", "request"),
    ("scheduling", "request"),
    ("confirmed", "request"),
]


@pytest.mark.parametrize(("outcome", "result"), OUTCOMES)
def test_an_outcome_is_counted_by_its_kind(line: CompiledLine, outcome: str, result: str) -> None:
    assert understanding(line, outcome) == result
