"""The rate limit on a real queue server: shared by all workers, slowed by the carrier, recovering step by step."""

from __future__ import annotations

import threading
import time

import pytest
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from worker.rate_limit import PAUSE_SECONDS, Pacer, SharedRateLimit


@pytest.fixture
def connection(queue_url):
    with Redis.from_url(queue_url) as connection:
        yield connection


def test_two_workers_share_the_rate_limit_of_a_sender(connection):
    first, second = SharedRateLimit(connection, "+16035550100", 10), SharedRateLimit(connection, "+16035550100", 10)
    starts = [limit.reserve(2)[0] for limit in (first, second, first, second)]
    assert starts == pytest.approx([0.0, 0.2, 0.4, 0.6], abs=0.1)


def test_another_sender_has_its_own_rate_limit(connection):
    SharedRateLimit(connection, "+16035550100", 1).reserve(60)
    assert SharedRateLimit(connection, "MG" + "2" * 32, 1).reserve(1)[0] == pytest.approx(0.0, abs=0.05)


def test_a_burst_of_complaints_halves_the_rate_of_all_workers_once(connection):
    first, second = SharedRateLimit(connection, "sender", 10), SharedRateLimit(connection, "sender", 10)
    for _ in range(30):
        first.slow_down()
    delay, duration = second.reserve(1)
    assert duration == pytest.approx(1 / 5, rel=0.01)
    assert delay == pytest.approx(PAUSE_SECONDS, abs=0.2)


@pytest.mark.parametrize(("complaints", "share"), [(3, 0.9), (10, 0.9), (12, 0.5)], ids=["few", "a tenth", "more"])
def test_occasional_complaints_reduce_the_rate_a_little(connection, complaints, share):
    limit = SharedRateLimit(connection, "sender", 1000)
    limit.slow_down()
    (key,) = connection.keys("infoline:pace:*")
    connection.hset(key, mapping={"share": 1, "slowed": time.time()})
    limit.reserve(100)
    for _ in range(complaints - 1):
        limit.slow_down()
    connection.hset(key, "slowed", time.time() - 1.5)
    limit.slow_down()
    assert 1 / (1000 * limit.reserve(0)[1]) == pytest.approx(share)


def test_the_rate_recovers_step_by_step_to_the_full_rate(connection):
    limit = SharedRateLimit(connection, "sender", 10)
    limit.slow_down()
    (key,) = connection.keys("infoline:pace:*")
    shares = []
    for seconds in (0, 2, 4, 6, 60):
        connection.hset(key, "slowed", time.time() - seconds)
        shares.append(round(1 / (10 * limit.reserve(0)[1]), 2))
    assert shares == [0.5, 0.6, 0.7, 0.8, 1.0]


def test_the_rate_never_falls_below_a_minimum(connection):
    limit = SharedRateLimit(connection, "sender", 100)
    limit.slow_down()
    (key,) = connection.keys("infoline:pace:*")
    for _ in range(10):
        connection.hset(key, "slowed", time.time() - 1.5)
        limit.slow_down()
    assert 1 / limit.reserve(0)[1] == pytest.approx(100 * 0.05)


def test_a_wiped_server_starts_at_the_full_rate_and_without_a_server_the_worker_keeps_the_rate_locally(connection):
    limit = SharedRateLimit(connection, "sender", 10)
    limit.reserve(600)
    connection.flushall()
    assert limit.reserve(1)[0] == pytest.approx(0.0, abs=0.05)
    local = SharedRateLimit(Redis(port=1, retry=Retry(NoBackoff(), 0)), "sender", 10)
    assert [local.reserve(5)[0] for _ in range(3)] == pytest.approx([0.0, 0.5, 1.0], abs=0.1)
    local.slow_down()
    assert local.reserve(1)[0] > 1.0


def test_a_server_clock_that_is_set_back_neither_blocks_nor_frees_the_sender(connection):
    limit = SharedRateLimit(connection, "sender", 10)
    limit.slow_down()
    (key,) = connection.keys("infoline:pace:*")
    connection.hset(key, mapping={"next": time.time() + 3600, "share": 0.5, "slowed": time.time() + 3600})
    delays, durations = zip(*(limit.reserve(5) for _ in range(2)), strict=True)
    assert delays == pytest.approx((0.0, 1.0), abs=0.2)
    assert durations == pytest.approx((0.2, 0.2))
    assert float(connection.hget(key, "slowed")) == pytest.approx(time.time(), abs=5)


class RecordingLimit:
    """A rate limit without a delay that records its calls. duration: seconds of a segment."""

    def __init__(self, duration):
        self.duration, self.calls = duration, []

    def reserve(self, segments):
        self.calls.append(segments)
        return 0.0, self.duration

    def slow_down(self):
        self.calls.append("slow down")


@pytest.mark.parametrize(
    ("per_second", "sizes", "delays", "reserved"),
    [
        (10, (1, 1, 1), (0, 0, 0), [1, 1, 1]),
        (100, (1, 1, 1), (0, 0.01, 0.02), [10]),
        (40, (2, 1, 3, 1), (0, 0.05, 0, 0.075), [4, 4]),
        (1, (3,), (0,), [3]),
    ],
    ids=["one by one", "several at a time", "texts of several segments", "a text longer than a reservation"],
)
def test_a_worker_reserves_ahead_and_spreads_its_segments(monkeypatch, per_second, sizes, delays, reserved):
    monkeypatch.setattr("time.monotonic", lambda: 1000.0)
    limit, slept = RecordingLimit(1 / per_second), []
    pacer = Pacer(limit, per_second, slept.append)
    for segments in sizes:
        pacer.wait(segments)
    assert slept == pytest.approx(delays)
    assert limit.calls == reserved


def test_a_complaint_drops_the_reservation():
    limit = RecordingLimit(0.0)
    pacer = Pacer(limit, 100, lambda _: None)
    pacer.wait(1)
    pacer.slow_down()
    pacer.wait(1)
    assert limit.calls == [10, "slow down", 10]


def test_many_threads_never_use_more_than_was_reserved(connection):
    limit, reserved = SharedRateLimit(connection, "sender", 1000), []
    real_reserve = limit.reserve
    limit.reserve = lambda segments: reserved.append(segments) or real_reserve(segments)
    pacer = Pacer(limit, 1000, lambda _: None)
    threads = [threading.Thread(target=lambda: [pacer.wait(3) for _ in range(20)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(reserved) >= 8 * 20 * 3
