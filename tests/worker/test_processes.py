"""The worker and the clock as processes, on a real queue, with a simulated phone network: each text goes out once."""

from __future__ import annotations

import signal
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
from ivr.reminders.reports.status import status
from ivr.settings import Settings
from tests.support.clinic import NOW, at, row
from tests.support.processes import Processes, environment, wait_until
from worker import clock as clock_room
from worker.__main__ import main as worker_command
from worker.clock import tick

# Of the plan, only the text of two days before is due.
DUE = at(2, -1)
PEOPLE = range(10, 30)
PHONES = {f"+160355501{number}" for number in PEOPLE}


@pytest.fixture
def started(clinic, queue_url):
    """Starts processes: started(SETTING=value)."""
    running = []

    def start(**more):
        running.append(Processes(clinic, queue_url, **more))
        return running[-1]

    yield start
    for processes in running:
        processes.end()


def twenty(clinic):
    clinic.take(*(row(number, DUE) for number in PEOPLE))


def states(clinic):
    return Counter(found.state for found in clinic.texts() if found.step == "2d")


def answers(url):
    with suppress(OSError):
        return urllib.request.urlopen(url, timeout=1).status == 200
    return False


def test_with_two_clocks_two_workers_and_a_queue_that_is_wiped_each_text_goes_out_once_and_is_receipted(
    clinic, started, queue_url
):
    processes = started()
    processes.start("-m", "ivr.cli", "web")
    twenty(clinic)
    wait_until(lambda: answers(processes.told["PUBLIC_URL"] + "/healthz"))
    for command in (("clock",), ("clock",), (), ()):
        processes.start("-m", "worker", *command)
    wait_until(lambda: len(processes.sent()) >= 3)
    with Redis.from_url(queue_url) as connection:
        connection.flushall()
    wait_until(lambda: states(clinic) == {"delivered": 20})
    assert Counter(processes.sent()) == dict.fromkeys(PHONES, 1)
    assert status(clinic.ledger)["alarms"] == []
    assert "55501" not in "".join(processes.output(number) for number in range(6))


def test_after_a_worker_was_killed_in_the_middle_of_a_slice_each_text_has_gone_out_once(clinic, started):
    quick = {"LEASE_SECONDS": 4, "RECONCILE_SECONDS": 0.5, "RETRY_SECONDS": 0.5, "PUBLIC_URL": "http://127.0.0.1:1"}
    processes = started(**quick)
    twenty(clinic)
    processes.start("-m", "worker", "clock")
    first = processes.start("-m", "worker")
    wait_until(lambda: len(processes.sent()) >= 2)
    processes.kill(first)
    assert states(clinic)["claimed"] > 0
    processes.start("-m", "worker")
    wait_until(lambda: set(states(clinic)) <= {"handed_over", "delivered"})
    assert Counter(processes.sent()) == dict.fromkeys(PHONES, 1)
    with clinic.ledger.read() as connection:
        sids = connection.execute(select(text.c.sid).where(text.c.step == "2d")).scalars().all()
        reasons = Counter(connection.execute(select(text_move.c.reason)).scalars())
    assert len(set(sids)) == 20
    assert reasons["lease_expired"] > 0


def test_a_worker_that_was_suspended_for_longer_than_its_lease_sends_nothing_that_another_sent(clinic, started):
    quick = {"LEASE_SECONDS": 4, "RECONCILE_SECONDS": 0.5, "RETRY_SECONDS": 0.5, "PUBLIC_URL": "http://127.0.0.1:1"}
    processes = started(**quick)
    twenty(clinic)
    processes.start("-m", "worker", "clock")
    first = processes.start("-m", "worker")
    wait_until(lambda: len(processes.sent()) >= 2)
    processes.tell(first, signal.SIGSTOP)
    went_out = len(processes.sent())
    assert went_out < len(PHONES)
    processes.start("-m", "worker")
    wait_until(lambda: set(states(clinic)) <= {"handed_over", "delivered"})
    processes.tell(first, signal.SIGCONT)
    first.send_signal(signal.SIGTERM)
    assert first.wait(20) == 0
    assert Counter(processes.sent()) == dict.fromkeys(PHONES, 1)
    assert set(states(clinic)) <= {"handed_over", "delivered"}


