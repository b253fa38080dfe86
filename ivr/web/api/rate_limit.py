"""How many requests a key may send: a token bucket for each, which the processes of this machine share.

A request takes a token, and one that finds none takes nothing: a client that goes on too fast is not locked out.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Callable
from pathlib import Path
from threading import Lock

from ivr.shared_memory import SharedMemory

_BUCKET = struct.Struct("<dd")


class RateLimit:
    """per_minute: the tokens of a full bucket, and how many are added in a minute.

    folder: has a file for each bucket. seconds: since any start that the processes have in common, such as the boot.
    """

    def __init__(self, folder: Path, per_minute: int, seconds: Callable[[], float] = time.monotonic) -> None:
        self._folder, self._most, self._seconds = folder, float(per_minute), seconds
        self._buckets: dict[int, SharedMemory] = {}
        self._opening = Lock()

    def take(self, key_id: int) -> float:
        """Take a token of a key. Returns 0, or in how many seconds the next one is there."""
        with self._bucket(key_id) as memory:
            now, per_second = self._seconds(), self._most / 60
            left, at = _BUCKET.unpack_from(memory)
            tokens = self._tokens(left, at, now, per_second)
            if tokens < 1:
                return (1 - tokens) / per_second
            _BUCKET.pack_into(memory, 0, tokens - 1, now)
            return 0.0

    def _bucket(self, key_id: int) -> SharedMemory:
        with self._opening:
            if key_id not in self._buckets:
                self._buckets[key_id] = SharedMemory(self._folder / str(key_id), _BUCKET.size)
            return self._buckets[key_id]

    def _tokens(self, tokens: float, at: float, now: float, per_second: float) -> float:
        """A new bucket is full; so is one from before the machine was restarted."""
        return self._most if not 0 < at <= now else float(min(self._most, tokens + (now - at) * per_second))
