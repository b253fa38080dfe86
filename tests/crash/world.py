"""A line in one process: its clock, worker and web process take turns, on a clock that only moves when told to."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
from redis import ConnectionError, Redis
from sqlalchemy import Row, select

from ivr import clock, queues
from ivr.carrier.twilio.client import Carrier
from ivr.ledger import Ledger, LedgerUnavailable, Vault, open_ledger
from ivr.ledger.tables import appointment, text
from ivr.line.content.loader import Content
from ivr.reminders.outbox.receipts import Receipt, apply_receipt
from ivr.reminders.outbox.text_states import TextState
from ivr.settings import Settings
from tests.crash.carrier import CrashCarrier, CrashTransport, Report
from tests.crash.process import CrashGuard, CrashLedger, CrashRedis, Killed, Process, unavailable
from tests.crash.schedule import Schedule
from tests.support.clinic import NOW, Clinic, at, row
from tests.support.network import LINE, SID, TOKEN
from worker import clock as clock_process
from worker import jobs, rate_limit, sending
from worker.context import JobContext

ROUNDS = 100
TICK = timedelta(seconds=1)
LONGEST_WAIT = timedelta(minutes=10)
PAUSE = timedelta(minutes=5)
JUMP = timedelta(hours=1)
STEP = "2d"
FINAL = {TextState.DELIVERED, TextState.UNDELIVERED, TextState.NO_RECEIPT}
_TEXTS, _DUE_TIMES = select(text), select(appointment.c.next_due_at)
_OTHER_DUTIES = (
    *("beat", "watch", "complete_texts", "close_without_receipt"),
    *("on_demand_count", "unfinished_batches", "due_deliveries"),
)
_UNAVAILABLE = (LedgerUnavailable, *queues.UNAVAILABLE)


@dataclass(frozen=True)
class Outcome:
    """lost, doubled: how many texts the carrier never got, or got twice. unsettled: those whose end we do not know.

    points: how many were reached. trace: each of them, and what happened there, for a person who replays a failure.
    """

    lost: int
    doubled: int
    unsettled: int
    points: int
    trace: tuple[str, ...]

    @property
    def is_right(self) -> bool:
        return not (self.lost or self.doubled or self.unsettled)


class _Found(NamedTuple):
    """The texts in the database, and when those to come are due."""

    texts: Sequence[Row[Any]]
    due_times: list[datetime]

    @property
    def states(self) -> list[str]:
        """Of the texts that are due; the step before them is skipped."""
        return [row.state for row in self.texts if row.step == STEP]


class World:
    """Runs schedules, one after the other, on one database file and one queue server."""

    def __init__(self, content: Content, settings: Settings, folder: Path, queue_url: str) -> None:
        self._content, self._settings, self._folder, self._queue_url = content, settings, folder, queue_url
        self.vault = Vault([b"k" * 32])
        self.ledger: Ledger = open_ledger(f"sqlite:///{folder}/small.db")
        self._queue = Redis.from_url(queue_url)
        self._crash_queue = CrashRedis(connection_pool=self._queue.connection_pool)
        self._templates: dict[int, bytes] = {}
        self.true_now = NOW

    def close(self) -> None:
        self.ledger.close()
        self._queue.close()

    def run(self, schedule: Schedule) -> Outcome:
        """Run a schedule to its end: every text has a final state, or hours have passed."""
        self._reset(schedule)
        for _ in range(ROUNDS):
            self._round()
            found = self._look()
            if self._is_settled(found):
                break
            self._wait_for_something(found)
        return self._outcome()

    def _reset(self, schedule: Schedule) -> None:
        self.ledger.close()
        for name in ("small.db-wal", "small.db-shm", "claims.json"):
            (self._folder / name).unlink(missing_ok=True)
        self.true_now, self.shift = NOW, timedelta(0)
        (self._folder / "small.db").write_bytes(self._template(schedule.texts))
        self._queue.flushall()
        self._schedule, self._is_nested = schedule, False
        self._trace: list[str] = []
        self._points = 0
        self._steady = clock_process.SteadyWatch(self._settings)
        self.carrier = CrashCarrier(schedule.answers, schedule.receipts, lambda: self.true_now)

    def _template(self, texts: int) -> bytes:
        """A database with this many appointments whose 2d reminder is due."""
        if texts not in self._templates:
            from tests.support.clinic import _empty_ledger

            file = self._folder / "small.db"
            file.write_bytes(_empty_ledger())
            clinic = Clinic(self.ledger, self.vault, self._content, self._folder)
            clinic.import_rows(*(row(number, at(2, -1)) for number in range(texts)))
            self.ledger.close()
            self._templates[texts] = file.read_bytes()
        return self._templates[texts]

    def sleep(self, seconds: float) -> None:
        self.true_now += timedelta(seconds=seconds)

    def _round(self) -> None:
        self._run("clock", self._tick)
        self._work()
        for report in self.carrier.due_reports():
            self._run("web", lambda process, report=report: self._receive(process, report))

    def _run(self, role: str, work: Callable[[Process], None]) -> None:
        try:
            work(Process(role, self._reached))
        except Killed:
            if role == "clock":
                self._steady = clock_process.SteadyWatch(self._settings)
            self._trace.append(f"{role} is gone")
        except _UNAVAILABLE as error:
            self._trace.append(f"{role}: {type(error).__name__}")

    def _tick(self, process: Process) -> None:
        queue = queues.open_queue(self._connect(process))
        ledger, is_steady = CrashLedger(self.ledger, process), self._steady.is_steady()
        clock_process.tick(self._settings, ledger, queue, clock.now(), is_steady=is_steady)

    def _work(self) -> None:
        """Run the queued jobs. Each is a fresh process, as RQ's is."""
        while job := queues.take(self._queue, 1) if queues.open_queue(self._queue).count else None:
            self._run("job", lambda process, job=job: self._perform(process, job))

    def _perform(self, process: Process, job: queues.QueuedJob) -> None:
        ledger = CrashLedger(self.ledger, process)
        carrier = Carrier(SID, TOKEN, "http://127.0.0.1:1", LINE)
        carrier._transport = carrier._client.http_client = CrashTransport(self.carrier, process)
        context = JobContext(self._settings, ledger, self.vault, carrier, self._content, self._connect(process))
        shutdown = _Shutdown(process, self)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(jobs, "job_context", lambda: context)
            patch.setattr(jobs, "RestoreGuard", _guard_of(process))
            for module in (jobs, sending):
                patch.setattr(module, "shutdown", shutdown)
            getattr(jobs, (job.name or "").rpartition(".")[2])(*job.arguments)

    def _receive(self, process: Process, report: Report) -> None:
        receipt = Receipt(report.attempt, report.status, report.sid, None)
        apply_receipt(CrashLedger(self.ledger, process), self.vault, receipt, clock.now())

    def _connect(self, process: Process) -> Redis:
        connection = copy(self._crash_queue)
        connection.process = process
        return connection

    def _reached(self, process: Process, place: str, can_pause: bool) -> None:
        self._points += 1
        self._trace.append(f"{self._points} {process.role}: {place}")
        event = self._schedule.events.get(self._points)
        if event is None:
            return
        self._trace.append(event)
        if event == "kill":
            process.is_dead = True
            raise Killed
        if event == "stop":
            process.is_stopping = True
        elif event == "forward":
            self.shift += JUMP
        elif event == "back":
            self.shift -= JUMP
        elif event == "queue":
            self._queue.flushall()
        elif event == "database" and place in ("begin", "read", "commit", "committed"):
            raise unavailable()
        elif event == "refused" and place in ("queue", "queue answered"):
            raise ConnectionError("The schedule cuts the connection.")
        elif event == "pause" and can_pause and not self._is_nested:
            self._pause()

    def _pause(self) -> None:
        self._is_nested = True
        ends_at = self.true_now + PAUSE
        while self.true_now < ends_at:
            self._round()
            self._wait_for_something(self._look())
        self._is_nested = False

    def _look(self) -> _Found:
        with self.ledger.read() as connection:
            texts = connection.execute(_TEXTS).all()
            return _Found(texts, [at for at in connection.execute(_DUE_TIMES).scalars() if at])

    def _wait_for_something(self, found: _Found) -> None:
        """Move the clock to when a lease or a wait ends, or a report arrives."""
        settings, now = self._settings, clock.now()
        lease, search = (timedelta(seconds=value) for value in (settings.lease_seconds, settings.reconcile_seconds))
        ends = [row.claimed_at + lease for row in found.texts if row.state == TextState.CLAIMED]
        ends += [(row.looked_at or row.claimed_at) + search for row in found.texts if row.state == TextState.UNCERTAIN]
        # Before that, the clock process does nothing about them.
        steady_at = NOW + timedelta(seconds=self._steady.steady_from) + self.shift
        times = [*found.due_times, *(max(end, steady_at) for end in ends)]
        times += [report.at + self.shift for report in self.carrier.reports]
        self.true_now += min([max(at - now, TICK) for at in times] + [LONGEST_WAIT]) + timedelta(seconds=1)

    def _is_settled(self, found: _Found) -> bool:
        states = found.states
        is_due = any(at <= clock.now() for at in found.due_times)
        return len(states) == self._schedule.texts and set(states) <= FINAL and not is_due

    def _outcome(self) -> Outcome:
        counts = [0] * self._schedule.texts
        for message in self.carrier.messages:
            counts[int(message.to[-2:])] += 1
        unsettled = self._schedule.texts - sum(state in FINAL for state in self._look().states)
        doubled = sum(max(0, count - 1) for count in counts)
        return Outcome(counts.count(0), doubled, unsettled, self._points, tuple(self._trace))


