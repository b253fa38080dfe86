"""Hands requests to threads. No request of one lane waits for a thread of another."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from queue import SimpleQueue
from typing import NamedTuple

from ivr.web.routes import Lane
from ivr.web.server.wsgi import Response, plain_response


class Size(NamedTuple):
    """threads: how many. wait: how many seconds a request may wait for one; Twilio gives up after 15.

    together: how many requests that arrive together one thread answers, one after the other. To wake a thread, and the
    event loop after it, takes more time than the answer to a text.
    """

    threads: int
    wait: float
    together: int = 1


SIZES = {
    Lane.CALLS: Size(8, 10.0),
    Lane.RECORDINGS: Size(4, 10.0),
    Lane.OPERATIONS: Size(4, 10.0),
    Lane.DATABASE: Size(24, 2.0, together=16),
    Lane.WITHOUT_DATABASE: Size(4, 10.0),
    Lane.CONSOLE: Size(8, 10.0),
    Lane.API: Size(8, 10.0),
}
# While so many threads answer requests together, new ones wait: more threads would only take the interpreter from each
# other. A thread that takes longer waits for the database, so it no longer counts, and others take what it has left.
QUICK_THREADS = 1
SLOW_SECONDS = 0.01
Finish = Callable[[Response], None]
BUSY = plain_response("503 Service Unavailable", ("Retry-After", "1"))


class _Job:
    """A request. Either a thread takes it, or it is given up."""

    def __init__(self, work: Callable[[], Response], finish: Finish, give_up: Callable[[], None]) -> None:
        self.work, self.finish, self.give_up = work, finish, give_up
        self._tokens = [None]

    @property
    def is_taken(self) -> bool:
        return not self._tokens

    def take(self) -> bool:
        """Return True to the first caller only."""
        try:
            self._tokens.pop()
        except IndexError:
            return False
        return True


class _Batch:
    """Jobs for one thread. finished: those whose responses the event loop has not got yet."""

    def __init__(self, jobs: Sequence[_Job], *, is_slow: bool = False) -> None:
        self.jobs, self.is_slow = jobs, is_slow
        self.finished: deque[tuple[_Job, Response]] = deque()
        self.timer: asyncio.TimerHandle | None = None


class ThreadLane:
    """The threads of one lane. Nothing waits for them when the process ends, since they may wait for a database.

    All methods are called on one event loop.
    """

    def __init__(self, name: str, size: Size) -> None:
        self._size = size
        self._unfinished = self._quick = 0
        # Jobs that no thread knows yet.
        self._arrived: deque[_Job] = deque()
        self._batches: SimpleQueue[_Batch | None] = SimpleQueue()
        self._loop: asyncio.AbstractEventLoop | None = None
        for number in range(size.threads):
            threading.Thread(target=self._work, name=f"{name}-{number}", daemon=True).start()

    def submit(self, work: Callable[[], Response], finish: Finish, give_up: Callable[[], None] | None = None) -> None:
        """Do the work on a thread, then pass its response to `finish` on the event loop.

        give_up: called instead if no thread becomes free in time; by default, the response is BUSY.
        """
        self._loop = loop = asyncio.get_running_loop()
        job = _Job(work, finish, give_up or partial(finish, BUSY))
        self._unfinished += 1
        if self._unfinished > self._size.threads:
            loop.call_later(self._size.wait, self._give_up, job)
        if self._size.together == 1:
            self._batches.put(_Batch([job], is_slow=True))
            return
        self._arrived.append(job)
        if len(self._arrived) == 1:
            # After the loop has received what else has arrived by now.
            loop.call_soon(self._hand_over)

    def close(self) -> None:
        """End each thread after what it does now."""
        for _ in range(self._size.threads):
            self._batches.put(None)

    def _hand_over(self) -> None:
        """Give what has arrived to threads."""
        while self._arrived and self._quick < QUICK_THREADS and self._loop is not None:
            jobs = [self._arrived.popleft() for _ in range(min(len(self._arrived), self._size.together))]
            batch = _Batch(jobs)
            self._quick += 1
            batch.timer = self._loop.call_later(SLOW_SECONDS, self._spread, batch)
            self._batches.put(batch)

    def _give_up(self, job: _Job) -> None:
        if job.take():
            self._unfinished -= 1
            job.give_up()

    def _spread(self, batch: _Batch) -> None:
        """Have other threads do what a slow one has left."""
        batch.is_slow = True
        self._quick -= 1
        self._deliver(batch)
        for job in batch.jobs:
            if not job.is_taken:
                self._batches.put(_Batch([job], is_slow=True))
        self._hand_over()

    def _end(self, batch: _Batch) -> None:
        if not batch.is_slow:
            self._quick -= 1
            # The next requests first: their thread works while this one sends the responses.
            self._hand_over()
        if batch.timer is not None:
            batch.timer.cancel()
        self._deliver(batch)

    def _deliver(self, batch: _Batch) -> None:
        while batch.finished:
            job, response = batch.finished.popleft()
            self._unfinished -= 1
            job.finish(response)

    def _work(self) -> None:
        while (batch := self._batches.get()) is not None:
            for job in batch.jobs:
                if job.take():
                    batch.finished.append((job, job.work()))
                    if batch.is_slow:
                        self._call(self._deliver, batch)
            self._call(self._end, batch)

    def _call(self, function: Callable[[_Batch], None], batch: _Batch) -> None:
        """Call a function on the event loop, unless it has ended."""
        with suppress(RuntimeError):
            if self._loop is not None:
                self._loop.call_soon_threadsafe(function, batch)
