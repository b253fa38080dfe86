"""The sender's pace, shared by all workers on all machines through the queue server: so many segments a second.

When the carrier says "too fast", all of them slow down together, and speed comes back by steps. What is kept is worth
seconds only: a queue server that is wiped begins anew at full pace.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable
from typing import Protocol

from redis import Redis

from ivr import log, queues

SLOWEST = 0.05
STEP, STEP_SECONDS = 0.1, 2.0
# Complaints are answered once a second: by half when they meet more than a tenth of what went out, and then nothing
# goes out for a moment; by a little when they are few, as a carrier may be busy for reasons of its own.
BREATH_SECONDS = 1.0
MANY, HALF, LITTLE = 0.1, 0.5, 0.9
# How much is reserved at a time: no question for each text, and little that is lost with a worker that ends.
AHEAD_SECONDS = 0.1
# A server that does not answer is not asked again for each text.
AWAY_SECONDS = 5.0
_FORGET_SECONDS = 600
# Workers reserve a little each, and never come near this, however slow the sender is.
AHEAD_MOST_SECONDS = 300

# KEYS[1]: a hash of next (when the sender is free again), share (of the full pace), slowed (since when), in seconds;
# and of out (segments) and complaints since then.
_COMMON = f"""
local told = redis.call('TIME')
local now = tonumber(told[1]) + tonumber(told[2]) / 1000000
local kept = redis.call('HMGET', KEYS[1], 'next', 'share', 'slowed', 'out', 'complaints')
local free, share, slowed = tonumber(kept[1]) or 0, tonumber(kept[2]) or 1, tonumber(kept[3]) or 0
local out, complaints = tonumber(kept[4]) or 0, tonumber(kept[5]) or 0
-- What lies so far ahead was kept by a clock that was wrong.
if free > now + {AHEAD_MOST_SECONDS} then free = 0 end
if slowed > now then
    slowed = now
    redis.call('HSET', KEYS[1], 'slowed', string.format('%.6f', now))
end
share = math.min(1, share + {STEP} * math.floor((now - slowed) / {STEP_SECONDS}))
redis.call('EXPIRE', KEYS[1], {_FORGET_SECONDS})
"""
_RESERVE = f"""{_COMMON}
local start = math.max(now, free)
local free_again = start + tonumber(ARGV[1]) / (tonumber(ARGV[2]) * share)
redis.call('HSET', KEYS[1], 'next', string.format('%.6f', free_again), 'out', out + ARGV[1])
return {{string.format('%.6f', start - now), string.format('%.6f', share)}}
"""
_SLOW = f"""{_COMMON}
complaints = complaints + 1
if now - slowed < {BREATH_SECONDS} then
    redis.call('HSET', KEYS[1], 'complaints', complaints)
    return 0
end
local by = {LITTLE}
if complaints > {MANY} * out then
    by, free = {HALF}, math.max(free, now + {BREATH_SECONDS})
end
redis.call('HSET', KEYS[1], 'next', string.format('%.6f', free), 'share', string.format('%.6f',
    math.max({SLOWEST}, share * by)), 'slowed', string.format('%.6f', now), 'out', 0, 'complaints', 0)
return 1
"""


class RateLimit(Protocol):
    """What gives leave to send."""

    def reserve(self, segments: int) -> tuple[float, float]:
        """In how many seconds so many segments may begin to go out, and how long each of them takes."""
        ...

    def slow(self) -> None:
        """The carrier said that we are too fast."""
        ...


class SharedRateLimit:
    """The sender as all workers see it. per_second: segments, at full pace; name: the number or the service."""

    def __init__(self, connection: Redis, name: str, per_second: float) -> None:
        self._key = f"infoline:pace:{hashlib.sha256(name.encode()).hexdigest()[:16]}"
        self._per_second = per_second
        self._reserve, self._slow = connection.register_script(_RESERVE), connection.register_script(_SLOW)
        self._alone, self._away_until = 0.0, 0.0

    def reserve(self, segments: int) -> tuple[float, float]:
        if time.monotonic() < self._away_until:
            return self._by_itself(segments)
        try:
            start, share = self._reserve([self._key], [segments, self._per_second])
        except queues.UNAVAILABLE as error:
            log.get_logger().warning("pace_not_shared", reason=type(error).__name__)
            self._away_until = time.monotonic() + AWAY_SECONDS
            return self._by_itself(segments)
        return float(start), 1 / (self._per_second * float(share))

    def slow(self) -> None:
        try:
            if self._slow([self._key]):
                log.get_logger().warning("carrier_says_too_fast")
        except queues.UNAVAILABLE:
            self._alone = max(self._alone, time.monotonic() + BREATH_SECONDS)

    def _by_itself(self, segments: int) -> tuple[float, float]:
        """Without the server a worker keeps to the pace alone; others may do so too, until their slices end."""
        now, each = time.monotonic(), 1 / self._per_second
        start = max(now, self._alone)
        self._alone = start + segments * each
        return start - now, each


class Pacer:
    """Spreads the segments of one worker's threads over time, as the sender gives leave."""

    def __init__(self, sender: RateLimit, per_second: float, sleep: Callable[[float], object] = time.sleep) -> None:
        self._sender, self._sleep = sender, sleep
        self._together = max(1, int(per_second * AHEAD_SECONDS))
        self._lock = threading.Lock()
        self._held, self._next, self._each = 0, 0.0, 0.0

    def wait(self, segments: int) -> None:
        """Return when `segments` more may go out."""
        with self._lock:
            if self._held < segments:
                asked = max(self._together, segments)
                delay, self._each = self._sender.reserve(asked)
                # What is left of the last leave is given up: its time has passed.
                self._held, self._next = asked, time.monotonic() + delay
            start = self._next
            self._held -= segments
            self._next += segments * self._each
        self._sleep(max(0.0, start - time.monotonic()))

    def slow(self) -> None:
        """The carrier said "too fast": give back what was reserved, and have all workers slow down."""
        with self._lock:
            self._held = 0
        self._sender.slow()
