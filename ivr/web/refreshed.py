"""A value that is read in the background, so that a source that hangs delays nobody for long."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from ivr import log

T = TypeVar("T")


class Refreshed(Generic[T]):
    """The result of `read`, at most `max_age` seconds old. patience: how many seconds a caller waits for a new one."""

    def __init__(self, read: Callable[[], T], max_age: float = 1.0, patience: float = 1.0) -> None:
        self._read, self._max_age, self._patience = read, max_age, patience
        self._lock = threading.Lock()
        self._value: T | None = None
        self._read_at = float("-inf")
        self._started_at = 0.0
        self._done: threading.Event | None = None

    def get(self) -> T | None:
        """Return the value; None if the source does not answer in time, or if reading it failed."""
        with self._lock:
            now = time.monotonic()
            if self._done is None and now - self._read_at >= self._max_age:
                self._done, self._started_at = threading.Event(), now
                threading.Thread(target=self._refresh, args=(self._done,), name="refresh", daemon=True).start()
            done = self._done
        if done is None:
            return self._value
        # Whoever comes while the source hangs does not wait as long as the first one.
        return self._value if done.wait(max(0.0, self._started_at + self._patience - now)) else None

    def _refresh(self, done: threading.Event) -> None:
        value = None
        try:
            value = self._read()
        except Exception:  # noqa: BLE001 - the next refresh may succeed
            log.get_logger().exception("status_read_failed")
        with self._lock:
            self._value, self._read_at, self._done = value, time.monotonic(), None
        done.set()
