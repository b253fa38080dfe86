"""The rate limit of a key, which is counted per machine."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest

from ivr import create_app
from ivr.settings import load
from ivr.web.api.app import create_api
from ivr.web.api.rate_limit import RateLimit
from tests.web.api.conftest import Client, problem


class Clock:
    """Seconds since any start."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def taken(limit: RateLimit, tries: int, key_id: int = 1) -> int:
    return sum(limit.take(key_id) == 0 for _ in range(tries))


def test_a_minute_of_requests_may_come_at_once_and_then_as_many_as_are_added(tmp_path):
    clock = Clock()
    limit = RateLimit(tmp_path, 60, clock)
    assert taken(limit, 100) == 60
    clock.now += 10
    assert taken(limit, 100) == 10
    clock.now += 3600
    assert taken(limit, 100) == 60
    assert taken(limit, 100, key_id=2) == 60


def test_a_refused_request_takes_nothing(tmp_path):
    clock = Clock()
    limit = RateLimit(tmp_path, 60, clock)
    taken(limit, 60)
    # Twice as often as is allowed, for a minute: half of them are refused, and no more.
    allowed = 0
    for _ in range(120):
        clock.now += 0.5
        allowed += limit.take(1) == 0
    assert allowed == 60


def test_the_seconds_to_wait_are_until_the_next_token(tmp_path):
    clock = Clock()
    limit = RateLimit(tmp_path, 60, clock)
    taken(limit, 60)
    clock.now += 0.25
    assert limit.take(1) == pytest.approx(0.75)
    clock.now += 0.75
    assert limit.take(1) == 0


def test_a_bucket_from_before_a_restart_or_half_written_is_full(tmp_path):
    clock = Clock()
    taken(RateLimit(tmp_path, 60, clock), 60)
    clock.now = 5.0
    assert taken(RateLimit(tmp_path, 60, clock), 100) == 60
    (tmp_path / "1").write_bytes(b"abc")
    assert taken(RateLimit(tmp_path, 60, clock), 100) == 60


def _take(folder: Path, tries: int, counted: object) -> None:
    # No token is added meanwhile.
    counted.put(taken(RateLimit(folder, 100, lambda: 1000.0), tries))


def test_processes_at_once_take_each_token_once(tmp_path):
    context = multiprocessing.get_context("spawn")
    counted = context.Queue()
    processes = [context.Process(target=_take, args=(tmp_path, 80, counted)) for _ in range(3)]
    for process in processes:
        process.start()
    total = sum(counted.get(timeout=60) for _ in processes)
    for process in processes:
        process.join(60)
    assert total == 100


def test_two_processes_of_a_machine_share_the_limit_of_a_key(api, monkeypatch):
    monkeypatch.setenv("API_REQUESTS_PER_MINUTE", "3")
    key = api.key()
    apps = [create_api(create_app(load(), doors="twilio").extensions["infoline"]) for _ in range(2)]
    for app in apps:
        # As if all requests came in one moment.
        monkeypatch.setattr(app.extensions["api_gate"]._limit, "_seconds", lambda: 1000.0)
    clients = [Client(app.test_client(), key) for app in apps]
    answers = [clients[number % 2].get("/batches") for number in range(5)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
    assert problem(answers[3]) == (429, "too_many_requests")
    assert answers[3].headers["Retry-After"] == "20"
