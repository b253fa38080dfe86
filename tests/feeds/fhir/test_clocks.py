"""A FHIR server whose clock differs from ours: no change is lost, in the feed and next to other sources."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.feeds.fhir.records import Records, run_at
from tests.feeds.fhir.servers import running
from tests.support.clinic import NOW, row

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
BEHIND, AHEAD, EQUAL = -HOUR, HOUR, timedelta()


@pytest.fixture
def clinic(clinic_on_each_database):
    return clinic_on_each_database


class World:
    """The time, and a server whose clock is off by `skew`."""

    def __init__(self, skew: timedelta, **more: bool) -> None:
        self.now = NOW
        self.records = Records(lambda: self.now + skew, **more)

    def wait(self, minutes: float) -> None:
        self.now += minutes * MINUTE


@pytest.mark.parametrize("has_date", [True, False], ids=["with Date", "without Date"])
@pytest.mark.parametrize("skew", [BEHIND, EQUAL, AHEAD])
def test_every_change_is_pulled_whatever_the_clock_of_the_server_says(clinic, skew, has_date):
    world = World(skew)
    world.records.put(1)
    with running(world.records.server(has_date=has_date)) as fake:
        world.wait(1)
        assert run_at(clinic, fake, world.now).accepted == 1
        for day in (9, 10, 11):
            world.wait(0.5)
            world.records.put(1, f"2026-12-{day:02}T10:30:00-05:00")
            world.wait(4.5)
            assert run_at(clinic, fake, world.now).updated == 1
            assert clinic.appointment("A1").starts_at.day == day
        world.wait(200)
        assert run_at(clinic, fake, world.now).updated == 0
        world.records.put(1, "2026-12-11T10:30:00-05:00", status="cancelled")
        world.wait(1)
        run_at(clinic, fake, world.now)
    assert clinic.appointment("A1").status == "cancelled"
    assert [query for query in fake.searches if "date" in query] == fake.searches[:28]


@pytest.mark.parametrize("skew", [BEHIND, AHEAD])
def test_a_change_from_a_server_with_another_clock_counts_from_when_it_was_made(clinic, skew):
    world = World(skew)
    with running(world.records.server()) as fake:
        world.records.put(1)
        run_at(clinic, fake, world.now)
        world.wait(20)
        clinic.import_rows(row(1, "2026-12-09 10:30", site="elliot"), now=world.now)
        # After the file: stamped an hour before it, if the server's clock is behind.
        world.wait(5)
        world.records.put(1, "2026-12-10T10:30:00-05:00")
        world.wait(5)
        run_at(clinic, fake, world.now)
        assert clinic.appointment("A1").starts_at.day == 10
        # Before the file: stamped after it, if the server's clock is ahead.
        world.records.put(1, "2026-12-11T10:30:00-05:00")
        world.wait(10)
        clinic.import_rows(row(1, "2026-12-14 10:30", site="elliot"), now=world.now)
        world.wait(5)
        run_at(clinic, fake, world.now)
    assert clinic.appointment("A1").starts_at.day == 14


def test_a_proxy_whose_clock_is_ahead_of_the_server_behind_it_loses_nothing(clinic):
    world = World(EQUAL)
    world.records.put(1)
    server = world.records.server()
    server.clock = lambda: world.now + HOUR
    with running(server) as fake:
        world.wait(10)
        run_at(clinic, fake, world.now)
        world.wait(1)
        world.records.put(1, status="cancelled")
        world.wait(4)
        run_at(clinic, fake, world.now)
    assert clinic.appointment("A1").status == "cancelled"


def test_a_server_that_stamps_nothing_is_asked_from_its_date(clinic):
    world = World(BEHIND, stamps=False)
    world.records.put(1)
    with running(world.records.server()) as fake:
        run_at(clinic, fake, world.now)
        world.wait(5)
        run_at(clinic, fake, world.now)
    assert fake.searches[-1]["_lastUpdated"] == ["ge2026-12-01T13:58:00Z"]


def test_a_server_that_tells_no_time_at_all_is_read_as_a_whole_each_time(clinic):
    world = World(EQUAL, stamps=False)
    world.records.put(1)
    with running(world.records.server(has_date=False)) as fake:
        for _ in range(2):
            run_at(clinic, fake, world.now)
            world.records.put(1, status="cancelled")
    assert clinic.appointment("A1").status == "cancelled"
    assert not any("_lastUpdated" in query for query in fake.searches)
