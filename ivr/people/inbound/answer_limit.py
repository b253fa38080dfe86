"""Limits the answers to all senders together: their numbers can be forged, and the hospital pays for each text."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from ivr.people.hourly_counts import NAME_BYTES, HourlyCounts

_ALL = bytes(NAME_BYTES)


class AnswerLimit:
    """Counts the answers of all processes that share a folder. per_hour: the most in any hour."""

    def __init__(self, folder: Path, per_hour: int) -> None:
        self._answers = HourlyCounts(folder / "answers", per_hour, sets=1)
        self._was_reached = False

    @property
    def error(self) -> OSError | None:
        """Why the answers are counted by this process alone; None if they are not."""
        return self._answers.memory.error

    def admit(self, now: datetime) -> bool:
        """Count one more answer. Returns False, and counts nothing, if the limit is reached."""
        is_admitted = self._answers.admit(_ALL, now.timestamp())
        if not is_admitted:
            self._was_reached = True
        return is_admitted

    def was_reached(self) -> bool:
        """Return whether the limit was reached since the last time this was asked, in this process."""
        reached, self._was_reached = self._was_reached, False
        return reached
