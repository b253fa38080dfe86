"""Notes on their way to the ledger: a turn leaves one and goes on, a thread writes them down.

A note is not worth anybody's time: while the ledger is away notes wait in memory, and those that find no
room are dropped and counted. A process that is killed takes its last second of notes with it.
"""

from __future__ import annotations

import os
import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from contextlib import suppress
from multiprocessing.util import Finalize
from typing import Any, Generic, TypeVar

from sqlalchemy import Table

from ivr import log
from ivr.ledger import Ledger, LedgerUnavailable, Vault
from ivr.ledger.prepared_sql import BulkInsert

SIZE = 10_000
ROWS_A_TRANSACTION = 500
ROWS_AT_ONCE = 25
FLUSH_SECONDS = 1.0
SLOWEST_SECONDS = 30.0
BREATH_SECONDS = 0.05
LET_GO_SECONDS = 0.0005
CLOSE_SECONDS = 2.0
TELL_SECONDS = 60.0
N = TypeVar("N")


class BackgroundWriter(ABC, Generic[N]):
    """The notes of one web process for one table. `dropped` counts those that never reach the ledger.

    size: how many notes may wait.
    """

    name: str
    table: Table

    def __init__(self, ledger: Ledger, vault: Vault, size: int = SIZE) -> None:
        self._ledger = ledger
        self._vault = vault
        self._size = size
        self._begin()
        os.register_at_fork(after_in_child=self._begin_in_child)
        # Unlike atexit's, these also run at the end of a process that multiprocessing forked, as web workers are.
        Finalize(None, self.close, exitpriority=10)

    @abstractmethod
    def row(self, note: N) -> dict[str, Any]:
        """A note as a row of the table; the same note has the same id however often it is tried."""

    def add(self, note: N) -> None:
        """Keep a note. Never waits, never raises."""
        # A deque needs no lock and wakes nobody; threads that look at once may overfill it by one each.
        if len(self._waiting) >= self._size:
            self._drop(1)
        else:
            self._waiting.append(note)

    def flush(self) -> None:
        """Write down all that waits. Raises LedgerAway; what is not written then still waits."""
        with self._flushing:
            while self._waiting:
                # Only here are notes taken out, so these stay where they are until they are written.
                notes = [self._waiting[at] for at in range(min(len(self._waiting), ROWS_A_TRANSACTION))]
                self._write(notes)
                for _ in notes:
                    self._waiting.popleft()
                if self._waiting:
                    # Lets other writers in: SQLite's do not queue.
                    self._closing.wait(BREATH_SECONDS)

    def close(self) -> None:
        """Write down what waits, in two seconds at most, and stop."""
        self._closing.set()
        self._thread.join(CLOSE_SECONDS)

    def _begin(self) -> None:
        self._waiting: deque[N] = deque()
        self._closing = threading.Event()
        self._flushing = threading.Lock()
        self._counting = threading.Lock()
        self.dropped = 0
        self._told = 0
        self._told_at = float("-inf")
        self._thread = threading.Thread(target=self._follow, name=self.name, daemon=True)
        self._thread.start()

    def _begin_in_child(self) -> None:
        """A forked process has no thread yet; the notes and the connections that it copied are its parent's."""
        if not self._closing.is_set():
            self._ledger.engine.dispose(close=False)
            self._begin()

    def _follow(self) -> None:
        pause, closing = FLUSH_SECONDS, False
        while not closing:
            closing = self._closing.wait(pause)
            try:
                self.flush()
                pause = FLUSH_SECONDS
            except LedgerUnavailable:
                pause = min(pause * 2, SLOWEST_SECONDS)
                if closing:
                    self._drop(len(self._waiting))
            self._tell_drops(at_once=closing)

    def _write(self, notes: list[N]) -> None:
        insertion = BulkInsert(self._ledger.engine.dialect, self.table, self.table.columns.keys(), unless_there=True)
        try:
            with self._ledger.write() as connection:
                for first in range(0, len(notes), ROWS_AT_ONCE):
                    insertion.many(connection, [self.row(note) for note in notes[first : first + ROWS_AT_ONCE]])
                    # A turn that waits for the interpreter has it now. SQLite lets go of it too, but so briefly
                    # that a turn waited for all the rows: 27 ms at worst instead of 4.
                    time.sleep(LET_GO_SECONDS)
        except LedgerUnavailable:
            raise
        except Exception:  # noqa: BLE001 - notes that cannot be written must not hold back those after them
            _tell("exception", f"{self.name}_not_written")
            self._drop(len(notes))

    def _drop(self, count: int) -> None:
        with self._counting:
            self.dropped += count

    def _tell_drops(self, *, at_once: bool) -> None:
        new, now = self.dropped - self._told, time.monotonic()
        if new and (at_once or now - self._told_at >= TELL_SECONDS):
            _tell("warning", f"{self.name}_dropped", count=new)
            self._told, self._told_at = self._told + new, now


def _tell(level: str, event: str, **fields: int) -> None:
    # A log that cannot be written to must not end the thread.
    with suppress(OSError, ValueError):
        getattr(log.get_logger(), level)(event, **fields)
