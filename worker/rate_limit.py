"""The sender's rate limit in segments per second, shared by all workers through the queue server.

When the carrier reports "too fast", all workers slow down together, and the rate recovers step by step. The state
matters for seconds only: after the queue server is wiped, sending starts at the full rate.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable
from importlib import resources

from redis import Redis

from ivr import log, queues

# The pause after many complaints, and the minimum time between two slowdowns.
PAUSE_SECONDS = 1.0
# Segments are reserved this far ahead: few requests, and little is lost when a worker stops.
RESERVE_SECONDS = 0.1
# A queue server that does not answer is not tried again for this long.
UNAVAILABLE_SECONDS = 5.0


def _script(name: str) -> str:
    folder = resources.files("worker") / "lua"
    return "\n".join((folder / file).read_text() for file in ("sender_state.lua", name))


class SharedRateLimit:
    """The limit that all workers share. name: the sender's number or service. per_second: segments at the full rate."""

    def __init__(self, connection: Redis, name: str, per_second: float) -> None:
        self._key = f"infoline:pace:{hashlib.sha256(name.encode()).hexdigest()[:16]}"
        self._per_second = per_second
        self._reserve = connection.register_script(_script("reserve.lua"))
        self._slow_down = connection.register_script(_script("slow_down.lua"))
        self._local_next, self._unavailable_until = 0.0, 0.0

    def reserve(self, segments: int) -> tuple[float, float]:
        """Reserve segments. Returns the delay until they may go out and the duration of each, in seconds."""
        if time.monotonic() < self._unavailable_until:
            return self._reserve_locally(segments)
        try:
            delay, share = self._reserve([self._key], [segments, self._per_second])
        except queues.UNAVAILABLE as error:
            log.get_logger().warning("rate_limit_unshared", reason=type(error).__name__)
            self._unavailable_until = time.monotonic() + UNAVAILABLE_SECONDS
            return self._reserve_locally(segments)
        return float(delay), 1 / (self._per_second * float(share))

    def slow_down(self) -> None:
        """Record that the carrier reported "too fast"."""
        try:
            if self._slow_down([self._key], [PAUSE_SECONDS]):
                log.get_logger().warning("sender_slowed")
        except queues.UNAVAILABLE:
            self._local_next = max(self._local_next, time.monotonic() + PAUSE_SECONDS)

    def _reserve_locally(self, segments: int) -> tuple[float, float]:
        """Without the queue server, each worker is limited to the full rate."""
        now, duration = time.monotonic(), 1 / self._per_second
        start = max(now, self._local_next)
        self._local_next = start + segments * duration
        return start - now, duration


class Pacer:
    """Spreads the segments of a worker's threads over time, within the sender's rate limit."""

    def __init__(
        self, limit: SharedRateLimit, per_second: float, sleep: Callable[[float], object] = time.sleep
    ) -> None:
        self._limit, self._sleep = limit, sleep
        self._batch = max(1, int(per_second * RESERVE_SECONDS))
        self._lock = threading.Lock()
        self._reserved, self._next, self._duration = 0, 0.0, 0.0

    def wait(self, segments: int) -> None:
        """Sleep until `segments` more may go out."""
        with self._lock:
            if self._reserved < segments:
                batch = max(self._batch, segments)
                delay, self._duration = self._limit.reserve(batch)
                # The rest of the previous reservation is dropped: its time has passed.
                self._reserved, self._next = batch, time.monotonic() + delay
            start = self._next
            self._reserved -= segments
            self._next += segments * self._duration
        self._sleep(max(0.0, start - time.monotonic()))

    def slow_down(self) -> None:
        """Drop the reservation and slow all workers down, after the carrier reported "too fast"."""
        with self._lock:
            self._reserved = 0
        self._limit.slow_down()
