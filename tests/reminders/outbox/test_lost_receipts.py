"""A text whose receipt got lost gets its status from the carrier."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest
from sqlalchemy import func, select
from sqlalchemy import text as sql

from ivr import queues
from ivr.carrier.twilio.client import Carrier, LoggedMessage
from ivr.ledger.tables import alarm, person, text, text_was_fetched
from ivr.reminders.alarms import Alarm
from ivr.reminders.outbox.lost_receipts import FIRST_WAIT, fetch_lost_receipts, unreported_due
from ivr.reminders.outbox.monitor import watch
from ivr.reminders.outbox.receipts import NO_RECEIPT_AFTER, Receipt, apply_receipt
from ivr.settings import Settings
from tests.support.clinic import NOW, at, row
from tests.support.network import LINE, SID, wait_for
from worker.clock import FETCH_BATCH, tick

DUE = at(2, -1)
LATER = NOW + FIRST_WAIT
NOWHERE = "http://127.0.0.1:1/"


def send(clinic, carrier, count=1):
    """Hand over texts to the simulated carrier, which cannot reach the line."""
    clinic.import_rows(*(row(number, DUE) for number in range(10, 10 + count)))
    claimed = clinic.claim()
    clinic.record([(text.attempt, carrier.send(text.phone, text.body, NOWHERE, 3600)) for text in claimed])
    return claimed


def settle(network, status):
    """Wait until every message in the carrier's log has a status."""
    wait_for(lambda: {message.status for message in network.client().messages.list()} == {status})


def fetch(clinic, carrier, now=LATER, most=100):
    return fetch_lost_receipts(clinic.ledger, clinic.vault, carrier, unreported_due(clinic.ledger, now, most), now)


def states(clinic):
    return [text.state for text in clinic.texts() if text.step == "2d"]


def test_lost_receipts_are_made_up_for_after_ten_minutes(clinic_on_each_database, carrier, network):
    clinic = clinic_on_each_database
    send(clinic, carrier, 3)
    settle(network, "delivered")
    assert fetch(clinic, carrier, LATER - timedelta(seconds=1)) == 0
    assert states(clinic) == ["handed_over"] * 3
    assert fetch(clinic, carrier) == 3
    assert states(clinic) == ["delivered"] * 3
    assert {text.reason for text in clinic.texts() if text.step == "2d"} == {"fetched"}
    assert unreported_due(clinic.ledger, LATER, 100) == []


class FakeCarrier:
    """Reports one status for every message; raises instead if it is an exception. asked: the sids."""

    def __init__(self, status, code=None):
        self.status, self.code, self.asked = status, code, []

    def fetch(self, sid):
        self.asked.append(sid)
        if self.status is None:
            return None
        if isinstance(self.status, Exception):
            raise self.status
        return LoggedMessage(sid, self.status, "", "", LINE, "", "outbound-api", NOW, self.code)


@pytest.mark.parametrize(
    ("status", "code", "state", "reason"),
    [
        ("delivered", None, "delivered", "fetched"),
        ("undelivered", 30005, "undelivered", "error_30005"),
        ("failed", 30008, "failed", "error_30008"),
        ("sent", None, "handed_over", None),
        ("queued", None, "handed_over", None),
        ("a new word", None, "handed_over", None),
        (None, None, "handed_over", None),
    ],
    ids=["delivered", "undelivered", "failed", "sent", "queued", "an unknown status", "deleted at the carrier"],
)
def test_a_fetched_status_counts_as_a_receipt(clinic, status, code, state, reason):
    clinic.import_rows(row(10, DUE))
    clinic.send()
    assert fetch(clinic, FakeCarrier(status, code)) == (state != "handed_over")
    (sent,) = (text for text in clinic.texts() if text.step == "2d")
    assert (sent.state, sent.reason, sent.error_code, sent.looks) == (state, reason, code, 1)


def test_a_text_without_news_is_looked_up_less_and_less_often_and_closed_after_three_days(clinic):
    clinic.import_rows(row(10, DUE))
    clinic.send()
    carrier, looked_at = FakeCarrier("sent"), []
    for minute in range(5, int(NO_RECEIPT_AFTER / timedelta(minutes=1)), 5):
        if fetch(clinic, carrier, NOW + timedelta(minutes=minute)) or len(carrier.asked) > len(looked_at):
            looked_at.append(minute)
    waits = [second - first for first, second in pairwise(looked_at)]
    assert looked_at[0] == 10
    assert waits == [20, 40, 80, 160, 320, *[640] * 5]
    assert states(clinic) == ["handed_over"]


