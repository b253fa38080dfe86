"""`infoline doctor --connect` against the phone network of `infoline run`, as one tries it before using Twilio."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from twilio.rest import Client

from ivr.carrier.twilio.transport import Transport
from ivr.doctor.carrier import expected_webhooks
from ivr.local_keys import local_keys
from tests.e2e.running import RunningLine

pytestmark = pytest.mark.processes

ACCOUNT = "AC" + "0" * 32


@pytest.fixture
def number(open_line: RunningLine) -> Iterator[Any]:
    """The line's number in the account, whose webhooks point elsewhere, such as at the line's former address."""
    token = local_keys(open_line.var_dir, save=False)["twilio_auth_token"]
    client = Client(ACCOUNT, token, http_client=Transport(open_line.simulator))
    number = client.incoming_phone_numbers(client.incoming_phone_numbers.list()[0].sid)
    elsewhere = f"{open_line.url}/former"
    number.update(voice_url=elsewhere, voice_method="GET", sms_url=elsewhere, status_callback="")
    yield number
    number.update(**expected_webhooks(open_line.url))


def webhooks(number: Any, line: RunningLine) -> dict[str, str]:
    found = number.fetch()
    return {name: getattr(found, name) for name in expected_webhooks(line.url)}


def test_yes_sets_the_webhooks_and_the_next_call_and_text_reach_the_line(open_line: RunningLine, number: Any) -> None:
    asked = open_line.infoline("doctor", "--connect", stdin="y\n")
    assert (asked.returncode, asked.stderr) == (0, "")
    assert f"voice_url: {open_line.url}/former → {open_line.url}/voice" in asked.stdout
    assert "status_callback: none →" in asked.stdout
    assert "Make these changes at Twilio? [y/N]" in asked.stdout
    assert webhooks(number, open_line) == expected_webhooks(open_line.url)
    open_line.call().presses("1", "1").hears("Calcifications")
    assert open_line.text("1")
    again = open_line.infoline("doctor", "--connect")
    assert (again.returncode, again.stdout) == (0, "All webhooks point here already (1 number).\n")


@pytest.mark.parametrize("answer", ["n\n", "\n", ""], ids=["no", "Enter", "end of input"])
def test_anything_but_yes_changes_nothing(open_line: RunningLine, number: Any, answer: str) -> None:
    before = webhooks(number, open_line)
    asked = open_line.infoline("doctor", "--connect", stdin=answer)
    assert asked.returncode == 1
    assert "Traceback" not in asked.stderr
    assert "Nothing was changed." in asked.stderr or not answer
    assert webhooks(number, open_line) == before


def test_a_fallback_on_another_server_is_set_too(open_line: RunningLine, number: Any) -> None:
    fallback = "http://127.0.0.1:9/fallback.xml"
    set_too = open_line.infoline("doctor", "--connect", "--yes", "--fallback-url", fallback)
    assert (set_too.returncode, set_too.stderr) == (0, "")
    found = number.fetch()
    assert (found.voice_fallback_url, found.voice_fallback_method) == (fallback, "GET")
    number.update(voice_fallback_url="")
