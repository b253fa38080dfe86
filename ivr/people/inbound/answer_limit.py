"""Limits the answers to all senders together: their numbers can be forged, and the hospital pays for each text."""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta
from threading import Lock

PERIOD = timedelta(hours=1)


class AnswerLimit:
    """Counts the answers of one web process. per_hour: the most in any hour."""

    def __init__(self, per_hour: int) -> None:
        self._per_hour = per_hour
        self._answered_at: deque[datetime] = deque()
        self._lock = Lock()
        self._was_reached = False

    def admit(self, now: datetime) -> bool:
        """Count one more answer. Returns False, and counts nothing, if the limit is reached."""
        with self._lock:
            while self._answered_at and self._answered_at[0] <= now - PERIOD:
                self._answered_at.popleft()
            if len(self._answered_at) >= self._per_hour:
                self._was_reached = True
                return False
            self._answered_at.append(now)
            return True

    def was_reached(self) -> bool:
        """Return whether an answer was refused since the last time this was asked."""
        with self._lock:
            reached, self._was_reached = self._was_reached, False
            return reached
