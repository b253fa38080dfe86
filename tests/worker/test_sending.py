"""One slice of texts on its way out: how many, how fast, until when; and what a job does when others fail it."""

from __future__ import annotations

import itertools
import threading
from datetime import timedelta

import pytest
from sqlalchemy import event

from ivr import clock, queues
from ivr.carrier.twilio.client import Carrier, Refused
from ivr.carrier.twilio.errors import ErrorClass
from ivr.ledger import LedgerUnavailable
from ivr.reminders.outbox.results import ResultRecorder
from ivr.reminders.reports.status import status
from tests.support.clinic import NOW, at, row
from tests.support.network import LINE, SID, TOKEN
from tests.support.processes import environment
from worker import context, jobs, sending
from worker.rate_limit import Pacer
from worker.sending import send_all

# Of the plan, only the text of two days before is due.
DUE = at(2, -1)


@pytest.fixture
def here(clinic, network, monkeypatch, tmp_path):
    """Sets this process up as a worker's: here(SETTING=value) gives its outfit."""

    def set_up(**more):
        # No queue server answers there: this worker keeps to the pace by itself.
        told = {
            "TWILIO_API_URL": network.url,
            "PUBLIC_URL": network.line.url,
            "REDIS_URL": "redis://127.0.0.1:1",
            **more,
        }
        for name, value in environment(tmp_path, **told).items():
            monkeypatch.setenv(name, value)
        context._context_of.cache_clear()
        made.append(context.job_context())
        return made[-1]

    made = []
    yield set_up
    for one in made:
        one.ledger.close()
    context._context_of.cache_clear()


def take(clinic, how_many):
    clinic.take(*(row(number, DUE) for number in range(10, 10 + how_many)))


def sent(network):
    return [message.to for message in network.client().messages.list()]


def states(clinic):
    return sorted(found.state for found in clinic.texts() if found.step == "2d")


class Free:
    """A sender that always gives leave, and so many seconds for each segment."""

    def __init__(self, each=0.0):
        self.each, self.complaints = each, 0

    def reserve(self, _segments):
        return 0.0, self.each

    def slow_down(self):
        self.complaints += 1


def quick():
    """As fast as this machine can."""
    return Pacer(Free(), 1000)


@pytest.mark.parametrize(
    ("lease", "limit", "claimed"),
    [(120, 500, 30), (120, 5, 5), (4, 500, 10), (0.1, 500, 1)],
    ids=[
        "more than there is",
        "as many as were asked for",
        "what is paced out in a quarter of the lease",
        "one at the least",
    ],
)
def test_a_slice_is_no_longer_than_a_quarter_of_its_lease(clinic, network, here, monkeypatch, lease, limit, claimed):
    take(clinic, 30)
    here(LEASE_SECONDS=lease)
    given = []
    monkeypatch.setattr(jobs, "send_all", lambda _here, texts, _pace: given.append(len(texts)))
    assert jobs.send_slice(limit) == claimed
    assert given == [claimed]


def test_with_several_workers_each_claims_what_its_share_of_the_pace_lets_out(clinic, network, here, monkeypatch):
    take(clinic, 30)
    here(LEASE_SECONDS=4)
    given = []
    monkeypatch.setattr(jobs, "worker_count", lambda: 5)
    monkeypatch.setattr(jobs, "send_all", lambda _here, texts, _pace: given.append(len(texts)))
    jobs.send_slice(500)
    assert given == [2]


def test_a_slice_goes_out_and_is_recorded(clinic, network, here):
    take(clinic, 12)
    one = here()
    send_all(one, clinic.claim(), quick())
    assert len(set(sent(network))) == len(sent(network)) == 12
    assert set(states(clinic)) <= {"handed_over", "delivered"}


def test_nothing_due_is_nothing_to_do(here, network):
    here()
    assert jobs.send_slice(500) == 0
    assert sent(network) == []


