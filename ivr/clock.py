"""The current time. Nothing else in this project asks the system for it.

A local line may shift its clock (`infoline run --at`), so that people and tests can see a closed line or quiet hours.
Public lines refuse a shift (settings.py).
"""

from __future__ import annotations

import contextlib
import math
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

FOLLOW_SECONDS = 0.25
_shift = timedelta(0)


def set_shift(seconds: float) -> None:
    """Shift this process's clock; positive seconds are in the future."""
    global _shift
    _shift = timedelta(seconds=seconds)


def follow(path: Path, stopping: threading.Event | None = None) -> None:
    """Take over each new shift, in seconds, that is written to a file, until `stopping` is set.

    The simulated phones of `infoline run` change the hour in this way while the line runs.
    """
    stop = stopping or threading.Event()

    def watch() -> None:
        seen = None
        while not stop.wait(FOLLOW_SECONDS):
            with contextlib.suppress(OSError, ValueError, OverflowError):
                text = path.read_text()
                if text != seen:
                    set_shift(float(text))
                    seen = text

    threading.Thread(target=watch, name="clock-shift", daemon=True).start()


def now() -> datetime:
    """The current time, aware, in UTC."""
    return unshifted_now() + _shift


def unshifted_now() -> datetime:
    """The time of this machine, to compare with the clocks of others."""
    return datetime.fromtimestamp(time.time(), UTC)


@dataclass(frozen=True)
class Deadline:
    """A time after which something must not begin. monotonic: the same by a clock that nobody can set back."""

    at: datetime
    monotonic: float = math.inf

    def is_over(self) -> bool:
        return now() >= self.at or time.monotonic() >= self.monotonic


def ahead_of_monotonic() -> float:
    """Seconds by which this machine's time is ahead of a clock that nobody can set: it changes when the time is set."""
    return time.time() - time.monotonic()
