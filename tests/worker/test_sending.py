"""Sending a slice of texts: its size, rate and deadlines, and failures of the carrier and the database."""

from __future__ import annotations

import itertools
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import event, select

from ivr import clock, queues
from ivr.carrier.twilio.client import Carrier, Refused
from ivr.carrier.twilio.errors import ErrorClass
from ivr.ledger import LedgerUnavailable
from ivr.ledger.tables import text
from ivr.reminders.outbox.lost_receipts import unreported_due
from ivr.reminders.outbox.results import ResultRecorder, expire_claims
from ivr.reminders.reports.status import batch_status
from tests.support.clinic import NOW, at, row
from tests.support.network import LINE, SID, TOKEN, wait_for
from tests.support.processes import environment
from worker import context, jobs, sending
from worker.rate_limit import Pacer
from worker.sending import send_all

# Only step 2d of the plan is due.
DUE = at(2, -1)


@pytest.fixture
def set_up_worker(clinic, network, monkeypatch, tmp_path):
    """A function that makes this process a worker: set_up_worker(SETTING=value) returns its job context."""

    def set_up(**settings):
        # No queue server answers at this address, so the worker keeps its own rate limit.
        urls = {"TWILIO_API_URL": network.url, "PUBLIC_URL": network.line.url, "REDIS_URL": "redis://127.0.0.1:1"}
        for name, value in environment(tmp_path, **{**urls, **settings}).items():
            monkeypatch.setenv(name, value)
        context._context_of.cache_clear()
        opened.append(context.job_context())
        return opened[-1]

    opened = []
    yield set_up
    for job_context in opened:
        job_context.ledger.close()
    context._context_of.cache_clear()


def import_rows(clinic, count):
    clinic.import_rows(*(row(number, DUE) for number in range(10, 10 + count)))


def sent(network):
    return [message.to for message in network.client().messages.list()]


def states(clinic):
    return sorted(text.state for text in clinic.texts() if text.step == "2d")


class Unlimited:
    """A rate limit without a delay. duration: seconds of a segment."""

    def __init__(self, duration=0.0):
        self.duration, self.complaints = duration, 0

    def reserve(self, _segments):
        return 0.0, self.duration

    def slow_down(self):
        self.complaints += 1


def fast_pacer():
    return Pacer(Unlimited(), 1000)


@pytest.mark.parametrize(
    ("lease", "limit", "claimed"),
    [(120, 500, 30), (120, 5, 5), (4, 500, 10), (0.1, 500, 1)],
    ids=["all that is due", "the limit", "what a quarter of the lease allows", "at least one text"],
)
def test_a_slice_takes_at_most_a_quarter_of_its_lease(
    clinic, network, set_up_worker, monkeypatch, lease, limit, claimed
):
    import_rows(clinic, 30)
    set_up_worker(LEASE_SECONDS=lease)
    sizes = []
    monkeypatch.setattr(jobs, "send_all", lambda _context, texts, _pacer, _began: sizes.append(len(texts)))
    assert jobs.send_slice(limit) == claimed
    assert sizes == [claimed]


def test_several_workers_each_claim_their_share_of_the_rate(clinic, network, set_up_worker, monkeypatch):
    import_rows(clinic, 30)
    set_up_worker(LEASE_SECONDS=4)
    sizes = []
    monkeypatch.setattr(jobs, "worker_count", lambda _connection: 5)
    monkeypatch.setattr(jobs, "send_all", lambda _context, texts, _pacer, _began: sizes.append(len(texts)))
    jobs.send_slice(500)
    assert sizes == [2]


def test_a_slice_is_sent_and_recorded(clinic, network, set_up_worker):
    import_rows(clinic, 12)
    worker = set_up_worker()
    send_all(worker, clinic.claim(), fast_pacer())
    assert len(set(sent(network))) == len(sent(network)) == 12
    assert set(states(clinic)) <= {"handed_over", "delivered"}


def test_a_slice_with_nothing_due_sends_nothing(set_up_worker, network):
    set_up_worker()
    assert jobs.send_slice(500) == 0
    assert sent(network) == []


