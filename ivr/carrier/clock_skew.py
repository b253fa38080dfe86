"""Compares this machine's clock with the carrier's: quiet hours and send times depend on it, and signatures do not."""

from __future__ import annotations

import mmap
import struct
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from ivr import log

WARN_SECONDS = 60.0
REPEAT_SECONDS = 3600.0
_FORMAT = struct.Struct("d")


def clock_skew(date_header: str, now: datetime) -> float:
    """Seconds by which `now` is ahead of the `Date` header of a response that just arrived; 0 if it has no time."""
    try:
        date = parsedate_to_datetime(date_header)
    except ValueError:
        return 0.0
    return (now - (date if date.tzinfo else date.replace(tzinfo=UTC))).total_seconds()


class SkewWatch:
    """Logs a skewed clock once an hour. Each job runs in its own child process, so they share their memory."""

    def __init__(self) -> None:
        self._warned_at = mmap.mmap(-1, _FORMAT.size)
        self._record(float("-inf"))

    def check(self, date_header: str | None, now: datetime) -> None:
        """now: the real time, even if the line's clock is shifted for a test."""
        if date_header is None or abs(skew := clock_skew(date_header, now)) <= WARN_SECONDS:
            return
        if time.monotonic() > _FORMAT.unpack_from(self._warned_at)[0] + REPEAT_SECONDS:
            self._record(time.monotonic())
            log.get_logger().warning("clock_skewed", seconds=round(skew))

    def _record(self, moment: float) -> None:
        _FORMAT.pack_into(self._warned_at, 0, moment)
