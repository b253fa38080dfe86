"""What a call writes: call-back requests, texts on demand, opt-outs. The caller waits up to a second for each."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import contextmanager, suppress
from contextvars import copy_context
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeVar

from sqlalchemy import Connection

from ivr import clock, log, queues
from ivr.i18n import N_, sentence
from ivr.ledger import Ledger, LedgerUnavailable, Vault
from ivr.ledger.spool import Spool
from ivr.line.callflow.states import DELAYED, FAILED, SAVED, STOPPED, SaveCallback, SendText, StopTexts, Task
from ivr.people import persons
from ivr.people.callbacks import CallbackLimits, CallbackRequest, limit_reached, save_callback
from ivr.people.calls.history import last_topic
from ivr.people.phones import is_e164
from ivr.reminders.alarms import Alarm, raise_alarm
from ivr.reminders.outbox.on_demand import OnDemandResult, RequestLimits, TextRequest, confirm_opt_out, request_text

R = TypeVar("R")
# How long a caller waits for a task, and how much longer for a commit that has begun and cannot be withdrawn.
SECONDS, COMMIT_SECONDS = 1.0, 2.0
# Tasks that run at the same time; others queue, and their second is already running.
CONCURRENCY = 4
EVIDENCE = "asked for on a call"
ON_DEMAND_BATCH = 50
_CAPPED: dict[str, str] = {OnDemandResult.NUMBER_CAPPED: "number", OnDemandResult.HOUR_CAPPED: "hour"}
# Outcomes that the graph treats as a failure: the caller hears the number to call.
NUMBER_CALLBACKS_CAPPED, HOUR_CALLBACKS_CAPPED = "callback_number_capped", "callback_hour_capped"
_CALLBACKS_CAPPED = N_("Callers ask for more call-backs than CALLBACKS_PER_HOUR allows: look for repeated calls.")
_HOUR_CAPPED = N_("Callers request more texts than REQUESTED_TEXTS_PER_HOUR allows: look for repeated calls.")


class TaskWithdrawn(Exception):
    """The caller stopped waiting before the commit began, so the transaction is rolled back."""


class Decision:
    """Whether a task commits or is withdrawn: whichever is first, so that the caller hears what really happens."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.made: Literal["commit", "withdraw"] | None = None

    def make(self, choice: Literal["commit", "withdraw"]) -> bool:
        """Decide, and return whether this is the decision; otherwise the other one was made before."""
        with self._lock:
            self.made = self.made or choice
            return self.made == choice


@dataclass(frozen=True)
class ActiveCall:
    """The call that a task belongs to.

    caller: the caller's number, or Twilio's word for a withheld one. keyed: the number that the caller keyed in.
    request: the idempotency token, or empty. reachable: whether the line may text and call back the caller's number.
    """

    sid: str
    language: str
    caller: str
    keyed: str | None
    request: str
    reachable: bool = True


