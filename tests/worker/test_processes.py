"""Worker and clock processes on a real queue, with a simulated phone network: each text goes out once."""

from __future__ import annotations

import signal
import sqlite3
import urllib.request
from collections import Counter
from contextlib import suppress
from datetime import timedelta

import pytest
from redis import Redis
from sqlalchemy import select

from ivr import queues
from ivr.carrier.twilio.client import Refused
from ivr.carrier.twilio.errors import ErrorClass
from ivr.ledger.tables import text, text_move
from ivr.reminders.reports.status import batch_status
from ivr.settings import Settings
from tests.support.clinic import NOW, at, row
from tests.support.processes import Processes, environment, wait_until
from worker import clock as clock_process
from worker.__main__ import main as worker_command
from worker.clock import tick

pytestmark = pytest.mark.processes

# Only step 2d of the plan is due.
DUE = at(2, -1)
NUMBERS = range(10, 30)
PHONES = {f"+160355501{number}" for number in NUMBERS}


@pytest.fixture
def open_processes(clinic, queue_url):
    """A function that prepares to start processes: open_processes(SETTING=value)."""
    opened = []

    def open_with(**settings):
        opened.append(Processes(clinic, queue_url, **settings))
        return opened[-1]

    yield open_with
    for processes in opened:
        processes.end()


def import_twenty(clinic):
    clinic.import_rows(*(row(number, DUE) for number in NUMBERS))


def states(clinic):
    return Counter(row.state for row in clinic.texts() if row.step == "2d")


def suspend_between_writes(processes, process, clinic):
    """Stop a process, but not while it writes: it would keep the lock of SQLite, and all others would wait for it."""

    def is_suspended():
        processes.signal(process, signal.SIGSTOP)
        database = sqlite3.connect(clinic.folder / "small.db", timeout=0, isolation_level=None)
        try:
            database.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            processes.signal(process, signal.SIGCONT)
            return False
        finally:
            database.close()
        return True

    wait_until(is_suspended)


def responds(url):
    with suppress(OSError):
        return urllib.request.urlopen(url, timeout=1).status == 200
    return False


def test_each_text_goes_out_once_with_two_clocks_two_workers_and_a_wiped_queue(clinic, open_processes, queue_url):
    processes = open_processes()
    processes.start("-m", "ivr.cli", "web")
    import_twenty(clinic)
    wait_until(lambda: responds(processes.env["PUBLIC_URL"] + "/healthz"))
    for command in (("clock",), ("clock",), (), ()):
        processes.start("-m", "worker", *command)
    wait_until(lambda: len(processes.sent()) >= 3)
    with Redis.from_url(queue_url) as connection:
        connection.flushall()
    wait_until(lambda: states(clinic) == {"delivered": 20})
    assert Counter(processes.sent()) == dict.fromkeys(PHONES, 1)
    assert batch_status(clinic.ledger)["alarms"] == []
    assert "55501" not in "".join(processes.output(number) for number in range(6))


def test_each_text_goes_out_once_even_if_a_worker_is_killed_during_its_slice(clinic, open_processes):
    timings = {"LEASE_SECONDS": 4, "RECONCILE_SECONDS": 0.5, "RETRY_SECONDS": 0.5, "PUBLIC_URL": "http://127.0.0.1:1"}
    processes = open_processes(**timings)
    import_twenty(clinic)
    processes.start("-m", "worker", "clock")
    first = processes.start("-m", "worker")
    wait_until(lambda: len(processes.sent()) >= 2)
    processes.kill(first)
    assert states(clinic)["claimed"] > 0
    processes.start("-m", "worker")
    wait_until(lambda: states(clinic).total() == 20 and set(states(clinic)) <= {"handed_over", "delivered"})
    assert Counter(processes.sent()) == dict.fromkeys(PHONES, 1)
    with clinic.ledger.read() as connection:
        sids = connection.execute(select(text.c.sid).where(text.c.step == "2d")).scalars().all()
        reasons = Counter(connection.execute(select(text_move.c.reason)).scalars())
    assert len(set(sids)) == 20
    assert reasons["lease_expired"] > 0


def test_a_worker_suspended_beyond_its_lease_does_not_repeat_what_another_worker_sent(clinic, open_processes):
    timings = {"LEASE_SECONDS": 4, "RECONCILE_SECONDS": 0.5, "RETRY_SECONDS": 0.5, "PUBLIC_URL": "http://127.0.0.1:1"}
    processes = open_processes(**timings)
    import_twenty(clinic)
    processes.start("-m", "worker", "clock")
    first = processes.start("-m", "worker")
    wait_until(lambda: len(processes.sent()) >= 2)
    suspend_between_writes(processes, first, clinic)
    assert len(processes.sent()) < len(PHONES)
    processes.start("-m", "worker")
    wait_until(lambda: states(clinic).total() == 20 and set(states(clinic)) <= {"handed_over", "delivered"})
    processes.signal(first, signal.SIGCONT)
    first.send_signal(signal.SIGTERM)
    assert first.wait(20) == 0
    assert Counter(processes.sent()) == dict.fromkeys(PHONES, 1)
    assert set(states(clinic)) <= {"handed_over", "delivered"}


