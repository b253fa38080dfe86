"""Events reach the outbox in the transaction of what happened, and only if somebody wants them."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from ivr.ledger.tables import webhook_delivery
from ivr.people.callbacks import CallbackRequest, save_callback
from ivr.people.persons import opt_out
from ivr.people.replies import record_reply
from ivr.people.webhooks import (
    GIVEN_UP_AFTER,
    KEPT,
    LEASE,
    MAX_BACKOFF,
    MAX_PER_KEY,
    EventKind,
    TooManyWebhooks,
    add_webhook,
    claim_deliveries,
    due_deliveries,
    end_webhook,
    publish,
    record_delivery,
    webhooks,
)
from ivr.reminders.outbox.receipts import Receipt, apply_receipt
from ivr.staff.api_keys import add_api_key, revoke_api_key
from ivr.staff.users import Role
from tests.support.clinic import NOW, at, row, sid

URL = "https://ehr.example.org/events"
PHONE = "+16035550101"
WAIT = timedelta(seconds=30)


@pytest.fixture
def clinic(clinic_on_each_database):
    """A clinic with a key, number 1, and an appointment whose first reminder is due."""
    with clinic_on_each_database.ledger.write() as connection:
        add_api_key(connection, "Epic", Role.SCHEDULER, NOW)
    clinic_on_each_database.import_rows(row(1, at(6.9), site="elliot"))
    return clinic_on_each_database


def subscribe(clinic, *kinds):
    with clinic.ledger.write() as connection:
        return add_webhook(connection, clinic.vault, 1, URL, kinds or tuple(EventKind), NOW)


def events(clinic):
    return [(each.kind, json.loads(each.data)) for each in clinic.all(webhook_delivery)]


def step_of(clinic):
    return clinic.texts("A1")[0].step


def happen(clinic, what):
    with clinic.ledger.write() as connection:
        what(connection, clinic.vault)


def test_each_event_carries_ids_only(clinic):
    subscribe(clinic)
    [text] = clinic.send()
    apply_receipt(clinic.ledger, clinic.vault, Receipt(text.attempt, "delivered", sid(), None), NOW)
    happen(clinic, lambda connection, vault: record_reply(connection, vault, PHONE, NOW, "confirmed"))
    happen(clinic, lambda connection, vault: record_reply(connection, vault, PHONE, NOW, "change"))
    happen(clinic, lambda connection, vault: opt_out(connection, vault, PHONE, NOW, "text", "STOP"))
    request = CallbackRequest(PHONE, "en", "scheduling", None, "morning", "CA1")
    happen(clinic, lambda connection, vault: save_callback(connection, vault, request, NOW))
    assert events(clinic) == [
        ("text.delivered", {"appointment_id": "A1", "step": step_of(clinic), "error_code": None}),
        ("appointment.confirmed", {"appointment_id": "A1"}),
        ("appointment.change_asked", {"appointment_id": "A1"}),
        ("patient.opted_out", {"appointment_ids": ["A1"]}),
        ("callback.asked", {"callback_id": 1}),
    ]


@pytest.mark.parametrize("status", ["undelivered", "failed"])
def test_a_text_that_does_not_arrive_is_an_event_with_its_error(clinic, status):
    subscribe(clinic, EventKind.UNDELIVERED)
    [text] = clinic.send()
    apply_receipt(clinic.ledger, clinic.vault, Receipt(text.attempt, status, sid(), 30003), NOW)
    apply_receipt(clinic.ledger, clinic.vault, Receipt(text.attempt, status, sid(), 30003), NOW)
    assert events(clinic) == [
        ("text.undelivered", {"appointment_id": "A1", "step": step_of(clinic), "error_code": 30003})
    ]


def test_without_a_webhook_for_a_kind_nothing_is_looked_up_or_stored(clinic):
    subscribe(clinic, EventKind.OPTED_OUT)

    def fail():
        raise AssertionError

    happen(clinic, lambda connection, _vault: publish(connection, EventKind.CONFIRMED, NOW, fail))
    assert events(clinic) == []


def test_an_event_is_lost_with_the_transaction_that_fails(clinic):
    subscribe(clinic)

    def opt_out_then_fail(connection, vault):
        opt_out(connection, vault, PHONE, NOW, "text", "STOP")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        happen(clinic, opt_out_then_fail)
    assert events(clinic) == []


def test_a_revoked_key_and_an_ended_webhook_get_no_events(clinic):
    made, _ = subscribe(clinic)
    happen(clinic, lambda connection, vault: record_reply(connection, vault, PHONE, NOW, "confirmed"))
    with clinic.ledger.write() as connection:
        assert not end_webhook(connection, 2, made.id, NOW)
        assert end_webhook(connection, 1, made.id, NOW)
        assert webhooks(connection, 1) == []
    assert due_deliveries(clinic.ledger, NOW) == 0
    subscribe(clinic)
    with clinic.ledger.write() as connection:
        revoke_api_key(connection, 1, NOW)
    happen(clinic, lambda connection, vault: record_reply(connection, vault, PHONE, NOW, "change"))
    assert len(events(clinic)) == 1


def test_a_key_has_a_limited_number_of_webhooks(clinic):
    for _ in range(MAX_PER_KEY):
        subscribe(clinic)
    with pytest.raises(TooManyWebhooks):
        subscribe(clinic)


def published(clinic):
    subscribe(clinic)
    happen(clinic, lambda connection, vault: record_reply(connection, vault, PHONE, NOW, "confirmed"))
    assert due_deliveries(clinic.ledger, NOW) == 1


def test_an_event_is_taken_by_one_worker_until_its_lease_ends(clinic):
    published(clinic)
    [first] = claim_deliveries(clinic.ledger, clinic.vault, NOW, 10)
    assert claim_deliveries(clinic.ledger, clinic.vault, NOW, 10) == []
    [second] = claim_deliveries(clinic.ledger, clinic.vault, NOW + LEASE, 10)
    assert (second.event, second.secret, second.tries) == (first.event, first.secret, 2)


def test_workers_that_claim_at_once_never_take_the_same_event(clinic):
    subscribe(clinic, EventKind.CONFIRMED)
    data = [{"appointment_id": f"A{number}"} for number in range(60)]
    happen(clinic, lambda connection, _vault: publish(connection, EventKind.CONFIRMED, NOW, lambda: data))
    together = threading.Barrier(6)

    def claim(_worker):
        together.wait()
        return [each.id for _ in range(4) for each in claim_deliveries(clinic.ledger, clinic.vault, NOW, 4)]

    with ThreadPoolExecutor(6) as workers:
        taken = [each for ids in workers.map(claim, range(6)) for each in ids]
    # PostgreSQL may pass over events that others have locked, so not all need to be taken in a few rounds.
    assert len(taken) == len(set(taken)) > 20


def test_a_failure_that_is_recorded_after_the_lease_leaves_the_next_attempt_alone(clinic):
    published(clinic)
    [first] = claim_deliveries(clinic.ledger, clinic.vault, NOW, 10)
    [second] = claim_deliveries(clinic.ledger, clinic.vault, NOW + LEASE, 10)
    record_delivery(clinic.ledger, first, "status 500", NOW + LEASE, delivered=False, first_wait=WAIT)
    assert due_deliveries(clinic.ledger, NOW + LEASE + WAIT) == 0
    record_delivery(clinic.ledger, second, "status 500", NOW + LEASE, delivered=False, first_wait=WAIT)
    assert due_deliveries(clinic.ledger, NOW + LEASE + 2 * WAIT) == 1


def test_an_accepted_event_stays_delivered_whatever_other_attempts_say_later(clinic):
    published(clinic)
    [first] = claim_deliveries(clinic.ledger, clinic.vault, NOW, 10)
    [second] = claim_deliveries(clinic.ledger, clinic.vault, NOW + LEASE, 10)
    record_delivery(clinic.ledger, first, "status 204", NOW + LEASE, delivered=True, first_wait=WAIT)
    record_delivery(clinic.ledger, second, "status 500", NOW + LEASE, delivered=False, first_wait=WAIT)
    [stored] = clinic.all(webhook_delivery)
    assert (stored.outcome, stored.next_try_at) == ("status 204", None)
    assert claim_deliveries(clinic.ledger, clinic.vault, NOW + GIVEN_UP_AFTER, 10) == []


def test_a_delivered_event_is_not_taken_again_and_deleted_after_a_week(clinic):
    published(clinic)
    [taken] = claim_deliveries(clinic.ledger, clinic.vault, NOW, 10)
    record_delivery(clinic.ledger, taken, "status 204", NOW, delivered=True, first_wait=WAIT)
    assert claim_deliveries(clinic.ledger, clinic.vault, NOW + KEPT, 10) == []
    assert len(events(clinic)) == 1
    claim_deliveries(clinic.ledger, clinic.vault, NOW + KEPT + timedelta(seconds=1), 10)
    assert events(clinic) == []


def test_an_event_is_tried_ever_later_for_a_day(clinic):
    published(clinic)
    now, waits = NOW, []
    while claimed := claim_deliveries(clinic.ledger, clinic.vault, now, 10):
        record_delivery(clinic.ledger, claimed[0], "status 500", now, delivered=False, first_wait=WAIT)
        [each] = clinic.all(webhook_delivery)
        if each.next_try_at is None:
            break
        waits.append(each.next_try_at - now)
        now = each.next_try_at
    assert waits[:4] == [WAIT, WAIT * 2, WAIT * 4, WAIT * 8]
    assert set(waits[8:]) == {MAX_BACKOFF}
    assert NOW + GIVEN_UP_AFTER - MAX_BACKOFF < now <= NOW + GIVEN_UP_AFTER
    assert (each.delivered_at, each.outcome) == (None, "status 500")
