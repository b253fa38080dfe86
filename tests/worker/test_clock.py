"""The clock process after this machine's time was set: waits that were measured on it may not be over."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace

import pytest
from redis import Redis

from ivr import clock, queues
from ivr.carrier.twilio.client import Refused
from ivr.carrier.twilio.errors import ErrorClass
from ivr.settings import Settings
from tests.support.clinic import NOW, at, row
from worker import clock as clock_process
from worker.clock import SteadyWatch, tick

LATER = NOW + timedelta(hours=1)


@pytest.fixture
def times(monkeypatch):
    """The time of the machine, and that of a clock which nobody can set."""
    times = SimpleNamespace(machine=1e9, monotonic=0.0)
    fake = SimpleNamespace(time=lambda: times.machine, monotonic=lambda: times.monotonic)
    for module in (clock, clock_process):
        monkeypatch.setattr(module, "time", fake)
    return times


def pass_seconds(times, seconds):
    times.machine, times.monotonic = times.machine + seconds, times.monotonic + seconds


@pytest.mark.parametrize("jump", [3600, -3600, 11, -11])
def test_after_the_time_was_set_waits_count_again_once_two_searches_would_be_over(times, jump):
    watch = SteadyWatch(Settings(reconcile_seconds=60))
    pass_seconds(times, 500)
    assert watch.is_steady()
    times.machine += jump
    assert not watch.is_steady()
    pass_seconds(times, 119)
    assert not watch.is_steady()
    pass_seconds(times, 1)
    assert watch.is_steady()


def test_a_clock_process_that_has_just_started_waits_too_because_the_time_may_have_been_set_before(times):
    watch = SteadyWatch(Settings(reconcile_seconds=60))
    assert not watch.is_steady()
    pass_seconds(times, 119)
    assert not watch.is_steady()
    pass_seconds(times, 1)
    assert watch.is_steady()


def test_a_small_correction_changes_nothing(times):
    watch = SteadyWatch(Settings())
    pass_seconds(times, 500)
    times.machine += 9
    assert watch.is_steady()


@pytest.mark.parametrize(
    ("is_steady", "states", "jobs"), [(True, {"uncertain"}, 1), (False, {"claimed", "uncertain"}, 0)]
)
def test_only_with_a_steady_clock_claims_expire_and_texts_are_searched_for(clinic, queue_url, is_steady, states, jobs):
    clinic.import_rows(row(1, at(2, -1)), row(2, at(2, -1)))
    claimed, _ = clinic.claim()
    clinic.record([(claimed.attempt, Refused(ErrorClass.UNCERTAIN, None, "Broken"))])
    with Redis.from_url(queue_url) as connection:
        queue = queues.open_queue(connection)
        tick(Settings(), clinic.ledger, queue, LATER, is_steady=is_steady)
        assert queue.count == jobs
    assert {text.state for text in clinic.texts() if text.step == "2d"} == states