@pytest.mark.parametrize(
    ("arguments", "settings", "sentence"),
    [
        ([], {}, "REDIS_URL is not set"),
        (["clokc"], {"REDIS_URL": "redis://127.0.0.1:1"}, "clokc"),
        (["clock", "now"], {"REDIS_URL": "redis://127.0.0.1:1"}, "clock now"),
        ([], {"CLOCK_SECONDS": "0"}, "CLOCK_SECONDS"),
        ([], {"REDIS_URL": "redis://127.0.0.1:port"}, "REDIS_URL"),
        ([], {"REDIS_URL": "redis://127.0.0.1:99999/0"}, "REDIS_URL"),
    ],
    ids=[
        "no queue",
        "an unknown process",
        "too many arguments",
        "an invalid setting",
        "no number as port",
        "no such port",
    ],
)
def test_invalid_arguments_and_settings_are_explained(tmp_path, monkeypatch, capsys, arguments, settings, sentence):
    for name, value in environment(tmp_path, **settings).items():
        monkeypatch.setenv(name, value)
    assert worker_command(arguments) == 2
    assert sentence in capsys.readouterr().err


def test_a_signal_stops_the_clock_and_the_worker_even_while_the_queue_is_unavailable(clinic, open_processes):
    processes = open_processes(CLOCK_SECONDS=60)
    clinic.import_rows(row(10, DUE))
    clock, worker = processes.start("-m", "worker", "clock"), processes.start("-m", "worker")
    processes.env["REDIS_URL"] = "redis://127.0.0.1:1"
    interrupted = processes.start("-m", "worker", "clock")
    wait_until(lambda: "clock_interrupted" in processes.output(3))
    wait_until(processes.sent)
    for process in (clock, interrupted, worker):
        process.send_signal(signal.SIGTERM)
    assert [process.wait(20) for process in (clock, interrupted, worker)] == [0, 0, 0]


def test_a_worker_that_is_stopped_finishes_texts_in_progress_and_another_worker_continues(clinic, open_processes):
    processes = open_processes(PUBLIC_URL="http://127.0.0.1:1", RETRY_SECONDS=0.5)
    import_twenty(clinic)
    processes.start("-m", "worker", "clock")
    first = processes.start("-m", "worker")
    wait_until(lambda: len(processes.sent()) >= 2)
    first.send_signal(signal.SIGTERM)
    assert first.wait(20) == 0
    # Each text is either recorded as handed over, or planned again.
    assert set(states(clinic)) <= {"handed_over", "planned"}
    assert states(clinic)["planned"] > 0
    processes.start("-m", "worker")
    wait_until(lambda: set(states(clinic)) == {"handed_over"})
    assert Counter(processes.sent()) == dict.fromkeys(PHONES, 1)


def test_jobs_contain_counts_and_ids_only(clinic, queue_url):
    import_twenty(clinic)
    with queues.connect(queue_url) as connection:
        queue = queues.open_queue(connection)
        tick(Settings(), clinic.ledger, queue, NOW)
        (job,) = queue.jobs
        assert (job.func_name, job.args) == (queues.SEND, [500])
        tick(Settings(), clinic.ledger, queue, NOW)
        assert queue.count == 1
        stored = b"".join(connection.dump(key) for key in connection.scan_iter())
    assert b"55501" not in stored


def test_due_texts_do_not_wait_behind_many_uncertain_texts(clinic, queue_url, monkeypatch):
    monkeypatch.setattr(clock_process, "RECONCILE_BATCH", 1)
    monkeypatch.setattr(clock_process, "MAX_JOBS", 3)
    import_twenty(clinic)
    uncertain = clinic.claim(limit=8)
    broken = Refused(ErrorClass.UNCERTAIN, None, "Broken")
    clinic.record([(claimed.attempt, broken) for claimed in uncertain])
    later = NOW + timedelta(minutes=2)
    with queues.connect(queue_url) as connection:
        queue = queues.open_queue(connection)
        tick(Settings(), clinic.ledger, queue, later)
        jobs = [(job.func_name, job.args) for job in queue.jobs]
    assert [name for name, _ in jobs] == [queues.RECONCILE] * 3 + [queues.SEND]
    searched = [clinic.all(text, text.c.id == ids[0])[0].attempt for name, (ids,) in jobs if name == queues.RECONCILE]
    assert searched == [claimed.attempt for claimed in uncertain[:3]]
