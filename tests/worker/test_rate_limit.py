"""The sender's pace on a real queue server: shared by all workers, slowed by the carrier, and back by steps."""

from __future__ import annotations

import threading
import time

import pytest
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from worker import rate_limit
from worker.rate_limit import Pacer, SharedRateLimit


@pytest.fixture
def connection(queue_url):
    with Redis.from_url(queue_url) as connection:
        yield connection


def test_two_workers_together_keep_to_the_pace_of_one_sender(connection):
    one, other = SharedRateLimit(connection, "+16035550100", 10), SharedRateLimit(connection, "+16035550100", 10)
    starts = [sender.reserve(2)[0] for sender in (one, other, one, other)]
    assert starts == pytest.approx([0.0, 0.2, 0.4, 0.6], abs=0.1)


def test_another_sender_has_a_pace_of_its_own(connection):
    SharedRateLimit(connection, "+16035550100", 1).reserve(60)
    assert SharedRateLimit(connection, "MG" + "2" * 32, 1).reserve(1)[0] == pytest.approx(0.0, abs=0.05)


def test_too_fast_halves_the_pace_for_all_and_a_burst_of_complaints_counts_once(connection):
    one, other = SharedRateLimit(connection, "sender", 10), SharedRateLimit(connection, "sender", 10)
    for _ in range(30):
        one.slow()
    start, each = other.reserve(1)
    assert each == pytest.approx(1 / 5, rel=0.01)
    assert start == pytest.approx(rate_limit.BREATH_SECONDS, abs=0.2)


@pytest.mark.parametrize(("complaints", "share"), [(3, 0.9), (10, 0.9), (12, 0.5)], ids=["few", "a tenth", "more"])
def test_a_carrier_that_complains_now_and_then_costs_a_little_only(connection, complaints, share):
    sender = SharedRateLimit(connection, "sender", 1000)
    sender.slow()
    (key,) = connection.keys("infoline:pace:*")
    connection.hset(key, mapping={"share": 1, "slowed": time.time()})
    sender.reserve(100)
    for _ in range(complaints - 1):
        sender.slow()
    connection.hset(key, "slowed", time.time() - 1.5)
    sender.slow()
    assert 1 / (1000 * sender.reserve(0)[1]) == pytest.approx(share)


def test_speed_comes_back_by_steps_to_the_full_pace_and_no_further(connection):
    sender = SharedRateLimit(connection, "sender", 10)
    sender.slow()
    (key,) = connection.keys("infoline:pace:*")
    shares = []
    for seconds in (0, 2, 4, 6, 60):
        connection.hset(key, "slowed", time.time() - seconds)
        shares.append(round(1 / (10 * sender.reserve(0)[1]), 2))
    assert shares == [0.5, 0.6, 0.7, 0.8, 1.0]


def test_however_often_the_carrier_complains_some_speed_is_left(connection):
    sender = SharedRateLimit(connection, "sender", 100)
    sender.slow()
    (key,) = connection.keys("infoline:pace:*")
    for _ in range(10):
        connection.hset(key, "slowed", time.time() - 1.5)
        sender.slow()
    assert 1 / sender.reserve(0)[1] == pytest.approx(100 * rate_limit.SLOWEST)


def test_a_wiped_server_begins_anew_and_one_that_is_away_leaves_the_worker_to_itself(connection):
    sender = SharedRateLimit(connection, "sender", 10)
    sender.reserve(600)
    connection.flushall()
    assert sender.reserve(1)[0] == pytest.approx(0.0, abs=0.05)
    alone = SharedRateLimit(Redis(port=1, retry=Retry(NoBackoff(), 0)), "sender", 10)
    assert [alone.reserve(5)[0] for _ in range(3)] == pytest.approx([0.0, 0.5, 1.0], abs=0.1)
    alone.slow()
    assert alone.reserve(1)[0] > 1.0


def test_a_server_whose_clock_is_put_back_neither_holds_the_sender_up_nor_lets_it_run(connection):
    sender = SharedRateLimit(connection, "sender", 10)
    sender.slow()
    (key,) = connection.keys("infoline:pace:*")
    connection.hset(key, mapping={"next": time.time() + 3600, "share": 0.5, "slowed": time.time() + 3600})
    starts, each = zip(*(sender.reserve(5) for _ in range(2)), strict=True)
    assert starts == pytest.approx((0.0, 1.0), abs=0.2)
    assert each == pytest.approx((0.2, 0.2))
    assert float(connection.hget(key, "slowed")) == pytest.approx(time.time(), abs=5)


class Counted:
    """A sender whose leave begins `delay` seconds from now, `each` a segment."""

    def __init__(self, each, delay=0.0):
        self.each, self.delay, self.asked = each, delay, []

    def reserve(self, segments):
        self.asked.append(segments)
        return self.delay, self.each

    def slow(self):
        self.asked.append("slow")


@pytest.mark.parametrize(
    ("per_second", "sizes", "waits", "asked"),
    [
        (10, (1, 1, 1), (0, 0, 0), [1, 1, 1]),
        (100, (1, 1, 1), (0, 0.01, 0.02), [10]),
        (40, (2, 1, 3, 1), (0, 0.05, 0, 0.075), [4, 4]),
        (1, (3,), (0,), [3]),
    ],
    ids=["one by one", "some at a time", "segments count", "a text longer than what is asked for at a time"],
)
def test_a_worker_asks_for_leave_ahead_and_spreads_its_segments(monkeypatch, per_second, sizes, waits, asked):
    monkeypatch.setattr("time.monotonic", lambda: 1000.0)
    sender, slept = Counted(1 / per_second), []
    one = Pacer(sender, per_second, slept.append)
    for segments in sizes:
        one.wait(segments)
    assert slept == pytest.approx(waits)
    assert sender.asked == asked


def test_after_a_complaint_what_was_reserved_is_given_back():
    sender = Counted(0.0)
    one = Pacer(sender, 100, lambda _: None)
    one.wait(1)
    one.slow()
    one.wait(1)
    assert sender.asked == [10, "slow", 10]


def test_many_threads_never_use_more_than_was_reserved(connection):
    sender, reserved = SharedRateLimit(connection, "sender", 1000), []
    real = sender.reserve
    sender.reserve = lambda segments: reserved.append(segments) or real(segments)
    one = Pacer(sender, 1000, lambda _: None)
    threads = [threading.Thread(target=lambda: [one.wait(3) for _ in range(20)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(reserved) >= 8 * 20 * 3
