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
SLOW_SECONDS = 0.02
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


class _Worker:
    """A thread that works for one batch at a time, and calls a function on the event loop after each."""

    def __init__(self, name: str, deliver: Callable[[_Batch], None], end: Callable[[_Worker, _Batch], None]) -> None:
        self._deliver, self._end = deliver, end
        self._batches: SimpleQueue[tuple[_Batch, asyncio.AbstractEventLoop] | None] = SimpleQueue()
        threading.Thread(target=self._work, name=name, daemon=True).start()

    def begin(self, batch: _Batch, loop: asyncio.AbstractEventLoop) -> None:
        self._batches.put((batch, loop))

    def close(self) -> None:
        """End the thread after what it does now."""
        self._batches.put(None)

    def _work(self) -> None:
        while (given := self._batches.get()) is not None:
            batch, loop = given
            for job in batch.jobs:
                if job.take():
                    batch.finished.append((job, job.work()))
                    if batch.is_slow:
                        _call(loop, self._deliver, batch)
            _call(loop, self._end, self, batch)


def _call(loop: asyncio.AbstractEventLoop, function: Callable[..., None], *arguments: object) -> None:
    """Call a function on an event loop, unless it has ended."""
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(function, *arguments)


class ThreadLane:
    """The threads of one lane. Nothing waits for them when the process ends, since they may wait for a database.

    All methods are called on one event loop.
    """

    def __init__(self, name: str, size: Size) -> None:
        self._size = size
        self._unfinished = self._quick = 0
        # Jobs that no thread knows yet.
        self._arrived: deque[_Job] = deque()
        # Batches that found no idle worker.
        self._waiting: deque[_Batch] = deque()
        self._workers = [_Worker(f"{name}-{number}", self._deliver, self._end) for number in range(size.threads)]
        # The last one is used first: its database connection has read most of what the next request needs.
        self._idle = list(self._workers)

    def submit(self, work: Callable[[], Response], finish: Finish, give_up: Callable[[], None] | None = None) -> None:
        """Do the work on a thread, then pass its response to `finish` on the event loop.

        give_up: called instead if no thread becomes free in time; by default, the response is BUSY.
        """
        loop = asyncio.get_running_loop()
        job = _Job(work, finish, give_up or partial(finish, BUSY))
        self._unfinished += 1
        if self._unfinished > self._size.threads:
            loop.call_later(self._size.wait, self._give_up, job)
        if self._size.together == 1:
            self._begin(_Batch([job], is_slow=True))
            return
        self._arrived.append(job)
        if len(self._arrived) == 1:
            # After the loop has received what else has arrived by now.
            loop.call_soon(self._hand_over)

    def close(self) -> None:
        """End each thread after what it does now."""
        for worker in self._workers:
            worker.close()

    def _hand_over(self) -> None:
        """Give what has arrived to threads."""
        loop = asyncio.get_running_loop()
        while self._arrived and self._quick < QUICK_THREADS:
            jobs = [self._arrived.popleft() for _ in range(min(len(self._arrived), self._size.together))]
            batch = _Batch(jobs)
            self._quick += 1
            batch.timer = loop.call_later(SLOW_SECONDS, self._spread, batch)
            self._begin(batch)

    def _begin(self, batch: _Batch) -> None:
        if self._idle:
            self._idle.pop().begin(batch, asyncio.get_running_loop())
        else:
            self._waiting.append(batch)

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
                self._begin(_Batch([job], is_slow=True))
        self._hand_over()

    def _end(self, worker: _Worker, batch: _Batch) -> None:
        self._idle.append(worker)
        if self._waiting:
            self._begin(self._waiting.popleft())
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
