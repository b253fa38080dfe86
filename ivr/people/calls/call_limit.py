"""Limits new calls, whose minutes the hospital pays for: at once in all, and in an hour from one number.

Counted in the memory of one web process, so that no turn waits for anything.
"""

from __future__ import annotations

import math
from collections import OrderedDict, deque
from threading import Lock
from typing import Literal

# A call that has had no turn for this long, and whose end was not reported, is over or talks to a person.
ACTIVE_SECONDS = 120.0
HOUR_SECONDS = 3600.0
# Callers whose calls are remembered; beyond that, the one whose last call is oldest is forgotten.
MOST_CALLERS = 10_000
Refusal = Literal["number", "at_once"]


class CallLimit:
    """at_once: the most calls that talk to the line. per_number: the most from one number in an hour.

    processes: how many web processes share the calls of this machine, each of which counts its own.
    """

    def __init__(self, at_once: int, per_number: int, processes: int = 1) -> None:
        # Turns of one call go to any process, so that each sees nearly all calls.
        self._at_once, self._per_number = at_once, math.ceil(per_number / processes)
        self._active: OrderedDict[str, float] = OrderedDict()
        self._callers: OrderedDict[str, deque[float]] = OrderedDict()
        self._lock = Lock()
        self._was_reached = False

    def admit(self, call: str, caller: str, now: float) -> Refusal | None:
        """Return None if a new call may begin, else the limit that it would exceed.

        caller: its number; empty if it is withheld, and then only the limit on all calls applies. now: in seconds, from
        any start. A call that was admitted before is admitted again.
        """
        with self._lock:
            while self._active and next(iter(self._active.values())) <= now - ACTIVE_SECONDS:
                self._active.popitem(last=False)
            refusal = None if call in self._active else self._refusal(caller, now)
            if refusal is None:
                self._active[call] = now
                self._active.move_to_end(call)
            else:
                self._was_reached = True
            return refusal

    def touch(self, call: str, now: float) -> None:
        """Record a later turn of a call."""
        with self._lock:
            self._active[call] = now
            self._active.move_to_end(call)

    def end(self, call: str) -> None:
        """Record that a call has ended."""
        with self._lock:
            self._active.pop(call, None)

    def was_reached(self) -> bool:
        """Return whether a call was refused since the last time this was asked."""
        with self._lock:
            reached, self._was_reached = self._was_reached, False
            return reached

    def _refusal(self, caller: str, now: float) -> Refusal | None:
        if len(self._active) >= self._at_once:
            return "at_once"
        if not caller:
            return None
        calls = self._callers.pop(caller, deque())
        self._callers[caller] = calls
        if len(self._callers) > MOST_CALLERS:
            self._callers.popitem(last=False)
        while calls and calls[0] <= now - HOUR_SECONDS:
            calls.popleft()
        if len(calls) >= self._per_number:
            return "number"
        calls.append(now)
        return None
