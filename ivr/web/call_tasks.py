"""What a call writes down: a call-back, a text that was asked for, the end of all texts.

A caller waits a second at most, and is told how it went; nothing is promised that is not written down.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass
from typing import Any

from ivr import clock, log, queues
from ivr.ledger import Ledger, LedgerAway, Vault
from ivr.line.places import FAILED, KEPT, STOPPED, KeepCallback, SendText, StopTexts, Task
from ivr.people import persons
from ivr.people.callbacks import CallbackWish, keep_callback
from ivr.people.calls import last_topic
from ivr.people.phones import is_e164
from ivr.reminders.asked import Asked, TextWish, ask_for_text

SECONDS = 1.0
# Callers who wait for the ledger at the same time; the next ones are told at once that it cannot be done.
SIDE_BY_SIDE = 4
ASKED_TOGETHER = 50


@dataclass(frozen=True)
class CallOnLine:
    """The call that a task is done for. own: the caller's number, or another word when she hides it.

    keyed: the number that she keyed in. request: the carrier's token for this request, the same when it comes again.
    """

    sid: str
    language: str
    own: str
    keyed: str | None
    request: str


class CallTasks:
    """The tasks of one web process."""

    def __init__(self, ledger: Ledger, vault: Vault, redis_url: str) -> None:
        self._ledger, self._vault, self._redis_url = ledger, vault, redis_url
        self._pool = ThreadPoolExecutor(SIDE_BY_SIDE, "call-tasks")
        self._acts: dict[type[Task], Callable[[Any, CallOnLine], str]] = {
            KeepCallback: self._keep_callback,
            SendText: self._send_text,
            StopTexts: self._stop_texts,
        }

    def perform(self, task: Task, call: CallOnLine) -> str:
        """Do it; returns how it ended, one of `TASK_OUTCOMES`."""
        doing: Future[str] = self._pool.submit(self._acts[type(task)], task, call)
        try:
            ended = doing.result(SECONDS)
        except (LedgerAway, FutureTimeout) as error:
            doing.cancel()
            log.get().error("call_task_failed", task=type(task).__name__, reason=type(error).__name__)
            return FAILED
        if ended == Asked.SENT:
            self._pool.submit(self._wake_worker)
        return ended

    def _keep_callback(self, task: KeepCallback, call: CallOnLine) -> str:
        phone = call.keyed if task.number == "keyed" else call.own
        if not phone or not is_e164(phone):
            return FAILED
        with self._ledger.write() as connection:
            wish = CallbackWish(
                phone,
                call.language,
                task.entry,
                last_topic(connection, self._vault, call.sid),
                task.wished,
                call.sid,
                call.request or None,
            )
            keep_callback(connection, self._vault, wish, clock.now())
        return KEPT

    def _send_text(self, task: SendText, call: CallOnLine) -> str:
        if not is_e164(call.own):
            return FAILED
        with self._ledger.write() as connection:
            wish = TextWish(call.own, task.topic, call.language, call.sid, call.request or None)
            return ask_for_text(connection, self._vault, wish, clock.now())

    def _stop_texts(self, _task: StopTexts, call: CallOnLine) -> str:
        if not is_e164(call.own):
            return FAILED
        with self._ledger.write() as connection:
            persons.opt_out(connection, self._vault, call.own, clock.now(), "call", "asked for on a call")
        return STOPPED

    def _wake_worker(self) -> None:
        """The text goes out now; with the queue away, the clock finds it in the ledger later."""
        if not self._redis_url:
            return
        try:
            with queues.connect(self._redis_url) as connection:
                queues.start(queues.open_queue(connection), queues.SEND_ASKED, ASKED_TOGETHER)
        except queues.AWAY:
            log.get().warning("asked_text_waits_for_the_clock")
