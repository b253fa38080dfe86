"""The first pull of a large clinic: window by window and page by page, continued after it was stopped or killed."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import threading
from datetime import date, timedelta

import pytest

from ivr.feeds.fhir.position import FirstPull
from ivr.feeds.fhir.server import FhirError
from ivr.ledger.tables import alarm, appointment, batch
from tests.feeds.fhir.records import Records, puller, run_at
from tests.feeds.fhir.servers import FakeServer, bundle, patient, running
from tests.feeds.fhir.servers import appointment as resource
from tests.support.clinic import NOW
from tests.support.paths import ROOT
from tests.support.processes import environment

DAYS = 40


@pytest.fixture
def clinic(clinic_on_each_database):
    return clinic_on_each_database


def booked(count: int, page_size: int) -> Records:
    """Appointments spread over more than one window."""
    records = Records(page_size=page_size)
    for number in range(1, count + 1):
        day = date(2026, 12, 2) + timedelta(days=number % DAYS)
        records.put(number, f"{day}T10:30:00-05:00")
    return records


def windows(searches) -> list[str]:
    return list(dict.fromkeys(query["date"][0] for query in searches if "date" in query))


def test_the_windows_of_a_first_pull_leave_no_day_out_and_the_last_has_no_end():
    found = list(FirstPull(date(2026, 12, 1)).windows(date(2026, 12, 1)))
    assert found[0][0] == date(2026, 12, 1)
    assert all(end == start for (_, end), (start, _) in zip(found, found[1:], strict=False))
    (last, end) = found[-1]
    assert (last >= date(2028, 12, 1), end) == (True, None)


def test_more_appointments_than_one_import_takes_are_pulled_page_by_page(clinic, monkeypatch):
    monkeypatch.setattr("ivr.reminders.imports.files.cells.MAX_ROWS", 50)
    seen = []
    with running(booked(120, page_size=7).server()) as fake:
        report = puller(clinic, fake, progress=lambda rows, until: seen.append((rows, until))).run(NOW)
    assert (report.rows, report.accepted, report.is_complete) == (120, 120, True)
    assert len(clinic.all(appointment)) == 120
    assert [found.filename for found in clinic.all(batch)] == ["FHIR"]
    assert sorted(seen) == seen
    assert seen[-1] == (120, date(2028, 12, 26))


def test_a_pull_of_many_pages_is_read_to_its_end(clinic):
    with running(booked(120, page_size=1).server()) as fake:
        assert run_at(clinic, fake, NOW).accepted == 120
        fake.searches.clear()
        assert run_at(clinic, fake, NOW + timedelta(minutes=5)).accepted == 0
    assert windows(fake.searches) == []


def test_a_first_pull_that_was_stopped_goes_on_in_the_same_window(clinic):
    pages = iter([False] * 4 + [True])
    with running(booked(80, page_size=10).server()) as fake:
        report = puller(clinic, fake, should_stop=lambda: next(pages)).run(NOW)
        # 53 start in the first window, of 28 days.
        assert (report.is_complete, report.rows) == (False, 50)
        fake.searches.clear()
        pages = iter([False] * 6 + [True])
        assert not puller(clinic, fake, should_stop=lambda: next(pages)).run(NOW).is_complete
        fake.searches.clear()
        report = run_at(clinic, fake, NOW + timedelta(days=1))
    # A day later: the windows are those that the first pull began with.
    assert windows(fake.searches)[0] == "ge2026-12-29"
    assert (report.is_complete, len(clinic.all(appointment))) == (True, 80)


def test_what_changes_between_two_parts_of_a_first_pull_is_not_lost(clinic):
    now = [NOW]
    records = Records(lambda: now[0], page_size=1)
    records.put(1, "2026-12-08T10:30:00-05:00")
    records.put(2, "2027-02-08T10:30:00-05:00")
    pages = iter([False, True])
    with running(records.server()) as fake:
        puller(clinic, fake, should_stop=lambda: next(pages)).run(NOW)
        # Its window is done.
        now[0] = NOW + timedelta(hours=3)
        records.put(1, "2026-12-08T10:30:00-05:00", status="cancelled")
        now[0] = NOW + timedelta(hours=6)
        run_at(clinic, fake, now[0])
        run_at(clinic, fake, now[0] + timedelta(minutes=5))
    assert clinic.appointment("A1").status == "cancelled"


@pytest.mark.parametrize("addresses", ["the same", "new ones"])
def test_pages_in_a_circle_raise_the_alarm(clinic, addresses):
    counter = iter(range(10_000))

    def answer(query):
        page = int(query.get("page", ["1"])[0])
        following = page % 3 + 1
        number = f"&n={next(counter)}" if addresses == "new ones" else ""
        return bundle(resource(page), patient(page), following=f"/fhir/Appointment?page={following}{number}")

    with running(FakeServer(answer)) as fake, pytest.raises(FhirError, match="lead back to themselves"):
        puller(clinic, fake).run(NOW)
    assert [row.name for row in clinic.all(alarm)] == ["fhir_pull_failed"]
    assert len(fake.searches) <= 4


class Stall:
    """Keeps the line waiting for an answer once it has imported `count` appointments."""

    def __init__(self, clinic, answer, count: int) -> None:
        self._clinic, self._answer, self._count = clinic, answer, count
        self.has_begun, self.over = threading.Event(), threading.Event()

    def __call__(self, query):
        if len(self._clinic.all(appointment)) >= self._count:
            self.has_begun.set()
            self.over.wait(60)
        return self._answer(query)


@pytest.mark.processes
def test_a_first_pull_that_is_killed_twice_continues_and_takes_everything_once(clinic, ledger_url):
    env = environment(clinic.folder, DATABASE_URL=ledger_url)
    with running(booked(90, page_size=5).server()) as fake:
        answer = fake.answer
        command = [sys.executable, "-m", "ivr.cli", "reminders", "pull", "--fhir", fake.url, "--once"]
        for count in (20, 70):
            fake.answer = stall = Stall(clinic, answer, count)
            process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            assert stall.has_begun.wait(60), process.communicate(timeout=60)
            process.send_signal(signal.SIGKILL)
            process.communicate()
            stall.over.set()
        fake.answer = answer
        fake.searches.clear()
        done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=120, check=True)
    assert re.search(r"\d+ appointments: \d+ new", done.stdout)
    # The first window was complete before the second kill.
    assert windows(fake.searches)[0] == "ge2026-12-29"
    found = sorted(row.appointment_id for row in clinic.all(appointment))
    assert found == sorted(f"A{number}" for number in range(1, 91))
    assert all(clinic.changes(name) == [] for name in found)