def test_once_the_carrier_refuses_us_the_rest_of_the_slice_goes_back_to_the_plan_untried(clinic, network, here):
    take(clinic, 30)
    one = here()
    asked = []
    real = one.carrier.send
    one.carrier.send = lambda *args: asked.append(args) or real(*args)
    network.ask("/simulator/faults", {"auth": True})
    send_all(one, clinic.claim(), Pacer(Free(1 / 30), 30))
    assert 1 <= len(asked) < 30
    assert set(states(clinic)) == {"planned"}
    assert [alarm["name"] for alarm in status(clinic.ledger)["alarms"]] == ["sending_stopped"]
    network.ask("/simulator/faults", {})
    assert sent(network) == []


def test_too_fast_slows_the_sender_down_and_the_text_waits(clinic, network, here):
    take(clinic, 5)
    one, sender = here(), Free()
    network.ask("/simulator/faults", {"429": 1.0})
    send_all(one, clinic.claim(), Pacer(sender, 1000))
    assert (sender.complaints, states(clinic)) == (5, ["planned"] * 5)


def test_a_strange_error_that_meets_every_text_is_ours_and_one_that_meets_few_is_theirs(clinic, network, here):
    take(clinic, 12)
    one, met = here(), []
    one.carrier.send = lambda *_: met.append(1) or Refused(ErrorClass.PERMANENT, 21999, "HTTP 400")
    send_all(one, clinic.claim(), quick())
    assert states(clinic).count("failed") == sending.MIN_UNLISTED - 1
    assert [alarm["name"] for alarm in status(clinic.ledger)["alarms"]] == ["sending_stopped"]
    assert states(clinic).count("planned") == 12 - (sending.MIN_UNLISTED - 1)


def test_a_strange_error_that_meets_few_texts_stops_nobody(clinic, network, here, monkeypatch):
    monkeypatch.setattr(sending, "THREADS", 1)
    take(clinic, 12)
    one, real, bad = here(), Carrier.send, {f"+1603555011{number}" for number in range(4)}

    def send(to, *more):
        return Refused(ErrorClass.PERMANENT, 21999, "HTTP 400") if to in bad else real(one.carrier, to, *more)

    one.carrier.send = send
    slow_last = sorted(clinic.claim(), key=lambda text: text.phone in bad)
    send_all(one, slow_last, quick())
    assert states(clinic).count("failed") == 4
    assert status(clinic.ledger)["alarms"] == []


def test_asked_to_end_a_worker_finishes_what_is_in_hand_and_gives_the_rest_back(clinic, network, here, monkeypatch):
    take(clinic, 30)
    one, real = here(), Carrier.send
    monkeypatch.setattr(context, "shutdown", threading.Event())
    monkeypatch.setattr(sending, "shutdown", context.shutdown)
    monkeypatch.setattr(jobs, "shutdown", context.shutdown)

    def send(self, *args):
        context.request_shutdown()
        return real(self, *args)

    monkeypatch.setattr(Carrier, "send", send)
    send_all(one, clinic.claim(), Pacer(Free(1 / 50), 50))
    went_out = len(sent(network))
    assert 1 <= went_out < 30
    assert states(clinic).count("planned") == 30 - went_out
    assert jobs.send_slice(500) == 0


def test_when_we_are_let_in_again_all_goes_out_by_itself(clinic, network, here):
    take(clinic, 8)
    one = here(RETRY_SECONDS=0.01)
    network.ask("/simulator/faults", {"auth": True})
    send_all(one, clinic.claim(clock.now()), quick())
    network.ask("/simulator/faults", {})
    shift = one.settings.clock_shift_seconds
    clock.set_shift(shift + 10)
    assert jobs.send_slice(500) == 1
    clock.set_shift(shift + 20)
    assert jobs.send_slice(500) == 7
    assert len(set(sent(network))) == len(sent(network)) == 8
    assert status(clinic.ledger)["alarms"] == []


def test_a_text_whose_time_is_over_while_it_waits_its_turn_is_not_sent(clinic, network, here):
    take(clinic, 1)
    one = here()
    evening = NOW + timedelta(hours=10, minutes=59, seconds=59)
    claimed = clinic.claim(evening)
    assert claimed[0].until == NOW + timedelta(hours=11)
    clock.set_shift(one.settings.clock_shift_seconds + 11 * 3600)
    send_all(one, claimed, quick())
    assert (sent(network), states(clinic)) == ([], ["planned"])
    assert clinic.claim(evening + timedelta(minutes=5)) == []
    assert len(clinic.claim(NOW + timedelta(hours=22))) == 1


