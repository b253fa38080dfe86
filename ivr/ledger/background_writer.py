"""Rows that web requests queue in memory and a background thread writes to the ledger.

No request waits for them: while the ledger is unavailable, they stay in the queue, and when it is full, new ones are
dropped and counted. A process that is killed loses at most the last second of them.
"""

from __future__ import annotations

import os
import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.util import Finalize
from typing import Any, Generic, TypeVar
from weakref import WeakMethod

from sqlalchemy import Table

from ivr import log
from ivr.ledger import Ledger, LedgerUnavailable, Vault
from ivr.ledger.prepared_sql import BulkInsert

MAX_WAITING = 10_000
# The more rows a transaction has, the fewer pages SQLite writes for each: 1,000 take 16 ms, 200 take 7.
ROWS_PER_TRANSACTION = 1000
ROWS_WITHOUT_A_BREAK = 25
FLUSH_SECONDS = 1.0
MAX_BACKOFF_SECONDS = 30.0
PAUSE_SECONDS = 0.05
YIELD_SECONDS = 0.0005
CLOSE_SECONDS = 2.0
LOG_SECONDS = 60.0
T = TypeVar("T")


class BackgroundWriter(ABC, Generic[T]):
    """Writes the items of one web process to one table. `dropped` counts the lost ones.

    size: the maximum number of waiting items.
    """

    name: str
    table: Table

    def __init__(self, ledger: Ledger, vault: Vault, size: int = MAX_WAITING) -> None:
        self._ledger = ledger
        self._vault = vault
        self._size = size
        self._start()
        # What is registered stays until the process ends, so it must not keep this object and its database alive.
        os.register_at_fork(after_in_child=_weak(self._start_in_child))
        # Unlike atexit, this also runs at the end of a process that multiprocessing forked, such as a web worker.
        self._at_exit = Finalize(None, self.close, exitpriority=10)

    @abstractmethod
    def row(self, item: T) -> dict[str, Any]:
        """The table row of an item; an item that is retried must get the same id."""

    def add(self, item: T) -> None:
        """Queue an item. Never blocks, never raises."""
        # A deque needs no lock; concurrent threads may overfill it by one item each.
        if len(self._waiting) >= self._size:
            self._drop(1)
        else:
            self._waiting.append(item)

    def flush(self) -> None:
        """Write all waiting items. Raises LedgerUnavailable; unwritten items keep waiting."""
        with self._flushing:
            while self._waiting:
                # Nothing else removes items, so these are still first in the queue once they are written.
                items = [self._waiting[index] for index in range(min(len(self._waiting), ROWS_PER_TRANSACTION))]
                self._write(items)
                for _ in items:
                    self._waiting.popleft()
                if self._waiting:
                    # Lets other writers in: SQLite does not queue them.
                    self._closing.wait(PAUSE_SECONDS)

    def close(self) -> None:
        """Write all waiting items, within CLOSE_SECONDS, and stop."""
        self._closing.set()
        self._thread.join(CLOSE_SECONDS)
        self._at_exit.cancel()

    def _start(self) -> None:
        self._waiting: deque[T] = deque()
        self._closing = threading.Event()
        self._flushing = threading.Lock()
        self._counting = threading.Lock()
        self.dropped = 0
        self._logged_drops = 0
        self._logged_at = float("-inf")
        self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)
        self._thread.start()

    def _start_in_child(self) -> None:
        """A forked process has no thread, and its copies of items and connections belong to the parent."""
        if not self._closing.is_set():
            self._ledger.engine.dispose(close=False)
            self._start()

    def _run(self) -> None:
        pause, closing = FLUSH_SECONDS, False
        while not closing:
            closing = self._closing.wait(pause)
            try:
                self.flush()
                pause = FLUSH_SECONDS
            except LedgerUnavailable:
                pause = min(pause * 2, MAX_BACKOFF_SECONDS)
                if closing:
                    self._drop(len(self._waiting))
            self._log_drops(at_once=closing)

    def _write(self, items: list[T]) -> None:
        insert = BulkInsert(self._ledger.engine.dialect, self.table, self.table.columns.keys(), ignore_conflicts=True)
        try:
            rows = self._rows(items)
            # Nobody waits for the disk. A power cut may lose what was written since the last commit that did.
            with self._ledger.write_unsynced() as connection:
                insert.execute(connection, rows)
        except LedgerUnavailable:
            raise
        except Exception:  # noqa: BLE001 - items that cannot be written must not block or take along the others
            if len(items) > 1:
                for item in items:
                    self._write([item])
                return
            _log("exception", f"{self.name}_write_failed")
            self._drop(1)

    def _rows(self, items: list[T]) -> list[dict[str, Any]]:
        rows = []
        for number, item in enumerate(items, start=1):
            rows.append(self.row(item))
            if number % ROWS_WITHOUT_A_BREAK == 0:
                # Yields the interpreter lock to a waiting request.
                time.sleep(YIELD_SECONDS)
        return rows

    def _drop(self, count: int) -> None:
        with self._counting:
            self.dropped += count

    def _log_drops(self, *, at_once: bool) -> None:
        new, now = self.dropped - self._logged_drops, time.monotonic()
        if new and (at_once or now - self._logged_at >= LOG_SECONDS):
            _log("warning", f"{self.name}_dropped", count=new)
            self._logged_drops, self._logged_at = self._logged_drops + new, now


def _weak(method: Callable[[], None]) -> Callable[[], None]:
    """A function that calls a method as long as its object is in use."""
    reference = WeakMethod(method)

    def call() -> None:
        target = reference()
        if target is not None:
            target()

    return call


def _log(level: str, event: str, **fields: int) -> None:
    # A closed log must not end the thread.
    with suppress(OSError, ValueError):
        getattr(log.get_logger(), level)(event, **fields)