def test_a_landline_that_only_the_fetched_status_shows_gets_no_more_texts(clinic):
    clinic.import_rows(row(10, DUE))
    clinic.send()
    fetch(clinic, FakeCarrier("undelivered", 30006))
    assert clinic.all(person)[0].landline


def test_a_receipt_that_came_first_is_not_changed(clinic):
    clinic.import_rows(row(10, DUE))
    (claimed,) = clinic.send()
    ids = unreported_due(clinic.ledger, LATER, 100)
    apply_receipt(clinic.ledger, clinic.vault, Receipt(claimed.attempt, "delivered", "", None), LATER)
    carrier = FakeCarrier("undelivered", 30005)
    assert fetch_lost_receipts(clinic.ledger, clinic.vault, carrier, ids, LATER) == 0
    assert (states(clinic), carrier.asked) == (["delivered"], [])


def test_a_receipt_that_comes_while_the_status_is_fetched_is_not_changed(clinic):
    clinic.import_rows(row(10, DUE))
    (claimed,) = clinic.send()

    class Slow(FakeCarrier):
        def fetch(self, sid):
            apply_receipt(clinic.ledger, clinic.vault, Receipt(claimed.attempt, "delivered", sid, None), LATER)
            return super().fetch(sid)

    assert fetch(clinic, Slow("undelivered", 30005)) == 0
    assert states(clinic) == ["delivered"]


def test_a_carrier_that_does_not_answer_is_asked_once_and_the_texts_stay_due(clinic):
    clinic.import_rows(*(row(number, DUE) for number in range(10, 14)))
    clinic.send()
    requests = []
    carrier = Carrier(SID, "a-token", NOWHERE, LINE)
    real_fetch = carrier.fetch
    carrier.fetch = lambda sid: requests.append(sid) or real_fetch(sid)
    assert fetch(clinic, carrier) == 0
    assert (len(requests), len(unreported_due(clinic.ledger, LATER, 100))) == (1, 4)


def test_a_shutdown_ends_the_look_ups(clinic):
    clinic.import_rows(row(10, DUE), row(11, DUE))
    clinic.send()
    carrier, ids = FakeCarrier("delivered"), unreported_due(clinic.ledger, LATER, 100)
    stopped = iter([False, True])
    assert fetch_lost_receipts(clinic.ledger, clinic.vault, carrier, ids, LATER, lambda: next(stopped)) == 1


def test_a_fetched_error_of_our_sender_stops_sending_like_a_receipt(clinic):
    clinic.import_rows(row(10, DUE))
    clinic.send()
    fetch(clinic, FakeCarrier("undelivered", 30034))
    assert {row.name for row in clinic.all(alarm)} == {Alarm.DELIVERY_STOPPED}


def test_receipts_that_never_come_raise_their_alarm_though_the_statuses_are_known(clinic_on_each_database):
    clinic = clinic_on_each_database
    clinic.import_rows(*(row(number, DUE) for number in range(10, 40)))
    clinic.send()
    fetch(clinic, FakeCarrier("delivered"))
    assert states(clinic) == ["delivered"] * 30
    watch(clinic.ledger, NOW + timedelta(minutes=20))
    assert {row.name for row in clinic.all(alarm)} == {Alarm.RECEIPTS_MISSING}


def test_the_clock_enqueues_a_bounded_number_of_look_ups(clinic, queue_url):
    clinic.import_rows(*(row(number, DUE) for number in range(10, 90)))
    clinic.send()
    with queues.connect(queue_url) as connection:
        queue = queues.open_queue(connection)
        tick(Settings(), clinic.ledger, queue, LATER)
        fetches = [job for job in queue.jobs if job.func_name == queues.FETCH]
        assert [len(job.args[0]) for job in fetches] == [FETCH_BATCH]
        assert all(isinstance(text_id, int) for text_id in fetches[0].args[0])


def test_counting_fetched_texts_reads_their_index_only(clinic):
    query = select(func.count()).select_from(text).where(text_was_fetched, text.c.claimed_at > NOW)
    statement = str(query.compile(compile_kwargs={"literal_binds": True}))
    with clinic.ledger.read() as connection:
        plan = connection.execute(sql(f"EXPLAIN QUERY PLAN {statement}")).all()
    assert "ix_text_fetched_claimed_at" in plan[0].detail
