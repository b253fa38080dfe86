"""The calls of tests/conversations, through the simulated phone network and the real web process."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from tests.e2e.running import Call, RunningLine
from tests.support.paths import ROOT

pytestmark = pytest.mark.processes

CALLS: list[dict[str, Any]] = yaml.safe_load((ROOT / "tests" / "conversations" / "calls.yaml").read_text())

STEPS = {
    "press": lambda call, keys: call.presses(*keys),
    "keyed": lambda call, keys: call.presses(keys),
    "say": lambda call, words: call.says(words),
    "silence": lambda call, times: call.says_nothing(times),
    "dial": lambda call, how: call.transfer_ends(how),
    "hears": lambda call, words: call.hears(words),
    "not": lambda call, words: call.does_not_hear(words),
    "rings": lambda call, number: call.is_transferred_to(number),
    "over": lambda call, over: call.is_over() if over else call.is_still_helped(),
}


@pytest.mark.parametrize("conversation", CALLS, ids=[conversation["name"] for conversation in CALLS])
def test_a_call_follows_its_script(
    conversation: dict[str, Any], open_line: RunningLine, closed_line: RunningLine
) -> None:
    line = {"open": open_line, "closed": closed_line}[conversation["line"]]
    call = Call(line, conversation.get("from", "+16035550123"))
    for step in conversation["steps"]:
        for kind, value in step.items():
            STEPS[kind](call, value)
