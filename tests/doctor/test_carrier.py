"""What the checks of the Twilio account find."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from ivr.carrier.twilio.account import Account, AccountState, Number
from ivr.doctor import carrier
from ivr.doctor.connect import make, needed_changes
from ivr.doctor.result import Level, Line, warning
from ivr.settings import Settings
from tests.support.processes import free_port
from tests.support.twilio_account import NUMBER_SID, SERVICE_SID, FakeAccount, fake_account

PUBLIC = "https://line.example.org"
CONNECTED = carrier.expected_webhooks(PUBLIC)


@pytest.fixture
def account() -> Iterator[FakeAccount]:
    with fake_account() as account:
        account.numbers[0].update(CONNECTED)
        yield account


def line_of(account: FakeAccount, tmp_path: Path, **more: str) -> Line:
    values = {"twilio_from": "+16035550100", **more}
    settings = Settings(
        var_dir=tmp_path,
        database_url=f"sqlite:///{tmp_path}/infoline.db",
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
    result = carrier.check_fallback(line_of(account, tmp_path))
    assert (result.level, "has no fallback on another server" in result.sentence) == (Level.WARNING, True)


TWIML = b'<?xml version="1.0" encoding="UTF-8"?><Response><Say>Call later.</Say></Response>'


@contextmanager
def fallback_server(status: int, body: bytes) -> Iterator[tuple[str, list[str]]]:
    """Another server; yields the address of its file, and what was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, args=(0.004,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/F.xml", asked
        server.shutdown()


@pytest.mark.parametrize(
    ("status", "body", "level"),
    [(200, TWIML, Level.OK), (404, TWIML, Level.WARNING), (200, b"<html>It works!</html>", Level.WARNING)],
    ids=["the file", "not found", "another page"],
)
def test_the_fallback_is_fetched_once(
    status: int, body: bytes, level: Level, account: FakeAccount, tmp_path: Path
) -> None:
    account.add_number("PN" + "2" * 32, "+16035550101")
    account.services[SERVICE_SID] = {"sid": SERVICE_SID, "use_inbound_webhook_on_number": True}
    with fallback_server(status, body) as (url, asked):
        for number in account.numbers:
            number["voice_fallback_url"] = url
        line = line_of(account, tmp_path, twilio_from="", twilio_messaging_service_sid=SERVICE_SID)
        result = carrier.check_fallback(line)
    assert (result.level, asked) == (level, ["/F.xml"]), result.sentence


@pytest.mark.parametrize(
    ("number", "level"), [("+16036632180", Level.OK), ("+16036639999", Level.WARNING)], ids=["current", "former"]
)
def test_a_fallback_that_dials_a_former_number_is_a_warning(
    number: str, level: Level, account: FakeAccount, tmp_path: Path
) -> None:
    body = f"<Response><Dial timeout='25'><Number>{number}</Number></Dial></Response>".encode()
    with fallback_server(200, body) as (url, _):
        account.numbers[0]["voice_fallback_url"] = url
        result = carrier.check_fallback(line_of(account, tmp_path))
    assert (result.level, "no longer has" in result.sentence) == (level, level is Level.WARNING)


def test_a_fallback_that_does_not_answer_is_a_warning(account: FakeAccount, tmp_path: Path) -> None:
    account.numbers[0]["voice_fallback_url"] = f"http://127.0.0.1:{free_port()}/F.xml"
    result = carrier.check_fallback(line_of(account, tmp_path))
    assert (result.level, f"The fallback of {NUMBER_SID} does not answer" in result.sentence) == (Level.WARNING, True)


def test_one_number_without_a_fallback_is_named_beside_one_that_has_it(account: FakeAccount, tmp_path: Path) -> None:
    other = "PN" + "2" * 32
    account.add_number(other, "+16035550101")
    account.services[SERVICE_SID] = {"sid": SERVICE_SID, "use_inbound_webhook_on_number": True}
    line = line_of(account, tmp_path, twilio_from="", twilio_messaging_service_sid=SERVICE_SID)
    with fallback_server(200, TWIML) as (url, _):
        account.numbers[0]["voice_fallback_url"] = url
        result = carrier.check_fallback(line)
    assert result == warning(f"{other} has no fallback on another server: see `infoline doctor --write-fallback`.")


def test_without_a_number_there_is_no_fallback_to_look_at(account: FakeAccount, tmp_path: Path) -> None:
    account.numbers.clear()
    assert carrier.check_fallback(line_of(account, tmp_path)).level is Level.WARNING


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
    checks = (
        *(carrier.check_credentials, carrier.check_clock_skew, carrier.check_webhooks, carrier.check_fallback),
        carrier.check_sender,
    )
    assert [check(line).level for check in checks] == [Level.PROBLEM] * len(checks)


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