def test_a_worker_that_remembers_no_count_compares_the_database_with_the_carriers_log_first(
    clinic, network, set_up_worker
):
    clock.set_shift((NOW - datetime.now(UTC)).total_seconds())
    import_rows(clinic, 3)
    worker = set_up_worker()
    worker.carrier.send("+16035550110", "A text that a restored database lacks", network.line.url, 3600)
    assert (jobs.send_asked(500), jobs.send_slice(500)) == (0, 0)
    assert [alarm["name"] for alarm in batch_status(clinic.ledger)["alarms"]] == ["ledger_restored"]
    assert sent(network) == ["+16035550110"]


def test_after_the_carrier_refuses_our_account_the_rest_of_the_slice_is_planned_again_untried(
    clinic, network, set_up_worker
):
    import_rows(clinic, 30)
    worker = set_up_worker()
    requests = []
    real_send = worker.carrier.send
    worker.carrier.send = lambda *args: requests.append(args) or real_send(*args)
    network.ask("/simulator/faults", {"auth": True})
    send_all(worker, clinic.claim(), Pacer(Unlimited(1 / 30), 30))
    assert 1 <= len(requests) < 30
    assert set(states(clinic)) == {"planned"}
    assert [alarm["name"] for alarm in batch_status(clinic.ledger)["alarms"]] == ["sending_stopped"]
    network.ask("/simulator/faults", {})
    assert sent(network) == []


def test_too_fast_slows_the_sender_down_and_the_texts_are_planned_again(clinic, network, set_up_worker):
    import_rows(clinic, 5)
    worker, limit = set_up_worker(), Unlimited()
    network.ask("/simulator/faults", {"429": 1.0})
    send_all(worker, clinic.claim(), Pacer(limit, 1000))
    assert (limit.complaints, states(clinic)) == (5, ["planned"] * 5)


def test_an_unlisted_error_for_every_text_stops_sending(clinic, network, set_up_worker):
    import_rows(clinic, 12)
    worker = set_up_worker()
    worker.carrier.send = lambda *_: Refused(ErrorClass.PERMANENT, 21999, "HTTP 400")
    send_all(worker, clinic.claim(), fast_pacer())
    assert states(clinic).count("failed") == sending.MIN_UNLISTED - 1
    assert [alarm["name"] for alarm in batch_status(clinic.ledger)["alarms"]] == ["sending_stopped"]
    assert states(clinic).count("planned") == 12 - (sending.MIN_UNLISTED - 1)


def test_an_unlisted_error_for_a_few_texts_does_not_stop_sending(clinic, network, set_up_worker, monkeypatch):
    monkeypatch.setattr(sending, "THREADS", 1)
    import_rows(clinic, 12)
    worker, real_send, refused = set_up_worker(), Carrier.send, {f"+1603555011{number}" for number in range(4)}

    def send(to, *more):
        return (
            Refused(ErrorClass.PERMANENT, 21999, "HTTP 400") if to in refused else real_send(worker.carrier, to, *more)
        )

    worker.carrier.send = send
    refused_last = sorted(clinic.claim(), key=lambda text: text.phone in refused)
    send_all(worker, refused_last, fast_pacer())
    assert states(clinic).count("failed") == 4
    assert batch_status(clinic.ledger)["alarms"] == []


def test_during_a_shutdown_a_worker_finishes_texts_in_progress_and_plans_the_rest_again(
    clinic, network, set_up_worker, monkeypatch
):
    import_rows(clinic, 30)
    worker, real_send = set_up_worker(), Carrier.send
    monkeypatch.setattr(context, "shutdown", threading.Event())
    monkeypatch.setattr(sending, "shutdown", context.shutdown)
    monkeypatch.setattr(jobs, "shutdown", context.shutdown)

    def send(self, *args):
        context.request_shutdown()
        return real_send(self, *args)

    monkeypatch.setattr(Carrier, "send", send)
    send_all(worker, clinic.claim(), Pacer(Unlimited(1 / 50), 50))
    went_out = len(sent(network))
    assert 1 <= went_out < 30
    assert states(clinic).count("planned") == 30 - went_out
    assert jobs.send_slice(500) == 0


