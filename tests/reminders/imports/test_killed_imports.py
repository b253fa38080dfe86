"""Imports that die: what has not gone live has never counted, and what has gone live is finished without the file."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from datetime import timedelta

import pytest
from redis import Redis

from ivr import queues
from ivr.ledger.tables import appointment, batch, staged_change
from ivr.reminders.imports.staging import CHUNK_SIZE, finish_batch, unfinished_batches
from ivr.settings import Settings
from tests.reminders.imports.test_importer import codes, counts
from tests.reminders.imports.test_staging import live_days, staged
from tests.support.clinic import NOW, at, csv_text, row
from tests.support.kill_once import KillOnce
from tests.support.paths import ROOT
from tests.support.processes import Processes, environment, wait_until
from worker.clock import tick

LATER = NOW + timedelta(hours=1)
STAGE = "ivr.reminders.imports.staging:ImportStage"
# Its changes take two transactions. The number that ends in 00 is the line's own.
LARGE = [number for number in range(2 * CHUNK_SIZE) if number % 100][: CHUNK_SIZE + 200]


@pytest.fixture
def clinic(clinic_on_each_database):
    return clinic_on_each_database


def rows(*numbers: int, days: float = 8, **cells: str) -> list[dict[str, str]]:
    return [row(number, at(days), site="elliot", **cells) for number in numbers]


class Command:
    """`infoline reminders import` of a process that may be killed."""

    def __init__(self, clinic, ledger_url: str, kill: KillOnce) -> None:
        self._folder, self._kill = clinic.folder, kill
        self._environment = environment(clinic.folder, DATABASE_URL=ledger_url, **kill.settings)

    def run(self, name: str, rows: list[dict[str, str]]) -> subprocess.CompletedProcess[str]:
        path = self._folder / name
        path.write_text(csv_text(rows))
        command = [sys.executable, "-m", "ivr.cli", "reminders", "import", str(path), "--json"]
        return subprocess.run(command, cwd=ROOT, env=self._environment, capture_output=True, text=True, check=False)

    def die(self, name: str, rows: list[dict[str, str]], after_calls: int = 0) -> None:
        self._kill.arm(after_calls)
        assert self.run(name, rows).returncode == -signal.SIGKILL
        assert self._kill.has_killed


@pytest.mark.processes
def test_the_rows_of_an_import_killed_before_it_goes_live_are_new_when_the_file_is_imported_again(
    clinic, ledger_url, tmp_path
):
    command = Command(clinic, ledger_url, KillOnce(tmp_path, f"{STAGE}.go_live"))
    command.die("first.csv", rows(1, 2, 3))
    assert len(clinic.all(appointment)) == 3
    assert live_days(clinic) == {}
    report = json.loads(command.run("second.csv", rows(1, 2, 3)).stdout)
    numbers = {"rows": 3, "accepted": 3, "updated": 0, "unchanged": 0, "rejected": 0}
    assert {name: report[name] for name in numbers} == numbers
    assert live_days(clinic) == {"A1": 8, "A2": 8, "A3": 8}
    assert {stored.batch_id for stored in clinic.all(appointment)} == {report["batch"]}
    assert {stored.created_from for stored in clinic.all(appointment)} == {"second.csv"}


@pytest.mark.processes
def test_an_import_killed_once_it_is_live_is_finished_without_its_file(clinic, ledger_url, queue_url, tmp_path):
    clinic.import_rows(*rows(*LARGE))
    command = Command(clinic, ledger_url, KillOnce(tmp_path, f"{STAGE}._apply_some"))
    command.die("moved.csv", rows(*LARGE, days=9), after_calls=1)
    assert sorted(live_days(clinic).values()) == [8] * 200 + [9] * CHUNK_SIZE
    assert len(clinic.all(staged_change)) == 200
    # Three minutes after the import.
    shift = float(environment(clinic.folder)["CLOCK_SHIFT_SECONDS"]) + 180
    processes = Processes(clinic, queue_url, DATABASE_URL=ledger_url, CLOCK_SHIFT_SECONDS=shift)
    try:
        processes.start("-m", "worker")
        processes.start("-m", "worker", "clock")
        wait_until(lambda: "import_finished" in processes.output(1), 180)
    finally:
        processes.end()
    assert set(live_days(clinic).values()) == {9}
    assert clinic.all(staged_change) == []
    assert {stored.filename for stored in clinic.all(batch)} == {"appointments.csv", "moved.csv"}
    assert {len(clinic.changes(f"A{number}")) for number in (LARGE[0], LARGE[-1])} == {1}


# What a dead import said of an appointment, what a file says of it later, and what is true then.
AGAIN = [
    ("the same", {}, {}),
    ("another day", {}, {"starts_at": at(9)}),
    ("another name", {"first_name": "An"}, {"first_name": "Ann"}),
    ("the same name", {"first_name": "Ann"}, {"first_name": "Ann"}),
    ("that it is over", {}, {"status": "attended"}),
    ("that it is cancelled", {}, {"status": "cancelled"}),
    ("that it is booked after all", {"status": "cancelled"}, {}),
]


@pytest.mark.parametrize(("first", "second"), [case[1:] for case in AGAIN], ids=[case[0] for case in AGAIN])
def test_an_appointment_of_a_dead_import_is_what_a_later_file_says_as_if_it_were_new(clinic, first, second):
    staged(clinic, row(1, at(8), **first))
    cells = {**row(1, at(8)), **second}
    rehearsed = clinic.dry_run(cells, now=LATER)
    report = clinic.import_rows(cells, now=LATER, name="second.csv")
    assert counts(report) == counts(rehearsed) == (1, 1, 0, 0, 0)
    stored = clinic.appointment("A1")
    name = clinic.vault.open(stored.first_name_sealed) if stored.first_name_sealed else ""
    assert (stored.starts_at.isoformat(), stored.status) == (cells["starts_at"], cells.get("status", "booked"))
    assert (name, stored.batch_id) == (cells.get("first_name", ""), report.batch)
    assert (stored.created_from, stored.created_at, stored.as_of) == ("second.csv", LATER, LATER)
    assert clinic.changes("A1") == []
    assert (stored.next_due_at is None) is ("status" in second)


def test_a_file_that_is_imported_after_a_dead_one_gets_the_same_warnings(clinic):
    clinic.import_rows(row(1, at(8), appointment_id="00123"))
    alike = row(1, at(8), appointment_id="123")
    staged(clinic, alike)
    assert codes(clinic.import_rows(alike).warnings) == [(2, "appointment_id", "id_alike"), (0, "", "absent_rows")]


def test_an_id_of_a_dead_import_is_like_no_other_id(clinic):
    staged(clinic, row(1, at(8), appointment_id="123"))
    assert codes(clinic.import_rows(row(1, at(8), appointment_id="00123")).warnings) == [(0, "", "absent_rows")]


def die_live(clinic, monkeypatch, *moved: dict[str, str]) -> int:
    """An import whose batch goes live, and which applies nothing. Returns the batch."""
    with monkeypatch.context() as patch:
        patch.setattr("ivr.reminders.imports.staging.ImportStage._apply_all", lambda *_: True)
        return clinic.import_rows(*moved).batch


def test_the_clock_has_a_worker_finish_what_is_live_for_two_minutes(clinic, queue_url, monkeypatch):
    clinic.import_rows(*rows(1, 2))
    died = die_live(clinic, monkeypatch, *rows(1, 2, days=9))
    staged(clinic, *rows(1, days=10))
    two_minutes = NOW + timedelta(minutes=2)
    with Redis.from_url(queue_url) as connection:
        connection.flushall()
        queue = queues.open_queue(connection)
        tick(Settings(), clinic.ledger, queue, two_minutes)
        assert queue.count == 0
        tick(Settings(), clinic.ledger, queue, two_minutes + timedelta(seconds=1))
        assert [queues.take(connection, 1).name for _ in range(queue.count)] == [queues.FINISH]
    assert unfinished_batches(clinic.ledger, LATER) == [died]
    assert finish_batch(clinic.ledger, clinic.vault, clinic.content.config, died, LATER)
    assert live_days(clinic) == {"A1": 9, "A2": 9}
    assert unfinished_batches(clinic.ledger, LATER) == []


def test_imports_that_died_are_finished_in_the_order_in_which_they_went_live(clinic, monkeypatch):
    clinic.import_rows(*rows(1, 2))
    died = [die_live(clinic, monkeypatch, *rows(1, 2, days=days)) for days in (9, 10)]
    assert unfinished_batches(clinic.ledger, LATER) == died
    for number in died:
        finish_batch(clinic.ledger, clinic.vault, clinic.content.config, number, LATER)
    assert live_days(clinic) == {"A1": 10, "A2": 10}


def test_what_takes_long_to_finish_stops_between_two_transactions_and_goes_on_later(clinic, monkeypatch):
    clinic.import_rows(*rows(*LARGE))
    died = die_live(clinic, monkeypatch, *rows(*LARGE, days=9))
    finish = (clinic.ledger, clinic.vault, clinic.content.config, died, LATER)
    assert not finish_batch(*finish, lambda: True)
    assert len(clinic.all(staged_change)) == 200
    assert finish_batch(*finish)
    assert set(live_days(clinic).values()) == {9}
