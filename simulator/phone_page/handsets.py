"""The phones of the page: their numbers, who withholds theirs, and what each person did on a call."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

# The default caller of `infoline call` first. The rest have no outcome of their own (see numbers.py).
NUMBERS = ("+16035550123", *(f"+160355501{number:02d}" for number in range(1, 80) if number != 23))
# A tab asks about twice a second, or once a minute in the background. The number of one that is silent for longer, or
# that was closed, goes to the next tab.
TAB_SECONDS = 90.0


@dataclass(frozen=True)
class CallerAction:
    """What a person did. turn: the number of turns before it; kind: the name of the action, such as keys."""

    turn: int
    kind: str
    value: str


@dataclass
class Handsets:
    """Thread-safe. seen: when a tab last asked for each number, by the monotonic clock."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    seen: dict[str, float] = field(default_factory=dict)
    callers: dict[str, str] = field(default_factory=dict)
    actions: dict[str, list[CallerAction]] = field(default_factory=dict)

    def assign(self) -> str:
        """The first number that no open tab uses; if all are in use, the one that was used longest ago."""
        now = time.monotonic()
        with self.lock:
            free = [number for number in NUMBERS if now - self.seen.get(number, -TAB_SECONDS) >= TAB_SECONDS]
            number = free[0] if free else min(NUMBERS, key=lambda each: self.seen[each])
            self.seen[number] = now
        return number

    def touch(self, number: str) -> None:
        """A tab uses a number."""
        with self.lock:
            self.seen[number] = time.monotonic()

    def leave(self, number: str) -> None:
        """A tab was closed, or is being reloaded."""
        with self.lock:
            self.seen.pop(number, None)

    def own(self, sid: str, number: str) -> None:
        """Remember which phone made a call: its caller may be hidden."""
        with self.lock:
            self.callers[sid] = number

    def note(self, sid: str, action: CallerAction) -> None:
        with self.lock:
            self.actions.setdefault(sid, []).append(action)
