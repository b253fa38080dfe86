"""Counts how often something happens in an hour, by names, over all processes of a machine."""

from __future__ import annotations

import struct
from mmap import mmap
from pathlib import Path

from ivr.shared_memory import SharedMemory

NAME_BYTES = 8
# The minute that has begun, and the whole hour before it.
_MINUTES = 61
# A name, the last minute in which it was counted (since 1970), and its count in the hour and in each minute of it.
_ENTRY = struct.Struct(f"<{NAME_BYTES}sII{_MINUTES}I")
_HEAD = struct.Struct(f"<{NAME_BYTES}sII")
_LAST = _COUNT = struct.Struct("<I")
_MOST = 2**32 - 1
# A name has its place in one of so many entries, of which the one that was counted longest ago gives way.
_WAYS = 8


class HourlyCounts:
    """most: how often each name may be counted in an hour, or up to a minute more. sets: room for 8 names each."""

    def __init__(self, path: Path, most: int, sets: int) -> None:
        self._most, self._sets = most, sets
        self.memory = SharedMemory(path, sets * _WAYS * _ENTRY.size)

    def admit(self, name: bytes, now: float) -> bool:
        """Count a name once more. Returns False, and counts nothing, at the limit.

        name: NAME_BYTES that differ from those of other names, such as a hash. now: seconds since 1970.
        """
        minute = int(now // 60)
        with self.memory as memory:
            place = self._place(memory, name)
            stored, last, total = _HEAD.unpack_from(memory, place)
            if stored != name or minute != last:
                minute, total = self._begin_minute(memory, place, name, minute)
            if total >= self._most:
                return False
            _HEAD.pack_into(memory, place, name, minute, total + 1)
            cell = place + _HEAD.size + _COUNT.size * (minute % _MINUTES)
            _COUNT.pack_into(memory, cell, _COUNT.unpack_from(memory, cell)[0] + 1 & _MOST)
            return True

    def _begin_minute(self, memory: mmap, place: int, name: bytes, minute: int) -> tuple[int, int]:
        """Forget the minutes that are over, and return the minute to count in and the count of the hour."""
        stored, last, _, *counts = _ENTRY.unpack_from(memory, place)
        if stored != name or abs(minute - last) >= _MINUTES:
            last, counts = minute, [0] * _MINUTES
        # A clock that was set back a little forgets nothing.
        minute = max(minute, last)
        for passed in range(last + 1, minute + 1):
            counts[passed % _MINUTES] = 0
        total = min(sum(counts), _MOST)
        _ENTRY.pack_into(memory, place, name, minute, total, *counts)
        return minute, total

    def _place(self, memory: mmap, name: bytes) -> int:
        first = int.from_bytes(name, "little") % self._sets * _WAYS * _ENTRY.size
        places = range(first, first + _WAYS * _ENTRY.size, _ENTRY.size)
        for place in places:
            if memory[place : place + NAME_BYTES] == name:
                return place
        return min(places, key=lambda place: int(_LAST.unpack_from(memory, place + NAME_BYTES)[0]))
