"""Hands requests to threads. No request of one lane waits for a thread of another."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from queue import SimpleQueue

from ivr.web.routes import Lane
from ivr.web.server.wsgi import Response, plain_response

# For each lane: how many threads, and how long a request may wait for one. Twilio gives up after 15 s.
SIZES = {
    Lane.CALLS: (8, 10.0),
    Lane.RECORDINGS: (4, 10.0),
    Lane.OPERATIONS: (4, 10.0),
    Lane.DATABASE: (24, 2.0),
    Lane.WITHOUT_DATABASE: (4, 10.0),
    Lane.CONSOLE: (8, 10.0),
    Lane.API: (8, 10.0),
}
Finish = Callable[[Response], None]
BUSY = plain_response("503 Service Unavailable", ("Retry-After", "1"))


class _Job:
    """A request. Either a thread takes it, or it is given up."""

    def __init__(self, work: Callable[[], Response], finish: Finish, give_up: Callable[[], None]) -> None:
        self.work, self.finish, self.give_up = work, finish, give_up
        self._loop = asyncio.get_running_loop()
        self._tokens = [None]

    def take(self) -> bool:
        """Return True to the first caller only."""
        try:
            self._tokens.pop()
        except IndexError:
            return False
        return True

    def call(self, finish: Callable[[_Job, Response], None], response: Response) -> None:
        """Call a function on the event loop, unless it has ended."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(finish, self, response)


class ThreadLane:
    """The threads of one lane. Nothing waits for them when the process ends, since they may wait for a database."""

    def __init__(self, name: str, threads: int, wait_seconds: float) -> None:
        self._threads, self._wait_seconds = threads, wait_seconds
        self._unfinished = 0
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        for number in range(threads):
            threading.Thread(target=self._work, name=f"{name}-{number}", daemon=True).start()

    def submit(self, work: Callable[[], Response], finish: Finish, give_up: Callable[[], None] | None = None) -> None:
        """Do the work on a thread, then pass its response to `finish` on the event loop, on which this is called.

        give_up: called instead if no thread becomes free in time; by default, the response is BUSY.
        """
        job = _Job(work, finish, give_up or partial(finish, BUSY))
        self._unfinished += 1
        if self._unfinished > self._threads:
            asyncio.get_running_loop().call_later(self._wait_seconds, self._give_up, job)
        self._jobs.put(job)

    def close(self) -> None:
        """End each thread after what it does now."""
        for _ in range(self._threads):
            self._jobs.put(None)

    def _give_up(self, job: _Job) -> None:
        if job.take():
            self._unfinished -= 1
            job.give_up()

    def _finish(self, job: _Job, response: Response) -> None:
        self._unfinished -= 1
        job.finish(response)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            if job.take():
                job.call(self._finish, job.work())
