"""What a call writes down: a call-back, a text that was asked for, the end of all texts.

A caller waits a second at most, and is told how it went; nothing is promised that is not written down.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection

from ivr import clock, log, queues
from ivr.ledger import Ledger, LedgerUnavailable, Vault
from ivr.line.callflow.states import FAILED, KEPT, STOPPED, SaveCallback, SendText, StopTexts, Task
from ivr.people import persons
from ivr.people.callbacks import CallbackRequest, save_callback
from ivr.people.calls.history import last_topic
from ivr.people.phones import is_e164
from ivr.people.spool import Spool
from ivr.reminders.outbox.on_demand import OnDemandResult, TextRequest, request_text

SECONDS = 1.0
# Callers who wait for the ledger at the same time; the next ones wait for them, and no longer than a second either.
SIDE_BY_SIDE = 4
LATER_SECONDS = 60.0
SAID_ON_A_CALL = "asked for on a call"
ASKED_TOGETHER = 50


class TaskTimedOut(Exception):
    """The ledger answered after the caller was told that it could not be done."""


@dataclass(frozen=True)
class ActiveCall:
    """The call that a task is done for. own: the caller's number, or another word when she hides it.

    keyed: the number that she keyed in. request: the carrier's token for this request, the same when it comes again.
    textable: whether the line texts numbers like hers.
    """

    sid: str
    language: str
    own: str
    keyed: str | None
    request: str
    textable: bool = True


class CallTasks:
    """The tasks of one web process."""

    def __init__(self, ledger: Ledger, vault: Vault, redis_url: str, kept: Spool) -> None:
        self._ledger, self._vault, self._redis_url, self._kept = ledger, vault, redis_url, kept
        self._pool = ThreadPoolExecutor(SIDE_BY_SIDE, "call-tasks")
        # A queue that hangs holds up nobody who waits for the ledger.
        self._waking = ThreadPoolExecutor(1, "wake-worker")
        self._woken: Future[None] | None = None
        self._acts: dict[type[Task], Callable[[Any, ActiveCall, float], str]] = {
            SaveCallback: self._keep_callback,
            SendText: self._send_text,
            StopTexts: self._stop_texts,
        }

    def perform(self, task: Task, call: ActiveCall) -> str:
        """Do it; returns how it ended, one of `TASK_OUTCOMES`."""
        doing = self._begin(task, call, SECONDS)
        try:
            ended = doing.result(SECONDS)
        except (LedgerUnavailable, FutureTimeout, TaskTimedOut) as error:
            doing.cancel()
            log.get_logger().error("call_task_failed", task=type(task).__name__, reason=type(error).__name__)
            return self._keep(task, call)
        if ended == OnDemandResult.SENT and (self._woken is None or self._woken.done()):
            self._woken = self._waking.submit(self._wake_worker)
        return ended

    def close(self) -> None:
        """Wait until all that was begun has ended."""
        self._pool.shutdown()
        self._waking.shutdown()

    def stop_later(self, call: ActiveCall) -> None:
        """End her texts while the caller hears something that cannot wait."""
        self._pool.submit(self._stop_or_keep, call)

    def _stop_or_keep(self, call: ActiveCall) -> None:
        try:
            self._stop_texts(StopTexts(), call, time.monotonic() + LATER_SECONDS)
        except (LedgerUnavailable, TaskTimedOut):
            self._keep(StopTexts(), call)

    def _keep(self, task: Task, call: ActiveCall) -> str:
        """What cannot reach the ledger now waits on disk; a text that was asked for would come too late."""
        if isinstance(task, StopTexts) and is_e164(call.own):
            told = {"phone": call.own, "source": "call", "evidence": SAID_ON_A_CALL}
            return STOPPED if self._kept.keep("stop", clock.now(), **told) else FAILED
        wish = self._wish(task, call, None) if isinstance(task, SaveCallback) else None
        return KEPT if wish and self._kept.keep("callback", clock.now(), **asdict(wish)) else FAILED

    def _begin(self, task: Task, call: ActiveCall, seconds: float) -> Future[str]:
        return self._pool.submit(self._acts[type(task)], task, call, time.monotonic() + seconds)

    @contextmanager
    def _written(self, until: float) -> Iterator[Connection]:
        """A transaction that is kept only in time: what a caller was told has failed must not come true later."""
        with self._ledger.write() as connection:
            yield connection
            if time.monotonic() > until:
                raise TaskTimedOut

    def _keep_callback(self, task: SaveCallback, call: ActiveCall, until: float) -> str:
        with self._written(until) as connection:
            wish = self._wish(task, call, last_topic(connection, self._vault, call.sid))
            if wish is None:
                return FAILED
            save_callback(connection, self._vault, wish, clock.now())
        return KEPT

    def _wish(self, task: SaveCallback, call: ActiveCall, topic: str | None) -> CallbackRequest | None:
        phone = call.keyed if task.number == "keyed" else call.own
        if not call.sid or not phone or not is_e164(phone):
            return None
        return CallbackRequest(phone, call.language, task.entry, topic, task.wished, call.sid, call.request or None)

    def _send_text(self, task: SendText, call: ActiveCall, until: float) -> str:
        if not call.sid or not call.textable:
            return FAILED
        with self._written(until) as connection:
            wish = TextRequest(call.own, task.topic, call.language, call.sid, call.request or None)
            return request_text(connection, self._vault, wish, clock.now())

    def _stop_texts(self, _task: StopTexts, call: ActiveCall, until: float) -> str:
        if not is_e164(call.own):
            return FAILED
        with self._written(until) as connection:
            persons.opt_out(connection, self._vault, call.own, clock.now(), "call", SAID_ON_A_CALL)
        return STOPPED

    def _wake_worker(self) -> None:
        """The text goes out now; with the queue away, the clock finds it in the ledger later."""
        if not self._redis_url:
            return
        try:
            with queues.connect(self._redis_url) as connection:
                queues.enqueue(queues.open_queue(connection), queues.SEND_ASKED, ASKED_TOGETHER)
        except queues.UNAVAILABLE:
            log.get_logger().warning("asked_text_waits_for_the_clock")
