"""A circuit breaker: after the database has failed once, requests stop waiting for it for a moment."""

from __future__ import annotations

import threading
import time

PAUSE_SECONDS = 5.0


class CircuitBreaker:
    """Decides whether a request may wait for the database. After a failure, one request in each pause may try again."""

    def __init__(self, pause: float = PAUSE_SECONDS) -> None:
        """pause: in seconds."""
        self._pause = pause
        self._lock = threading.Lock()
        self._retry_at: float | None = None

    def admits(self) -> bool:
        """Return whether a request may use the database now; its result must be reported with `trip` or `reset`."""
        with self._lock:
            now = time.monotonic()
            if self._retry_at is not None and now < self._retry_at:
                return False
            if self._retry_at is not None:
                self._retry_at = now + self._pause
            return True

    def trip(self) -> None:
        """Report that the database failed."""
        with self._lock:
            self._retry_at = time.monotonic() + self._pause

    def reset(self) -> None:
        """Report that the database answered."""
        self._retry_at = None
