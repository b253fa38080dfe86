"""The checks of the Twilio account, against the simulator as the account."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ivr.doctor import carrier
from ivr.doctor.connect import make, needed_changes
from ivr.doctor.result import Level, Line
from ivr.settings import Settings
from tests.support import network as simulated
from tests.support.network import LINE, SERVICE, SID, TOKEN, Network


@pytest.fixture
def network() -> Iterator[Network]:
    own = simulated.Line()
    network = Network(own)
    yield network
    network.close()
    own.close()


def line_of(network: Network, tmp_path: Path, **sender: str) -> Line:
    settings = Settings(
        var_dir=tmp_path,
        public_url=network.line.url,
        twilio_account_sid=SID,
        twilio_auth_token=TOKEN,
        twilio_api_url=network.url,
        **sender,
    )
    return Line(settings, "")


def test_the_texts_of_a_messaging_service_are_brought_back_to_the_line(network: Network, tmp_path: Path) -> None:
    line = line_of(network, tmp_path, twilio_messaging_service_sid=SERVICE)
    service = network.client().messaging.v1.services(SERVICE)
    service.update(inbound_request_url=network.line.url + "/former", use_inbound_webhook_on_number=False)
    count, changes = needed_changes(line.account, line.settings)
    assert (count, [change.number is None for change in changes]) == (1, [False, True])
    for change in changes:
        make(change, line.account, line.settings)
    assert service.fetch().use_inbound_webhook_on_number is True
    assert needed_changes(line.account, line.settings) == (1, [])
    network.line.says = {"/sms": "<Message>Yes.</Message>"}
    assert network.text("hi")[1]["replies"] == ["Yes."]


@pytest.mark.parametrize(
    "sender", [{"twilio_from": LINE}, {"twilio_messaging_service_sid": SERVICE}], ids=["number", "service"]
)
def test_the_account_is_fine_and_the_registration_of_the_sender_unknown(
    network: Network, tmp_path: Path, sender: dict[str, str]
) -> None:
    line = line_of(network, tmp_path, **sender)
    assert carrier.check_credentials(line).level is Level.OK
    assert carrier.check_clock_skew(line).level is Level.OK
    assert carrier.check_message_log(line).level is Level.OK
    assert carrier.check_webhooks(line).level is Level.PROBLEM
    for change in needed_changes(line.account, line.settings)[1]:
        make(change, line.account, line.settings)
    assert carrier.check_webhooks(line).level is Level.OK
    assert carrier.check_fallback(line).level is Level.WARNING
    assert carrier.check_sender(line).level is Level.WARNING
