"""Limits new calls, whose minutes the hospital pays for: at once in all, and in an hour from one number.

Counted in memory that the web processes of a machine share, so that no turn waits for a disk or a database.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from mmap import mmap
from pathlib import Path
from typing import Literal

from ivr.people.hourly_counts import NAME_BYTES, HourlyCounts
from ivr.shared_memory import SharedMemory

# A call that has had no turn for this long, and whose end was not reported, is over or talks to a person.
ACTIVE_SECONDS = 120.0
# Eight callers each. Beyond 8,192 callers, some of those whose last call is oldest are forgotten.
_CALLER_SETS = 1024
_COUNT, _TIME = struct.Struct("<Q"), struct.Struct("<d")
Refusal = Literal["number", "at_once"]


class CallLimit:
    """at_once: the most calls that talk to the line. per_number: the most from one number in an hour.

    folder: of the processes that share the limits. hashed: a keyed hash in hex, so that no number is in the folder.
    """

    def __init__(self, folder: Path, at_once: int, per_number: int, hashed: Callable[[str], str]) -> None:
        self._active = _ActiveCalls(folder / f"calls-{at_once}", at_once)
        self._callers = HourlyCounts(folder / "callers", per_number, _CALLER_SETS)
        self._hashed = hashed
        self._was_reached = False

    @property
    def error(self) -> OSError | None:
        """Why the calls are counted by this process alone; None if they are not."""
        return self._active.memory.error or self._callers.memory.error

    def admit(self, call: str, caller: str, now: float) -> Refusal | None:
        """Return None if a new call may begin, else the limit that it would exceed.

        caller: its number; empty if it is withheld, and then only the limit on all calls applies. now: seconds since
        1970. A call that was admitted before is admitted again.
        """
        refusal = self._active.add(self._name(call), now, lambda: self._may_call(caller, now))
        if refusal:
            self._was_reached = True
        return refusal

    def touch(self, call: str, now: float) -> None:
        """Record a later turn of a call."""
        self._active.add(self._name(call), now, lambda: True)

    def end(self, call: str) -> None:
        """Record that a call has ended."""
        self._active.remove(self._name(call))

    def was_reached(self) -> bool:
        """Return whether a call was refused since the last time this was asked, in this process."""
        reached, self._was_reached = self._was_reached, False
        return reached

    def _may_call(self, caller: str, now: float) -> bool:
        return not caller or self._callers.admit(self._name(caller), now)

    def _name(self, text: str) -> bytes:
        return bytes.fromhex(self._hashed(text)[: 2 * NAME_BYTES])


class _ActiveCalls:
    """The calls that talk to the line. most: how many there may be.

    The memory has their number, then the name of each, then the time of the last turn of each, in the same order.
    """

    def __init__(self, path: Path, most: int) -> None:
        self._most = most
        self._names = _COUNT.size
        self._times = self._names + NAME_BYTES * most
        self.memory = SharedMemory(path, self._times + _TIME.size * most)

    def add(self, name: bytes, now: float, may_begin: Callable[[], bool]) -> Refusal | None:
        """Record a turn of a call. may_begin: asked about a new one, if there is room."""
        with self.memory as memory:
            count = self._count(memory)
            index = self._find(memory, name, count)
            if index is None:
                if count == self._most:
                    count = self._forget_ended(memory, now)
                if count == self._most:
                    return "at_once"
                if not may_begin():
                    return "number"
                index = count
                self._put_name(memory, index, name)
                _COUNT.pack_into(memory, 0, count + 1)
            _TIME.pack_into(memory, self._times + _TIME.size * index, now)
            return None

    def remove(self, name: bytes) -> None:
        with self.memory as memory:
            count = self._count(memory)
            index = self._find(memory, name, count)
            if index is not None:
                # The last one takes its place.
                self._put_name(memory, index, self._name(memory, count - 1))
                last = _TIME.unpack_from(memory, self._times + _TIME.size * (count - 1))
                _TIME.pack_into(memory, self._times + _TIME.size * index, *last)
                _COUNT.pack_into(memory, 0, count - 1)

    def _forget_ended(self, memory: mmap, now: float) -> int:
        """Keep the calls that had a turn lately, and return their number."""
        times = struct.unpack_from(f"<{self._most}d", memory, self._times)
        # One in the future comes from before the clock was set back.
        kept = [index for index, at in enumerate(times) if abs(now - at) < ACTIVE_SECONDS]
        for place, index in enumerate(kept):
            self._put_name(memory, place, self._name(memory, index))
            _TIME.pack_into(memory, self._times + _TIME.size * place, times[index])
        _COUNT.pack_into(memory, 0, len(kept))
        return len(kept)

    def _count(self, memory: mmap) -> int:
        return min(int(_COUNT.unpack_from(memory)[0]), self._most)

    def _find(self, memory: mmap, name: bytes, count: int) -> int | None:
        start, end = self._names, self._names + NAME_BYTES * count
        while (found := memory.find(name, start, end)) >= 0:
            index, rest = divmod(found - self._names, NAME_BYTES)
            if not rest:
                return index
            start = found + 1
        return None

    def _name(self, memory: mmap, index: int) -> bytes:
        start = self._names + NAME_BYTES * index
        return memory[start : start + NAME_BYTES]

    def _put_name(self, memory: mmap, index: int, name: bytes) -> None:
        start = self._names + NAME_BYTES * index
        memory[start : start + NAME_BYTES] = name
