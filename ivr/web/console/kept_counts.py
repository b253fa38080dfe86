"""Counts that take long: they are kept for a while, and counted in the background, so that no page waits for them."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Generic, TypeVar

from ivr import clock, log

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")

MAX_AGE = 45.0
# At most a twentieth of the time goes into counting, however large the database is.
REST = 20
# How long a page waits for a new count if there is none, or if nobody has looked for a while.
PATIENCE = 0.01
# An older count is not shown: nobody has looked since, and it would be of another day.
SHOWN_FOR = 15 * 60.0
_NICE = 10


@dataclass(frozen=True)
class Counted(Generic[T]):
    """A result, and when it was counted."""

    value: T
    at: datetime


class Kept(Generic[T]):
    """The result of `count`, counted again after `max_age` seconds, and less often if counting takes long."""

    def __init__(self, count: Callable[[], T], max_age: float = MAX_AGE) -> None:
        self._count, self._max_age = count, max_age
        self._lock = threading.Lock()
        self._kept: Counted[T] | None = None
        self._counted_at = self._next_at = self._old_at = float("-inf")
        self._done: threading.Event | None = None

    def get(self) -> Counted[T] | None:
        """Return the last result; None if there is none yet: ask again in a second."""
        with self._lock:
            if self._done is None and time.monotonic() >= self._next_at:
                self._done = threading.Event()
                threading.Thread(target=self._run, args=(self._done,), name="count", daemon=True).start()
            done, is_old = self._done, time.monotonic() >= self._old_at
        if done is not None and is_old:
            done.wait(PATIENCE)
        with self._lock:
            return self._kept if time.monotonic() - self._counted_at < SHOWN_FOR else None

    def _run(self, done: threading.Event) -> None:
        began = time.monotonic()
        kept = None
        if sys.platform == "linux":
            # Pages go first. On Linux, this is the priority of this thread alone.
            with suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
        try:
            kept = Counted(self._count(), clock.now())
        except Exception:  # noqa: BLE001 - the database may be down; the next count may succeed
            log.get_logger().exception("count_failed")
        with self._lock:
            ended = time.monotonic()
            if kept is not None:
                self._kept, self._counted_at = kept, ended
            interval = max(self._max_age, REST * (ended - began))
            self._next_at, self._old_at, self._done = ended + interval, self._counted_at + 2 * interval, None
        done.set()


class KeptOfEach(Generic[K, T]):
    """A Kept for each of the `at_most` keys that were asked for last."""

    def __init__(self, count: Callable[[K], T], max_age: float, at_most: int) -> None:
        self._count, self._max_age, self._at_most = count, max_age, at_most
        self._lock = threading.Lock()
        self._kept: OrderedDict[K, Kept[T]] = OrderedDict()

    def get(self, key: K) -> Counted[T] | None:
        """Return the last result for a key; None if there is none yet."""
        with self._lock:
            kept = self._kept.setdefault(key, Kept(partial(self._count, key), self._max_age))
            self._kept.move_to_end(key)
            if len(self._kept) > self._at_most:
                self._kept.popitem(last=False)
        return kept.get()
