"""What time it is: the only now() of this project.

A machine of one's own may shift the whole line in time (`infoline run --at`), so that people and
tests can see a closed line or quiet hours. Public lines refuse a shift (settings.py).
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

_shift = timedelta(0)


def set_shift(seconds: float) -> None:
    """Shift this process's clock; positive seconds lie in the future."""
    global _shift
    _shift = timedelta(seconds=seconds)


def now() -> datetime:
    """The present moment, aware, in UTC."""
    return datetime.fromtimestamp(time.time(), UTC) + _shift