def test_a_text_goes_to_the_carrier_with_the_time_that_is_left_to_it(clinic, network, here):
    take(clinic, 1)
    one, asked = here(), []
    one.carrier.send = lambda *args: asked.append(args) or Carrier(SID, TOKEN, network.url, LINE).send(*args)
    (claimed,) = clinic.claim(NOW + timedelta(hours=10))
    clock.set_shift(one.settings.clock_shift_seconds + 10 * 3600)
    send_all(one, [claimed], quick())
    assert asked[0][:3] == (claimed.phone, claimed.body, f"{network.line.url}/receipts/text/{claimed.attempt}")
    assert 3500 <= asked[0][3] <= 3600


def test_a_worker_that_slept_past_half_its_lease_does_not_send_what_others_may_take_for_dead(clinic, network, here):
    take(clinic, 3)
    one = here(LEASE_SECONDS=10)
    claimed = clinic.claim()
    pace = Pacer(Free(), 100, sleep=lambda _: clock.set_shift(one.settings.clock_shift_seconds + 6))
    slice_ = sending._Slice(one, pace)
    assert [slice_.hand_over(text)[1] for text in claimed] == [sending.NOT_TRIED] * 3
    assert sent(network) == []


def test_a_claim_that_waited_long_for_its_turn_is_not_sent_on_time_that_it_has_used_up(clinic, network, here):
    take(clinic, 3)
    one = here(LEASE_SECONDS=120)
    # The ledger was held up for over a minute between the moment of the claim and its end.
    claimed = clinic.claim()
    clock.set_shift(one.settings.clock_shift_seconds + 61)
    send_all(one, claimed, quick())
    assert (sent(network), states(clinic)) == ([], ["planned"] * 3)


def test_asked_to_end_a_slow_sender_does_not_sleep_until_each_turn_has_come(clinic, network, here, monkeypatch):
    take(clinic, 8)
    here(LEASE_SECONDS=4000)
    ending = threading.Event()
    for room in (context, sending, jobs):
        monkeypatch.setattr(room, "shutdown", ending)
    turns = itertools.count()

    def reserve(_self, segments):
        return (20.0 * next(turns) if segments else 0.0), 20.0

    monkeypatch.setattr(jobs.SharedRateLimit, "reserve", reserve)
    threading.Timer(0.5, ending.set).start()
    working = threading.Thread(target=jobs.send_slice, args=(500,))
    working.start()
    working.join(15)
    assert not working.is_alive()
    assert states(clinic).count("planned") == 7


def test_results_wait_for_a_ledger_that_is_away_and_are_kept_then(clinic, network, here, monkeypatch):
    take(clinic, 5)
    one, tried = here(), []
    real = ResultRecorder.record

    def away(self, results, now):
        tried.append(len(results))
        if len(tried) < 4:
            raise LedgerUnavailable("the ledger does not answer")
        real(self, results, now)

    monkeypatch.setattr(ResultRecorder, "record", away)
    monkeypatch.setattr(sending, "GATHER_SECONDS", 0.02)
    send_all(one, clinic.claim(), quick())
    assert len(sent(network)) == 5
    assert set(states(clinic)) <= {"handed_over", "delivered"}


def test_no_request_is_made_inside_a_transaction(clinic, network, here):
    take(clinic, 5)
    one, open_now, seen = here(), threading.local(), []
    event.listen(one.ledger.engine, "begin", lambda _: setattr(open_now, "on", True))
    event.listen(one.ledger.engine, "commit", lambda _: setattr(open_now, "on", False))
    real = one.carrier.send
    one.carrier.send = lambda *args: seen.append(getattr(open_now, "on", False)) or real(*args)
    assert jobs.send_slice(500) == 5
    assert seen == [False] * 5


def test_the_names_of_the_jobs_are_those_that_the_queue_is_told():
    assert {queues.SEND, queues.RECONCILE} == {
        f"{job.__module__}.{job.__name__}" for job in (jobs.send_slice, jobs.reconcile_texts)
    }
