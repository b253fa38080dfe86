"""The current time. Nothing else in this project asks the system for it.

A local line may shift its clock (`infoline run --at`), so that people and tests can see a closed line or quiet hours.
Public lines refuse a shift (settings.py).
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

_shift = timedelta(0)


def set_shift(seconds: float) -> None:
    """Shift this process's clock; positive seconds are in the future."""
    global _shift
    _shift = timedelta(seconds=seconds)


def now() -> datetime:
    """The current time, aware, in UTC."""
    return unshifted_now() + _shift


def unshifted_now() -> datetime:
    """The time of this machine, to compare with the clocks of others."""
    return datetime.fromtimestamp(time.time(), UTC)


def ahead_of_monotonic() -> float:
    """Seconds by which this machine's time is ahead of a clock that nobody can set: it changes when the time is set."""
    return time.time() - time.monotonic()