def test_sending_resumes_after_the_carrier_accepts_our_account_again(clinic, network, set_up_worker):
    import_rows(clinic, 8)
    worker = set_up_worker(RETRY_SECONDS=0.01)
    assert jobs.send_asked(1) == 0
    network.ask("/simulator/faults", {"auth": True})
    send_all(worker, clinic.claim(clock.now()), fast_pacer())
    network.ask("/simulator/faults", {})
    shift = worker.settings.clock_shift_seconds
    clock.set_shift(shift + 10)
    assert jobs.send_slice(500) == 1
    clock.set_shift(shift + 20)
    assert jobs.send_slice(500) == 7
    assert len(set(sent(network))) == len(sent(network)) == 8
    assert batch_status(clinic.ledger)["alarms"] == []


def test_a_text_that_expires_while_it_waits_is_not_sent(clinic, network, set_up_worker):
    import_rows(clinic, 1)
    worker = set_up_worker()
    evening = NOW + timedelta(hours=10, minutes=59, seconds=59)
    claimed = clinic.claim(evening)
    assert claimed[0].until == NOW + timedelta(hours=11)
    clock.set_shift(worker.settings.clock_shift_seconds + 11 * 3600)
    send_all(worker, claimed, fast_pacer())
    assert (sent(network), states(clinic)) == ([], ["planned"])
    assert clinic.claim(evening + timedelta(minutes=5)) == []
    assert len(clinic.claim(NOW + timedelta(hours=22))) == 1


def test_a_text_is_sent_with_its_remaining_validity(clinic, network, set_up_worker):
    import_rows(clinic, 1)
    worker, requests = set_up_worker(), []
    worker.carrier.send = lambda *args: requests.append(args) or Carrier(SID, TOKEN, network.url, LINE).send(*args)
    (claimed,) = clinic.claim(NOW + timedelta(hours=10))
    clock.set_shift(worker.settings.clock_shift_seconds + 10 * 3600)
    send_all(worker, [claimed], fast_pacer())
    assert requests[0][:3] == (claimed.phone, claimed.body, f"{network.line.url}/receipts/text/{claimed.attempt}")
    assert 3500 <= requests[0][3] <= 3600


def test_a_worker_sends_nothing_after_half_of_its_lease(clinic, network, set_up_worker):
    import_rows(clinic, 3)
    worker = set_up_worker(LEASE_SECONDS=10)
    claimed = clinic.claim()
    pacer = Pacer(Unlimited(), 100, sleep=lambda _: clock.set_shift(worker.settings.clock_shift_seconds + 6))
    slice_ = sending._Slice(worker, pacer, time.monotonic())
    assert [slice_.hand_over(text)[1] for text in claimed] == [sending.NOT_TRIED] * 3
    assert sent(network) == []


def test_a_worker_whose_clock_was_set_back_sends_nothing_after_half_of_its_lease(clinic, network, set_up_worker):
    import_rows(clinic, 3)
    worker = set_up_worker(LEASE_SECONDS=120)
    claimed, began = clinic.claim(), time.monotonic() - 61
    clock.set_shift(worker.settings.clock_shift_seconds - 3600)
    send_all(worker, claimed, fast_pacer(), began)
    assert (sent(network), states(clinic)) == ([], ["planned"] * 3)


def test_the_lease_starts_before_the_claim_waits_for_the_database(clinic, network, set_up_worker):
    import_rows(clinic, 3)
    worker = set_up_worker(LEASE_SECONDS=120)
    # The claim waited over a minute for the database.
    claimed = clinic.claim()
    clock.set_shift(worker.settings.clock_shift_seconds + 61)
    send_all(worker, claimed, fast_pacer())
    assert (sent(network), states(clinic)) == ([], ["planned"] * 3)