@pytest.mark.parametrize(
    ("arguments", "setting", "told"),
    [
        ([], {}, "REDIS_URL is not set"),
        (["clokc"], {"REDIS_URL": "redis://127.0.0.1:1"}, "clokc"),
        (["clock", "now"], {"REDIS_URL": "redis://127.0.0.1:1"}, "clock now"),
        ([], {"CLOCK_SECONDS": "0"}, "CLOCK_SECONDS"),
    ],
    ids=["no queue for the worker", "a word that is no process", "a word too many", "a setting that cannot be"],
)
def test_wrong_use_is_told_in_a_sentence(tmp_path, monkeypatch, capsys, arguments, setting, told):
    for name, value in environment(tmp_path, **setting).items():
        monkeypatch.setenv(name, value)
    assert worker_command(arguments) == 2
    assert told in capsys.readouterr().err


def test_a_signal_ends_the_clock_and_the_worker_promptly_also_while_the_queue_is_away(clinic, started):
    processes = started(CLOCK_SECONDS=60)
    clinic.take(row(10, DUE))
    clock, worker = processes.start("-m", "worker", "clock"), processes.start("-m", "worker")
    processes.told["REDIS_URL"] = "redis://127.0.0.1:1"
    lonely = processes.start("-m", "worker", "clock")
    wait_until(lambda: "clock_interrupted" in processes.output(3))
    wait_until(processes.sent)
    for one in (clock, lonely, worker):
        one.send_signal(signal.SIGTERM)
    assert [one.wait(20) for one in (clock, lonely, worker)] == [0, 0, 0]


def test_asked_to_end_a_worker_finishes_what_is_in_hand_within_twenty_seconds_and_another_goes_on(clinic, started):
    processes = started(PUBLIC_URL="http://127.0.0.1:1", RETRY_SECONDS=0.5)
    twenty(clinic)
    processes.start("-m", "worker", "clock")
    first = processes.start("-m", "worker")
    wait_until(lambda: len(processes.sent()) >= 2)
    first.send_signal(signal.SIGTERM)
    assert first.wait(20) == 0
    # Each text is handed over and known to be, or back in the plan: none is left between.
    assert set(states(clinic)) <= {"handed_over", "planned"}
    assert states(clinic)["planned"] > 0
    processes.start("-m", "worker")
    wait_until(lambda: set(states(clinic)) == {"handed_over"})
    assert Counter(processes.sent()) == dict.fromkeys(PHONES, 1)


def test_jobs_carry_counts_and_ids_only(clinic, queue_url):
    twenty(clinic)
    with queues.connect(queue_url) as connection:
        queue = queues.open_queue(connection)
        tick(Settings(), clinic.ledger, queue, NOW)
        (job,) = queue.jobs
        assert (job.func_name, job.args) == (queues.SEND, [500])
        tick(Settings(), clinic.ledger, queue, NOW)
        assert queue.count == 1
        stored = b"".join(connection.dump(key) for key in connection.scan_iter())
    assert b"55501" not in stored


def test_after_many_uncertain_texts_what_is_due_does_not_wait_behind_all_of_them(clinic, queue_url, monkeypatch):
    monkeypatch.setattr(clock_room, "RECONCILE_BATCH", 1)
    monkeypatch.setattr(clock_room, "MAX_JOBS", 3)
    twenty(clinic)
    lost = clinic.claim(limit=8)
    clinic.record([(one.attempt, Refused(ErrorClass.UNCERTAIN, None, "Broken")) for one in lost])
    later = NOW + timedelta(minutes=2)
    with queues.connect(queue_url) as connection:
        queue = queues.open_queue(connection)
        tick(Settings(), clinic.ledger, queue, later)
        jobs = [(job.func_name, job.args) for job in queue.jobs]
    assert [name for name, _ in jobs] == [queues.RECONCILE] * 3 + [queues.SEND]
    first = [clinic.all(text, text.c.id == ids[0])[0].attempt for name, (ids,) in jobs if name == queues.RECONCILE]
    assert first == [one.attempt for one in lost[:3]]
