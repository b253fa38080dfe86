"""Two `infoline web` of one machine, as `infoline.target` starts them, share the limits against abuse."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.web.server.test_process import Web

pytestmark = pytest.mark.processes
CALLERS = [f"+160355501{number:02d}" for number in range(1, 21)]


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[list[Web]]:
    limits = {"CALLS_AT_ONCE": 9, "CALLS_PER_NUMBER": 3, "ANSWERED_TEXTS_PER_HOUR": 5, "ANSWERED_TEXTS_PER_NUMBER": 4}
    # The texts are to be understood.
    pair = [Web(tmp_path, START_UNTRAINED=0, **limits) for _ in range(2)]
    yield [web.wait() for web in pair]
    for web in pair:
        web.kill()


def test_two_web_processes_of_a_machine_share_each_limit(pair: list[Web]) -> None:
    def calls(number: int, caller: str) -> bool:
        return "<Reject" not in pair[number % 2].answer("/voice", CallSid=f"CA{number:032d}", From=caller)

    # Three of one number in an hour, then nine at once in all.
    assert [calls(number, CALLERS[0]) for number in range(4)] == [True, True, True, False]
    assert [calls(number, CALLERS[number]) for number in range(4, 12)] == [True] * 6 + [False] * 2

    def texts(number: int, sender: str) -> bool:
        text = {"MessageSid": f"SM{number:032d}", "From": sender, "Body": "6"}
        return "<Message" in pair[number % 2].answer("/sms", **text)

    assert [texts(number, CALLERS[number]) for number in range(7)] == [True] * 5 + [False] * 2
    assert not any("limits_not_shared" in web.events() for web in pair)