def test_a_shutdown_interrupts_the_sleep_of_a_slow_sender(clinic, network, set_up_worker, monkeypatch):
    import_rows(clinic, 8)
    set_up_worker(LEASE_SECONDS=4000)
    shutdown = threading.Event()
    for module in (context, sending, jobs):
        monkeypatch.setattr(module, "shutdown", shutdown)
    turns = itertools.count()

    def reserve(_self, segments):
        turn = next(turns) if segments else 0
        if turn == 1:
            threading.Timer(0.2, shutdown.set).start()
        return 20.0 * turn, 20.0

    monkeypatch.setattr(jobs.SharedRateLimit, "reserve", reserve)
    worker = threading.Thread(target=jobs.send_slice, args=(500,))
    worker.start()
    worker.join(15)
    assert not worker.is_alive()
    assert states(clinic).count("planned") == 7


def test_results_are_recorded_when_the_database_is_available_again(clinic, network, set_up_worker, monkeypatch):
    import_rows(clinic, 5)
    worker, attempts = set_up_worker(), []
    real_record = ResultRecorder.record

    def record(self, results, now):
        attempts.append(len(results))
        if len(attempts) < 4:
            raise LedgerUnavailable("the database does not respond")
        real_record(self, results, now)

    monkeypatch.setattr(ResultRecorder, "record", record)
    monkeypatch.setattr(sending, "GATHER_SECONDS", 0.02)
    send_all(worker, clinic.claim(), fast_pacer())
    assert len(sent(network)) == 5
    assert set(states(clinic)) <= {"handed_over", "delivered"}


def test_texts_whose_claim_looked_like_a_failure_go_out_once(clinic, network, set_up_worker, monkeypatch):
    import_rows(clinic, 5)
    worker = set_up_worker(LEASE_SECONDS=120)
    assert jobs.send_asked(1) == 0
    real_write = worker.ledger.write

    @contextmanager
    def write():
        with real_write() as connection:
            yield connection
            is_claim = connection.execute(select(text.c.id).where(text.c.state == "claimed")).first()
        if is_claim:
            raise LedgerUnavailable("the database did not answer")

    with monkeypatch.context() as patch:
        patch.setattr(worker.ledger, "write", write)
        with pytest.raises(LedgerUnavailable):
            jobs.send_slice(500)
    assert (sent(network), states(clinic)) == ([], ["claimed"] * 5)
    for minutes in (3, 5, 7):
        clock.set_shift(worker.settings.clock_shift_seconds + 60 * minutes)
        expire_claims(clinic.ledger, clock.now(), 120)
        jobs.reconcile_texts([text.id for text in clinic.texts()])
        jobs.send_slice(500)
    assert len(set(sent(network))) == len(sent(network)) == 5
    assert set(states(clinic)) <= {"handed_over", "delivered"}


def test_a_job_fetches_the_statuses_of_texts_whose_receipts_got_lost(clinic, network, set_up_worker):
    import_rows(clinic, 3)
    worker = set_up_worker(PUBLIC_URL="http://127.0.0.1:1")
    assert jobs.send_slice(500) == 3
    wait_for(lambda: {message.status for message in network.client().messages.list()} == {"delivered"})
    assert states(clinic) == ["handed_over"] * 3
    clock.set_shift(worker.settings.clock_shift_seconds + 11 * 60)
    assert jobs.fetch_statuses(unreported_due(clinic.ledger, clock.now(), 100)) == 3
    assert states(clinic) == ["delivered"] * 3


def test_no_request_to_the_carrier_is_made_within_a_transaction(clinic, network, set_up_worker):
    import_rows(clinic, 5)
    worker, transaction, requests = set_up_worker(), threading.local(), []
    event.listen(worker.ledger.engine, "begin", lambda _: setattr(transaction, "open", True))
    event.listen(worker.ledger.engine, "commit", lambda _: setattr(transaction, "open", False))
    real_send = worker.carrier.send
    worker.carrier.send = lambda *args: requests.append(getattr(transaction, "open", False)) or real_send(*args)
    assert jobs.send_slice(500) == 5
    assert requests == [False] * 5


def test_the_job_names_in_the_queue_match_the_functions():
    functions = (jobs.send_slice, jobs.send_asked, jobs.reconcile_texts, jobs.fetch_statuses)
    names = {queues.SEND, queues.SEND_ASKED, queues.RECONCILE, queues.FETCH}
    assert names == {f"{job.__module__}.{job.__name__}" for job in functions}
