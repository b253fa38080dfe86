"""The six events from their cause to a receiver: each arrives once, signed, with ids only."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from ivr.people.callbacks import CallbackRequest, save_callback
from ivr.people.replies import record_reply
from ivr.people.webhooks import EventKind, claim_deliveries
from ivr.reminders.outbox.receipts import Receipt, apply_receipt
from ivr.settings import load
from tests.support.clinic import NOW, at, row, sid
from tests.support.paths import ROOT
from tests.web.api.conftest import Api
from tests.worker.test_webhooks import receiver
from worker.webhooks import EventSender

PHONE = "+16035550101"
PERSONAL = ("603", "555", "Ann", "reason", "phone", "name")


class Line:
    """An API with two appointments whose first texts were sent, and what happens to them."""

    def __init__(self, api: Api) -> None:
        self.api, self.clinic = api, api.clinic
        self.client = api.client()
        self.clinic.import_rows(*(row(number, at(6.9), site="elliot", first_name="Ann") for number in (1, 2)))
        self.clinic.send()

    def receive(self, appointment: int, status: str, error: int | None = None) -> None:
        """Twilio reports on a text, twice, as it may."""
        attempt = self.clinic.texts(f"A{appointment}")[0].attempt
        for _ in range(2):
            apply_receipt(self.clinic.ledger, self.clinic.vault, Receipt(attempt, status, sid(), error), NOW)

    def reply(self, answer: Any) -> None:
        with self.clinic.ledger.write() as connection:
            record_reply(connection, self.clinic.vault, PHONE, NOW, answer)

    def opt_out(self) -> None:
        for _ in range(2):
            body = {"phone": PHONE, "state": "out", "reason": "Ann asked at the desk"}
            assert self.client.post("/opt-outs", body).status_code == 200

    def ask_for_call(self) -> None:
        request = CallbackRequest(PHONE, "en", "scheduling", None, "morning", "CA1")
        with self.clinic.ledger.write() as connection:
            save_callback(connection, self.clinic.vault, request, NOW)


@pytest.fixture
def receiving(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[int, list[Any]]]:
    """A receiver whose host is allowed: (its port, what it has received)."""
    with receiver() as (port, received):
        monkeypatch.setenv("WEBHOOK_HOSTS", f"127.0.0.1:{port}")
        yield port, received


EVENTS = [
    (EventKind.DELIVERED, lambda line: line.receive(1, "delivered"), {"appointment_id": "A1", "error_code": None}),
    (EventKind.UNDELIVERED, lambda line: line.receive(2, "undelivered", 30003),
     {"appointment_id": "A2", "error_code": 30003}),
    (EventKind.CONFIRMED, lambda line: line.reply("confirmed"), {"appointment_id": "A1"}),
    (EventKind.CHANGE_ASKED, lambda line: line.reply("change"), {"appointment_id": "A1"}),
    (EventKind.OPTED_OUT, lambda line: line.opt_out(), {"appointment_ids": ["A1"]}),
    (EventKind.CALLBACK_ASKED, lambda line: line.ask_for_call(), {"callback_id": 1}),
]  # fmt: skip


def test_all_events_are_tried() -> None:
    assert {kind for kind, _, _ in EVENTS} == set(EventKind)


@pytest.mark.parametrize(("kind", "expected"), [(kind, expected) for kind, _, expected in EVENTS])
def test_the_documentation_lists_the_data_of_an_event(kind: EventKind, expected: Any) -> None:
    [line] = [line for line in (ROOT / "docs/api.md").read_text().splitlines() if line.startswith(f"| `{kind}`")]
    has_step = kind in (EventKind.DELIVERED, EventKind.UNDELIVERED)
    assert set(re.findall(r"`(\w+)`", line.split("|")[3])) == {*expected, *(["step"] if has_step else [])}


@pytest.mark.parametrize(("kind", "happen", "expected"), EVENTS)
def test_an_event_arrives_once_with_a_valid_signature_and_ids_only(
    receiving: tuple[int, list[Any]], api_on_each_database: Api, kind: EventKind, happen: Any, expected: Any
) -> None:
    port, received = receiving
    line = Line(api_on_each_database)
    body = {"url": f"http://127.0.0.1:{port}/events", "events": list(EventKind)}
    secret = line.client.post("/webhooks", body).json["secret"]
    happen(line)
    sender = EventSender(line.clinic.ledger, load())
    for _ in range(2):
        for delivery in claim_deliveries(line.clinic.ledger, line.clinic.vault, NOW, 10):
            assert sender.send(delivery)
    [(_, headers, sent)] = received
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + sent
    key = base64.b64decode(secret.removeprefix("whsec_"))
    expected_signature = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
    assert headers["webhook-signature"] == f"v1,{expected_signature}"
    event = json.loads(sent)
    if kind in (EventKind.DELIVERED, EventKind.UNDELIVERED):
        assert event["data"].pop("step") == line.clinic.texts("A1")[0].step
    assert event == {"type": kind, "timestamp": NOW.isoformat(), "data": expected}
    assert not any(word in sent.decode() for word in PERSONAL)
