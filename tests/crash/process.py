"""A process whose every contact with the outside world is a point at which a schedule can interrupt it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from redis import Redis
from sqlalchemy import Connection

from ivr.ledger import Ledger, LedgerUnavailable
from ivr.reminders.outbox.restore_guard import RestoreGuard, SendCount


class Killed(BaseException):
    """The process is gone. Cleaning up after it can reach nothing, so the database rolls back, as after SIGKILL."""


class Process:
    """reached: called at each point with this process, the name of the point, and whether it can pause there."""

    def __init__(self, role: str, reached: Callable[[Process, str, bool], None]) -> None:
        self.role, self._reached = role, reached
        self.is_dead = self.is_stopping = self.is_writing = False

    def reach(self, place: str, *, can_pause: bool = True) -> None:
        if self.is_dead:
            raise Killed
        self._reached(self, place, can_pause and not self.is_writing)


class CrashLedger(Ledger):
    """A ledger whose transactions begin and commit at points of a process."""

    def __init__(self, ledger: Ledger, process: Process) -> None:
        super().__init__(ledger.engine)
        self._process = process

    @contextmanager
    def write(self) -> Iterator[Connection]:
        self._process.reach("begin")
        with super().write() as connection:
            self._process.is_writing = True
            try:
                yield connection
                self._process.reach("commit")
            finally:
                self._process.is_writing = False
        self._process.reach("committed")

    @contextmanager
    def read(self) -> Iterator[Connection]:
        self._process.reach("read")
        with super().read() as connection:
            yield connection


class CrashRedis(Redis):
    """A connection to a real queue server whose commands are points of a process."""

    process: Process

    def execute_command(self, *arguments: Any, **options: Any) -> Any:
        self.process.reach("queue")
        answer = super().execute_command(*arguments, **options)
        self.process.reach("queue answered")
        return answer


class CrashGuard(RestoreGuard):
    """A restore guard whose file is written at a point of a process."""

    process: Process

    def remember(self, reached: SendCount) -> None:
        self.process.reach("remember")
        super().remember(reached)


def unavailable() -> LedgerUnavailable:
    return LedgerUnavailable("The schedule cuts the connection.")
