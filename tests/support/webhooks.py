"""Signed webhooks, as Twilio posts them to a line that runs."""

from __future__ import annotations

import urllib.error
import urllib.request
from urllib.parse import urlencode

from twilio.request_validator import RequestValidator

from ivr.line.callflow.states import Key, SendText, State
from ivr.line.twiml.release import CompiledLine
from tests.support.network import TOKEN


def post(base: str, path: str, fields: dict[str, str], token: str = TOKEN) -> tuple[int, str]:
    """Post a form to a line. Returns the status and the body. base: its public URL."""
    signature = RequestValidator(token).compute_signature(base + path, fields)
    request = urllib.request.Request(
        base + path, urlencode(fields).encode(), {"X-Twilio-Signature": signature}, method="POST"
    )
    try:
        with urllib.request.urlopen(request, timeout=20) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def ask_for_a_text(base: str, line: CompiledLine) -> None:
    """Ask in a call for a topic as a text, which makes a job for a worker. base: the line's public URL."""
    state, key = state_that_sends_a_text(line)
    call = {"From": "+16035550123", "To": "+16035550100", "CallSid": "CA" + "1" * 32, "Digits": key}
    assert post(base, f"/voice/{line.digest}/{state.token}", call)[0] == 200


def state_that_sends_a_text(line: CompiledLine) -> tuple[State, str]:
    """A state, and the key that makes the line text a topic to the caller."""
    for state in line.states.values():
        for key in "123":
            turn = line.graph.next_turn(state, Key(key), lambda _fact: False)
            if isinstance(turn.state.node, SendText):
                return state, key
    raise AssertionError("no state sends a text")
