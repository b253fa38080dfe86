"""What a call writes: call-back requests, texts on demand, opt-outs. The caller waits up to a second for each."""

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
from ivr.ledger.spool import Spool
from ivr.line.callflow.states import FAILED, SAVED, STOPPED, SaveCallback, SendText, StopTexts, Task
from ivr.people import persons
from ivr.people.callbacks import CallbackRequest, save_callback
from ivr.people.calls.history import last_topic
from ivr.people.phones import is_e164
from ivr.reminders.outbox.on_demand import OnDemandResult, TextRequest, request_text

# How long a caller waits for a task, and how long a background opt-out may take.
SECONDS, BACKGROUND_SECONDS = 1.0, 60.0
# Tasks that run at the same time; others queue, and their second is already running.
CONCURRENCY = 4
EVIDENCE = "asked for on a call"
ON_DEMAND_BATCH = 50


class TaskTimedOut(Exception):
    """The write finished only after the caller had heard that it failed."""


@dataclass(frozen=True)
class ActiveCall:
    """The call that a task belongs to.

    caller: the caller's number, or Twilio's word for a withheld one. keyed: the number that the caller keyed in.
    request: the idempotency token, or empty. textable: whether the line texts numbers in the caller's country.
    """

    sid: str
    language: str
    caller: str
    keyed: str | None
    request: str
    textable: bool = True


class CallTasks:
    """The tasks of one web process."""

    def __init__(self, ledger: Ledger, vault: Vault, redis_url: str, spool: Spool) -> None:
        self._ledger, self._vault, self._redis_url, self._spool = ledger, vault, redis_url, spool
        self._pool = ThreadPoolExecutor(CONCURRENCY, "call-tasks")
        # A separate thread, so that a hung queue server does not delay tasks.
        self._waker = ThreadPoolExecutor(1, "wake-worker")
        self._waking: Future[None] | None = None
        self._actions: dict[type[Task], Callable[[Any, ActiveCall, float], str]] = {
            SaveCallback: self._save_callback,
            SendText: self._send_text,
            StopTexts: self._stop_texts,
        }

    def perform(self, task: Task, call: ActiveCall) -> str:
        """Perform a task and return its outcome, one of `TASK_OUTCOMES`."""
        future = self._pool.submit(self._actions[type(task)], task, call, time.monotonic() + SECONDS)
        try:
            outcome = future.result(SECONDS)
        except (LedgerUnavailable, FutureTimeout, TaskTimedOut) as error:
            future.cancel()
            log.get_logger().error("call_task_failed", task=type(task).__name__, reason=type(error).__name__)
            return self._spool_task(task, call)
        if outcome == OnDemandResult.SENT and (self._waking is None or self._waking.done()):
            self._waking = self._waker.submit(self._wake_worker)
        return outcome

    def close(self) -> None:
        """Wait for the running tasks to finish."""
        self._pool.shutdown()
        self._waker.shutdown()

    def stop_later(self, call: ActiveCall) -> None:
        """Opt the caller out in the background while they hear an urgent prompt."""
        self._pool.submit(self._stop_or_spool, call)

    def _stop_or_spool(self, call: ActiveCall) -> None:
        try:
            self._stop_texts(StopTexts(), call, time.monotonic() + BACKGROUND_SECONDS)
        except (LedgerUnavailable, TaskTimedOut):
            self._spool_task(StopTexts(), call)

    def _spool_task(self, task: Task, call: ActiveCall) -> str:
        """Spool a task that failed. A text on demand is not spooled, because it would arrive too late."""
        if isinstance(task, StopTexts) and is_e164(call.caller):
            saved = self._spool.save("stop", clock.now(), phone=call.caller, source="call", evidence=EVIDENCE)
            return STOPPED if saved else FAILED
        request = _callback_request(task, call, None) if isinstance(task, SaveCallback) else None
        return SAVED if request and self._spool.save("callback", clock.now(), **asdict(request)) else FAILED

    @contextmanager
    def _transaction(self, deadline: float) -> Iterator[Connection]:
        """Roll back after the deadline: by then the caller has heard that the task failed."""
        with self._ledger.write() as connection:
            yield connection
            if time.monotonic() > deadline:
                raise TaskTimedOut

    def _save_callback(self, task: SaveCallback, call: ActiveCall, deadline: float) -> str:
        with self._transaction(deadline) as connection:
            request = _callback_request(task, call, last_topic(connection, self._vault, call.sid))
            if request is None:
                return FAILED
            save_callback(connection, self._vault, request, clock.now())
        return SAVED

    def _send_text(self, task: SendText, call: ActiveCall, deadline: float) -> str:
        if not call.sid or not call.textable:
            return FAILED
        with self._transaction(deadline) as connection:
            request = TextRequest(call.caller, task.topic, call.language, call.sid, call.request or None)
            return request_text(connection, self._vault, request, clock.now())

    def _stop_texts(self, _task: StopTexts, call: ActiveCall, deadline: float) -> str:
        if not is_e164(call.caller):
            return FAILED
        with self._transaction(deadline) as connection:
            persons.opt_out(connection, self._vault, call.caller, clock.now(), "call", EVIDENCE)
        return STOPPED

    def _wake_worker(self) -> None:
        """Have the text sent now. If the queue is down, the clock process picks it up from the database later."""
        if not self._redis_url:
            return
        try:
            with queues.connect(self._redis_url) as connection:
                queues.enqueue(queues.open_queue(connection), queues.SEND_ASKED, ON_DEMAND_BATCH)
        except queues.UNAVAILABLE:
            log.get_logger().warning("worker_not_woken")


def _callback_request(task: SaveCallback, call: ActiveCall, topic: str | None) -> CallbackRequest | None:
    phone = call.keyed if task.number == "keyed" else call.caller
    if not call.sid or not phone or not is_e164(phone):
        return None
    return CallbackRequest(phone, call.language, task.entry, topic, task.time_of_day, call.sid, call.request or None)
