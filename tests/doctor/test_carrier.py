"""What the checks of the Twilio account find."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ivr.carrier.twilio.account import Account, AccountState, Number
from ivr.doctor import carrier
from ivr.doctor.connect import make, needed_changes
from ivr.doctor.result import Level, Line
from ivr.settings import Settings
from tests.support.twilio_account import NUMBER_SID, SERVICE_SID, FakeAccount, fake_account

PUBLIC = "https://line.example.org"
CONNECTED = {**carrier.expected_webhooks(PUBLIC), "voice_fallback_url": "https://backup.example.org/f.xml"}


@pytest.fixture
def account() -> Iterator[FakeAccount]:
    with fake_account() as account:
        account.numbers[0].update(CONNECTED)
        yield account


def line_of(account: FakeAccount, tmp_path: Path, **more: str) -> Line:
    values = {"twilio_from": "+16035550100", **more}
    settings = Settings(
        var_dir=tmp_path,
        public_url=PUBLIC,
        twilio_account_sid="AC" + "0" * 32,
        twilio_auth_token="token",
        twilio_api_url=account.url,
        **values,
    )
    return Line(settings, "")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("voice_url", "https://other.example.org/voice"),
        ("voice_method", "GET"),
        ("sms_url", ""),
        ("sms_method", "GET"),
        ("status_callback", ""),
        ("trunk_sid", "TK" + "1" * 32),
        ("voice_application_sid", "AP" + "1" * 32),
        ("sms_application_sid", "AP" + "1" * 32),
    ],
)
def test_a_webhook_that_does_not_point_here_is_named(
    field: str, value: str, account: FakeAccount, tmp_path: Path
) -> None:
    line = line_of(account, tmp_path)
    assert carrier.check_webhooks(line).level is Level.OK
    account.numbers[0][field] = value
    result = carrier.check_webhooks(line)
    assert result.level is Level.PROBLEM
    assert result.sentence.startswith(f"{field} of {NUMBER_SID} do not point here")


@pytest.mark.parametrize("fallback", ["", f"{PUBLIC}/fallback"], ids=["none", "on the line itself"])
def test_a_number_without_a_fallback_on_another_server_is_a_warning(
    fallback: str, account: FakeAccount, tmp_path: Path
) -> None:
    account.numbers[0]["voice_fallback_url"] = fallback
    assert carrier.check_webhooks(line_of(account, tmp_path)).level is Level.WARNING


def test_texts_of_a_messaging_service_must_reach_the_line(account: FakeAccount, tmp_path: Path) -> None:
    service = {"sid": SERVICE_SID, "use_inbound_webhook_on_number": False, "inbound_request_url": None}
    account.services[SERVICE_SID] = service
    line = line_of(account, tmp_path, twilio_from="", twilio_messaging_service_sid=SERVICE_SID)
    assert carrier.check_webhooks(line).level is Level.PROBLEM
    count, changes = needed_changes(line.account, line.settings)
    assert (count, [change.number for change in changes]) == (1, [None])
    for change in changes:
        make(change, line.account, line.settings)
    assert service["use_inbound_webhook_on_number"] is True
    assert carrier.check_webhooks(line).level is Level.OK


@pytest.mark.parametrize(
    ("statuses", "level"),
    [
        (["VERIFIED"], Level.OK),
        (["FAILED", "VERIFIED"], Level.OK),
        (["IN_PROGRESS"], Level.WARNING),
        (["PENDING"], Level.WARNING),
        (["FAILED"], Level.PROBLEM),
        ([], Level.PROBLEM),
    ],
)
def test_the_campaign_of_the_senders_messaging_service_decides(
    statuses: list[str], level: Level, account: FakeAccount, tmp_path: Path
) -> None:
    account.services[SERVICE_SID] = {"sid": SERVICE_SID, "use_inbound_webhook_on_number": True}
    account.campaigns = statuses
    for more in ({}, {"twilio_from": "", "twilio_messaging_service_sid": SERVICE_SID}):
        assert carrier.check_sender(line_of(account, tmp_path, **more)).level is level


@pytest.mark.parametrize(
    ("statuses", "level"),
    [
        (["TWILIO_APPROVED"], Level.OK),
        (["IN_REVIEW"], Level.WARNING),
        (["PENDING_REVIEW"], Level.WARNING),
        (["TWILIO_REJECTED"], Level.PROBLEM),
        ([], Level.PROBLEM),
    ],
)
def test_a_toll_free_sender_needs_a_verification_instead(
    statuses: list[str], level: Level, account: FakeAccount, tmp_path: Path
) -> None:
    account.numbers[0]["phone_number"] = "+18335550100"
    account.toll_free = statuses
    assert carrier.check_sender(line_of(account, tmp_path, twilio_from="+18335550100")).level is level


@pytest.mark.parametrize(
    "sender",
    [
        {"twilio_from": "+16035550100"},
        {"twilio_from": "+18335550100"},
        {"twilio_from": "", "twilio_messaging_service_sid": SERVICE_SID},
    ],
    ids=["local", "toll-free", "service"],
)
def test_a_carrier_without_the_messaging_api_leaves_the_registration_unknown(
    sender: dict[str, str], account: FakeAccount, tmp_path: Path
) -> None:
    account.has_messaging_api = False
    account.numbers[0]["phone_number"] = sender["twilio_from"] or "+16035550100"
    line = line_of(account, tmp_path, **sender)
    assert carrier.check_sender(line).level is Level.WARNING
    assert carrier.check_webhooks(line).level is Level.OK


def test_a_short_code_is_not_looked_up(account: FakeAccount, tmp_path: Path) -> None:
    account.status = 503
    assert carrier.check_sender(line_of(account, tmp_path, twilio_from="55555")).level is Level.OK


def test_a_carrier_that_fails_is_a_problem_of_every_check(account: FakeAccount, tmp_path: Path) -> None:
    account.status = 503
    line = line_of(account, tmp_path)
    checks = (carrier.check_credentials, carrier.check_clock_skew, carrier.check_webhooks, carrier.check_sender)
    assert [check(line).level for check in checks] == [Level.PROBLEM] * 4


SENT = {"to": "+16035550123", "body": "Your visit", "direction": "outbound-api"}
RECEIVED = {"to": "+16035550100", "body": "", "direction": "inbound"}


@pytest.mark.parametrize(
    ("message", "level"),
    [
        (SENT, Level.OK),
        (RECEIVED, Level.OK),
        ({**SENT, "to": "+1603555XXXX"}, Level.PROBLEM),
        ({**SENT, "body": ""}, Level.PROBLEM),
    ],
    ids=["readable", "received without words", "number redacted", "body redacted"],
)
def test_a_redacted_message_log_is_a_problem(
    message: dict[str, str], level: Level, account: FakeAccount, tmp_path: Path
) -> None:
    account.messages = [SENT, message]
    assert carrier.check_message_log(line_of(account, tmp_path)).level is level


@pytest.mark.parametrize(
    ("date", "level"),
    [
        ("Tue, 01 Dec 2026 15:00:30 GMT", Level.OK),
        ("Tue, 01 Dec 2026 14:58:00 GMT", Level.PROBLEM),
        ("Tue, 01 Dec 2026 15:02:00 GMT", Level.PROBLEM),
        ("", Level.WARNING),
    ],
)
def test_the_clock_is_compared_with_the_date_of_the_response(date: str, level: Level) -> None:
    now = datetime(2026, 12, 1, 15, tzinfo=UTC)
    assert carrier._judge_skew(AccountState("active", date), now).level is level


def test_the_messaging_api_has_a_host_of_its_own_at_twilio() -> None:
    account = Account("AC" + "0" * 32, "token", "https://api.twilio.com", 1)
    assert account._messaging.domain.twilio.http_client._host == "messaging.twilio.com"


def test_a_toll_free_number_is_known_by_its_prefix() -> None:
    numbers = ["+18005550100", "+18335550100", "+16035550100", "+18105550100"]
    assert [Number("PN", number, {}).is_toll_free for number in numbers] == [True, True, False, False]