def _guard_of(process: Process) -> Callable[..., CrashGuard]:
    def open_guard(*arguments: Any) -> CrashGuard:
        guard = CrashGuard(*arguments)
        guard.process = process
        return guard

    return open_guard


class _Shutdown(threading.Event):
    """The worker's shutdown event, whose waits move the clock of the world."""

    def __init__(self, process: Process, world: World) -> None:
        super().__init__()
        self._process, self._world = process, world

    def is_set(self) -> bool:
        return self._process.is_stopping

    def wait(self, timeout: float | None = None) -> bool:
        self._world.true_now += timedelta(seconds=timeout or 0)
        return self._process.is_stopping


class _Task:
    def __init__(self, number: int, work: Callable[[], Any]) -> None:
        self.number, self._work, self._result = number, work, None

    def run(self) -> None:
        self._result = self._work()

    def result(self) -> Any:
        return self._result


class _OneByOne:
    """Stands in for the thread pool: one text at a time is handed over, and its result recorded, in a fixed order."""

    def __init__(self, *_: object) -> None:
        self._count = 0

    def __enter__(self) -> _OneByOne:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def submit(self, work: Callable[..., Any], *arguments: Any) -> _Task:
        self._count += 1
        return _Task(self._count, lambda: work(*arguments))


def _wait(running: set[_Task], timeout: float) -> tuple[set[_Task], set[_Task]]:
    del timeout
    first = min(running, key=lambda task: task.number)
    first.run()
    return {first}, running - {first}


@contextmanager
def open_world(content: Content, settings: Settings, folder: Path, queue_url: str) -> Iterator[World]:
    """A world, with this process's clocks and threads replaced by its own."""
    world = World(content, settings, folder, queue_url)
    epoch = NOW.timestamp()
    virtual = SimpleNamespace(
        time=lambda: (world.true_now + world.shift).timestamp(),
        monotonic=lambda: world.true_now.timestamp() - epoch,
        sleep=world.sleep,
    )
    with pytest.MonkeyPatch.context() as patch:
        # What else the clock process does takes most of its time, and no part in the hand-over.
        for duty in _OTHER_DUTIES:
            patch.setattr(clock_process, duty, lambda *_: None)
        patch.setattr(clock_process.retention, "check_due", lambda *_: False)
        for module in (clock, clock_process, jobs, sending, rate_limit):
            patch.setattr(module, "time", virtual)
        patch.setattr(sending, "ThreadPoolExecutor", _OneByOne)
        patch.setattr(sending, "wait", _wait)
        # The queue server keeps scripts: from now on, equal schedules reach equal points.
        world.run(Schedule(1, ("too-fast",)))
        yield world
    world.close()
