"""Background work: actions that run later or that may block. All threads end with the process."""

import heapq
import itertools
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue

WORKERS = 8


class Scheduler:
    """One timer thread, and `WORKERS` threads for actions that may block."""

    def __init__(self) -> None:
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._sequence = itertools.count()
        self._changed = threading.Condition()
        self._queue: SimpleQueue[Callable[[], None]] = SimpleQueue()
        threading.Thread(target=self._run_timers, name="timer", daemon=True).start()
        for number in range(WORKERS):
            threading.Thread(target=self._work, name=f"worker-{number}", daemon=True).start()

    def call_later(self, seconds: float, action: Callable[[], None]) -> None:
        """Run an action on the timer thread in about `seconds`. The action must not block."""
        with self._changed:
            heapq.heappush(self._timers, (time.monotonic() + seconds, next(self._sequence), action))
            self._changed.notify()

    def submit(self, action: Callable[[], None]) -> None:
        """Run an action that may block, such as a request to the line."""
        self._queue.put(action)

    def _run_timers(self) -> None:
        while True:
            with self._changed:
                while not self._timers or self._timers[0][0] > time.monotonic():
                    wait = self._timers[0][0] - time.monotonic() if self._timers else None
                    self._changed.wait(wait)
                action = heapq.heappop(self._timers)[2]
            action()

    def _work(self) -> None:
        while True:
            self._queue.get()()