class CallTasks:
    """The tasks of one web process."""

    def __init__(  # noqa: PLR0913 - the services of a web process
        self,
        ledger: Ledger,
        vault: Vault,
        redis_url: str,
        spool: Spool,
        limits: RequestLimits,
        callback_limits: CallbackLimits,
    ) -> None:
        self._ledger, self._vault, self._redis_url, self._spool = ledger, vault, redis_url, spool
        self._limits, self._callback_limits = limits, callback_limits
        self._pool = ThreadPoolExecutor(CONCURRENCY, "call-tasks")
        # A separate thread, so that a hung queue server does not delay tasks.
        self._waker = ThreadPoolExecutor(1, "wake-worker")
        self._waking: Future[None] | None = None
        self._actions: dict[type[Task], Callable[[Any, ActiveCall, Decision], str]] = {
            SaveCallback: self._save_callback,
            SendText: self._send_text,
            StopTexts: self._stop_texts,
        }

    def perform(self, task: Task, call: ActiveCall) -> str:
        """Perform a task and return its outcome, one of `TASK_OUTCOMES`."""
        decision = Decision()
        future = self._submit(self._actions[type(task)], task, call, decision)
        try:
            outcome = self._wait(future, decision)
        except (LedgerUnavailable, FutureTimeout) as error:
            future.cancel()
            log.get_logger().error("call_task_failed", task=type(task).__name__, reason=type(error).__name__)
            # A commit that failed or is still running may yet take effect.
            is_unknown = isinstance(task, SendText) and decision.made == "commit"
            return DELAYED if is_unknown else self._spool_task(task, call)
        if outcome in _CAPPED:
            self._report_cap(outcome)
        elif outcome == HOUR_CALLBACKS_CAPPED:
            self._submit(self._raise_alarm, Alarm.CALLBACKS_CAPPED, _CALLBACKS_CAPPED)
        elif outcome in (OnDemandResult.SENT, STOPPED):
            log.get_logger().info("text_requested", task=type(task).__name__)
            self._wake_later()
        return outcome

    def _submit(self, work: Callable[..., R], *arguments: Any) -> Future[R]:
        """Have work done on a thread of the pool, whose log lines then carry the id of this request."""
        return self._pool.submit(copy_context().run, work, *arguments)

    @staticmethod
    def _wait(future: Future[str], decision: Decision) -> str:
        """Return the outcome of a task. Raises FutureTimeout after withdrawing it, or if its commit hangs."""
        try:
            return future.result(SECONDS)
        except FutureTimeout:
            if decision.make("withdraw"):
                raise
        return future.result(COMMIT_SECONDS)

    def _report_cap(self, outcome: str) -> None:
        log.get_logger().warning("requested_text_refused", limit=_CAPPED[outcome])
        if outcome == OnDemandResult.HOUR_CAPPED:
            self._submit(self._raise_alarm, Alarm.REQUESTED_TEXTS_CAPPED, _HOUR_CAPPED)

    def _raise_alarm(self, alarm: Alarm, detail: str) -> None:
        # The refused request will be repeated if the database is down now.
        with suppress(LedgerUnavailable), self._ledger.write() as connection:
            self._ledger.exclusive_lock(connection)
            raise_alarm(connection, alarm, clock.now(), sentence(detail))

    def _wake_later(self) -> None:
        if self._waking is None or self._waking.done():
            self._waking = self._waker.submit(copy_context().run, self._wake_worker)

    def close(self) -> None:
        """Wait for the running tasks to finish."""
        self._pool.shutdown()
        self._waker.shutdown()

    def stop_later(self, call: ActiveCall) -> None:
        """Opt the caller out in the background while they hear an urgent prompt."""
        self._submit(self._stop_or_spool, call)

    def _stop_or_spool(self, call: ActiveCall) -> None:
        try:
            self._stop_texts(StopTexts(), call, Decision())
        except LedgerUnavailable:
            self._spool_task(StopTexts(), call)
        else:
            self._wake_later()

    def _spool_task(self, task: Task, call: ActiveCall) -> str:
        """Spool a task that failed. A text on demand is not spooled, because it would arrive too late."""
        if isinstance(task, StopTexts) and is_e164(call.caller):
            saved = self._spool.save("stop", clock.now(), phone=call.caller, source="call", evidence=EVIDENCE)
            return STOPPED if saved else FAILED
        request = _callback_request(task, call, None) if isinstance(task, SaveCallback) else None
        return SAVED if request and self._spool.save("callback", clock.now(), **asdict(request)) else FAILED

    @contextmanager
    def _transaction(self, decision: Decision) -> Iterator[Connection]:
        """Roll back if the task has been withdrawn: the caller has heard that it failed."""
        with self._ledger.write() as connection:
            yield connection
            if not decision.make("commit"):
                raise TaskWithdrawn

    def _save_callback(self, task: SaveCallback, call: ActiveCall, decision: Decision) -> str:
        with self._transaction(decision) as connection:
            request = _callback_request(task, call, last_topic(connection, self._vault, call.sid))
            if request is None:
                return FAILED
            now = clock.now()
            limit = limit_reached(connection, self._vault, request, now, self._callback_limits)
            if limit is None:
                save_callback(connection, self._vault, request, now)
        if limit is None:
            return SAVED
        log.get_logger().warning("callback_refused", limit=limit)
        return NUMBER_CALLBACKS_CAPPED if limit == "number" else HOUR_CALLBACKS_CAPPED

    def _send_text(self, task: SendText, call: ActiveCall, decision: Decision) -> str:
        if not call.sid or not call.reachable:
            return FAILED
        with self._transaction(decision) as connection:
            request = TextRequest(call.caller, task.topic, call.language, call.sid, call.request or None)
            return request_text(connection, self._vault, request, clock.now(), self._limits)

    def _stop_texts(self, _task: StopTexts, call: ActiveCall, decision: Decision) -> str:
        if not is_e164(call.caller):
            return FAILED
        with self._transaction(decision) as connection:
            now = clock.now()
            changed = persons.opt_out(connection, self._vault, call.caller, now, "call", EVIDENCE)
            if changed and call.sid and call.reachable:
                confirm_opt_out(connection, self._vault, call.caller, call.language, call.sid, now)
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
    phone = call.keyed if task.number == "keyed" else call.caller if call.reachable else None
    if not call.sid or not phone:
        return None
    return CallbackRequest(phone, call.language, task.entry, topic, task.time_of_day, call.sid, call.request or None)
