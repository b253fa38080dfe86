"""What the checks of the words find."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ivr.doctor.result import Level, Line
from ivr.doctor.words import check_directory
from ivr.line.content.loader import Content
from ivr.settings import Settings
from tests.support.twilio_account import SERVICE_SID, FakeAccount, fake_account


@pytest.fixture
def account() -> Iterator[FakeAccount]:
    with fake_account() as account:
        account.services[SERVICE_SID] = {"sid": SERVICE_SID, "use_inbound_webhook_on_number": True}
        yield account


@pytest.fixture
def line(account: FakeAccount, content: Content) -> Line:
    """A line whose sender is a messaging service, and whose live release is the shipped one."""
    line = Line(
        Settings(
            public_url="https://line.example.org",
            twilio_account_sid="AC" + "0" * 32,
            twilio_auth_token="token",
            twilio_api_url=account.url,
            twilio_messaging_service_sid=SERVICE_SID,
        ),
        "",
    )
    vars(line)["_live"] = content
    return line


def test_an_entry_with_a_number_of_the_messaging_service_is_a_problem(
    line: Line, account: FakeAccount, content: Content
) -> None:
    assert check_directory(line).level is Level.OK
    entry = content.config.directory[-1]
    account.add_number("PN" + "2" * 32, entry.e164)
    result = check_directory(line)
    assert (result.level, result.sentence.startswith(f"{entry.id} in line.yaml")) == (Level.PROBLEM, True)


@pytest.mark.parametrize("is_down", [True, False], ids=["Twilio is down", "the service is unknown"])
def test_numbers_that_twilio_does_not_say_are_not_called_ok(line: Line, account: FakeAccount, is_down: bool) -> None:
    account.services.clear()
    account.status = 503 if is_down else 200
    assert check_directory(line).level is Level.WARNING
