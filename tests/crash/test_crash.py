"""Each text goes out once, wherever its hand-over is interrupted, and whatever its carrier answers.

The clock, the worker, and the web process run their real code on a real database and a real queue server, with a
carrier in memory. A schedule interrupts them at a point where they touch one of these. `make test-crash` runs all
schedules; `make test-crash SCHEDULES=2000` runs that many of them, and `make test-crash SCHEDULE="1 slow late 57:kill"`
replays one and prints its points.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import cache

import pytest
from sqlalchemy import select

from ivr.carrier.twilio import client
from ivr.carrier.twilio.client import Accepted, Refused
from ivr.carrier.twilio.errors import ErrorClass
from ivr.carrier.twilio.transport import Transport
from ivr.ledger.tables import text
from ivr.reminders.outbox import reconcile
from ivr.reminders.outbox.results import reschedule
from ivr.reminders.outbox.text_states import TextState, transition
from tests.crash.schedule import EVENTS, Schedule, alone, at_random, in_pairs, undisturbed
from tests.crash.world import World
from worker import clock as clock_process

pytestmark = pytest.mark.crash
GROUPS = 64
RANDOM = 1500
LEAST = 20_000
# Each pair of kills of one, two, and three texts. The pairs of three texts with other answers would be 17,000 more.
PAIRS = (Schedule(1, ("unheard",)), Schedule(2), Schedule(3))
# Pairs of different events, the second after the first.
MIXED = (("kill", "database"), ("pause", "kill"), ("refused", "kill"))
# Every event at every point would be 25,000 schedules more.
FEW = (Schedule(2), Schedule(1, ("unheard",)), Schedule(3, ("unheard", "cut", "slow")))
ALWAYS = ("kill", "pause", "database")


@cache
def schedules(world: World) -> list[Schedule]:
    """All schedules, or the number of them that SCHEDULES asks for, evenly chosen."""
    found = list(_schedules(world))
    wanted = int(os.environ.get("SCHEDULES") or len(found))
    return found[:: max(1, len(found) // wanted)]


def _schedules(world: World) -> Iterator[Schedule]:
    for schedule in undisturbed():
        yield schedule
        points = world.run(schedule).points
        yield from alone(schedule, points, ALWAYS)
        if schedule in FEW:
            yield from alone(schedule, points, [event for event in EVENTS if event not in ALWAYS])
    for schedule in PAIRS:
        yield from in_pairs(schedule, world.run(schedule).points, "kill", "kill")
    for first, second in MIXED:
        yield from in_pairs(PAIRS[0], world.run(PAIRS[0]).points, first, second)
    yield from map(at_random, range(RANDOM))


@pytest.mark.parametrize("group", range(GROUPS))
@pytest.mark.skipif("SCHEDULE" in os.environ, reason="SCHEDULE asks for one schedule only")
def test_no_schedule_loses_or_doubles_a_text(world, group, record_property):
    """Fails with the schedules that do, each of which `make test-crash SCHEDULE=…` replays."""
    mine = schedules(world)[group::GROUPS]
    outcomes = [(schedule, world.run(schedule)) for schedule in mine]
    record_property("schedules", len(mine))
    for name in ("lost", "doubled", "unsettled"):
        record_property(name, sum(getattr(outcome, name) for _, outcome in outcomes))
    assert [str(schedule) for schedule, outcome in outcomes if not outcome.is_right] == []


@pytest.mark.skipif("SCHEDULE" in os.environ or "SCHEDULES" in os.environ, reason="only some schedules are wanted")
def test_there_are_at_least_20_000_different_schedules(world):
    assert len({str(schedule) for schedule in schedules(world)}) >= LEAST


@pytest.mark.skipif("SCHEDULE" not in os.environ, reason="no SCHEDULE to replay")
def test_the_schedule_that_was_asked_for(world):
    outcome = world.run(Schedule.parse(os.environ["SCHEDULE"]))
    print("\n".join(outcome.trace))
    assert outcome.is_right


def test_a_schedule_that_is_run_twice_takes_the_same_course(world):
    schedule = Schedule.parse("3 unheard,cut,slow late 23:pause,71:kill,90:back")
    assert world.run(schedule) == world.run(Schedule.parse(str(schedule)))


@contextmanager
def retried_without_a_search() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(client, "_refusal", lambda error: Refused(ErrorClass.TRANSIENT, None, type(error).__name__))
        yield


@contextmanager
def expired_claims_planned_again() -> Iterator[None]:
    def expire(ledger, now, lease_seconds):
        with ledger.write() as connection:
            for row in connection.execute(select(text).where(text.c.state == TextState.CLAIMED)).all():
                if (now - row.claimed_at).total_seconds() > lease_seconds:
                    reschedule(connection, row, now, now, "expired")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock_process, "expire_claims", expire)
        yield


@contextmanager
def expired_claims_count_as_sent() -> Iterator[None]:
    def expire(ledger, now, lease_seconds):
        with ledger.write() as connection:
            before = now - timedelta(seconds=lease_seconds)
            expired = select(text.c.id).where(text.c.state == TextState.CLAIMED, text.c.claimed_at < before)
            transition(connection, connection.execute(expired).scalars().all(), TextState.HANDED_OVER, now)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock_process, "expire_claims", expire)
        yield


@contextmanager
def an_error_counts_as_sent() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(client, "_refusal", lambda _error: Accepted("SM" + "f" * 32, "queued"))
        yield


@contextmanager
def one_search_is_enough() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reconcile, "SEARCHES", 1)
        yield


@contextmanager
def a_short_search() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reconcile, "SEARCH_BACK", reconcile.CLOCK_TOLERANCE)
        yield


@contextmanager
def no_last_look_at_the_clock() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Transport, "no_later_than", contextmanager(lambda _self, _latest: iter([None])))
        yield


@pytest.mark.parametrize(
    ("change", "schedule", "event", "harm"),
    [
        (retried_without_a_search, Schedule(1, ("unheard",), "late"), "stop", "doubled"),
        (expired_claims_planned_again, Schedule(1, (), "late"), "kill", "doubled"),
        (one_search_is_enough, Schedule(1, ("slow",)), "stop", "doubled"),
        (a_short_search, Schedule(1, ("unheard",), "late"), "forward", "doubled"),
        (no_last_look_at_the_clock, Schedule(1), "pause", "doubled"),
        (expired_claims_count_as_sent, Schedule(1), "kill", "lost"),
        (an_error_counts_as_sent, Schedule(1, ("cut",)), "stop", "lost"),
    ],
    ids=lambda value: value.__name__.replace("_", " ") if callable(value) else str(value),
)
def test_a_mistake_in_the_hand_over_is_found(
    world: World, change: Callable[[], contextmanager], schedule: Schedule, event: str, harm: str
):
    points = world.run(schedule).points
    with change():
        assert any(getattr(world.run(case), harm) for case in alone(schedule, points, [event]))
