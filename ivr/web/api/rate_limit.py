"""How many requests a key may send: a token bucket for each, which the processes of this machine share.

A request takes a token, and one that finds none takes nothing: a client that goes on too fast is not locked out.
"""

from __future__ import annotations

import os
import struct
import time
from collections.abc import Callable
from fcntl import LOCK_EX, flock
from pathlib import Path

_BUCKET = struct.Struct("<dd")


class RateLimit:
    """per_minute: the tokens of a full bucket, and how many are added in a minute.

    folder: has a file for each bucket. seconds: since any start that the processes have in common, such as the boot.
    """

    def __init__(self, folder: Path, per_minute: int, seconds: Callable[[], float] = time.monotonic) -> None:
        self._folder, self._most, self._seconds = folder, float(per_minute), seconds

    def take(self, key_id: int) -> float:
        """Take a token of a key. Returns 0, or in how many seconds the next one is there. Raises OSError."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = os.open(self._folder / str(key_id), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            # Held until the file is closed, also by a process that dies.
            flock(file, LOCK_EX)
            now, per_second = self._seconds(), self._most / 60
            tokens = self._tokens(os.pread(file, _BUCKET.size, 0), now, per_second)
            if tokens < 1:
                return (1 - tokens) / per_second
            os.pwrite(file, _BUCKET.pack(tokens - 1, now), 0)
            return 0.0
        finally:
            os.close(file)

    def _tokens(self, stored: bytes, now: float, per_second: float) -> float:
        """A new bucket is full; so is one from before the machine was restarted."""
        if len(stored) < _BUCKET.size:
            return self._most
        tokens, at = _BUCKET.unpack(stored)
        return self._most if at > now else float(min(self._most, tokens + (now - at) * per_second))
