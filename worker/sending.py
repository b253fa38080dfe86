"""Hands over claimed texts concurrently, within the sender's rate limit, and records results as they come in."""

from __future__ import annotations

import threading
import time
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import replace
from datetime import datetime, timedelta

from ivr import clock, log
from ivr.carrier.twilio.client import Refused
from ivr.carrier.twilio.errors import CLASSES, TOO_FAST, ErrorClass
from ivr.ledger import LedgerUnavailable
from ivr.reminders.outbox.exclusive_claim import ClaimedText
from ivr.reminders.outbox.results import Result, ResultRecorder
from worker.context import JobContext, shutdown
from worker.rate_limit import Pacer

THREADS = 32
# An unlisted error of this many texts in a slice, and of half of them, is not a coincidence.
MIN_UNLISTED = 3
# Results are recorded in batches, at this interval.
GATHER_SECONDS = 0.2
# How long a process that is shutting down keeps trying to record results while the database is unavailable.
LAST_RECORD_SECONDS = 5.0
NOT_TRIED = Refused(ErrorClass.TRANSIENT, None, "not tried")


class _Slice:
    """A slice of texts. After the carrier refuses our texts, or at a shutdown, the rest is planned again untried."""

    def __init__(self, context: JobContext, pacer: Pacer, began: float) -> None:
        self._context, self._pacer = context, pacer
        self._refused, self._lock = threading.Event(), threading.Lock()
        self._answers, self._unlisted = 0, Counter[int]()
        # In the second half of the lease, other workers may soon consider our claims expired.
        self._max_age = timedelta(seconds=context.settings.lease_seconds / 2)
        self._ends = began + self._max_age.total_seconds()

    def hand_over(self, text: ClaimedText) -> tuple[str, Result]:
        if not self._stopped():
            self._pacer.wait(text.segments)
        now = clock.now()
        latest = clock.Deadline(min(text.claimed_at + self._max_age, text.until), self._ends)
        if self._stopped() or latest.is_over():
            return text.attempt, NOT_TRIED
        callback = f"{self._context.settings.public_url}/receipts/text/{text.attempt}"
        validity = max(1, int((text.until - now).total_seconds()))
        result = self._context.carrier.send(text.phone, text.body, callback, validity, latest)
        with self._lock:
            self._answers += 1
            if isinstance(result, Refused):
                result = self._classify_unlisted(result)
        if isinstance(result, Refused):
            if result.kind is ErrorClass.STOP:
                self._refused.set()
            elif result.code == TOO_FAST:
                self._pacer.slow_down()
        return text.attempt, result

    def _classify_unlisted(self, refused: Refused) -> Refused:
        """An unlisted error is blamed on the text until half of the texts get it; then on our account or sender."""
        if refused.kind is not ErrorClass.PERMANENT or refused.code is None or refused.code in CLASSES:
            return refused
        self._unlisted[refused.code] += 1
        count = self._unlisted[refused.code]
        is_ours = count >= MIN_UNLISTED and 2 * count >= self._answers
        return replace(refused, kind=ErrorClass.STOP) if is_ours else refused

    def _stopped(self) -> bool:
        return self._refused.is_set() or shutdown.is_set()


def send_all(context: JobContext, claimed: list[ClaimedText], pacer: Pacer, began: float | None = None) -> None:
    """Hand over every text of a slice. began: a time before the claims, by the monotonic clock; now if left out."""
    if not claimed:
        return
    began = time.monotonic() if began is None else began
    recorder = ResultRecorder(context.ledger, context.vault, context.settings.retry_seconds)
    slice_ = _Slice(context, pacer, began)
    lease_ends = time.monotonic() + context.settings.lease_seconds
    with ThreadPoolExecutor(min(THREADS, len(claimed)), "send") as pool:
        running: set[Future[tuple[str, Result]]] = {pool.submit(slice_.hand_over, text) for text in claimed}
        results: list[tuple[str, Result]] = []
        while running:
            done, running = wait(running, timeout=GATHER_SECONDS)
            results = _record(recorder, results + [future.result() for future in done], clock.now())
    handed_over_at = time.monotonic()
    # Once the lease expires, reconciliation finds these texts in the carrier's log.
    while results and time.monotonic() < lease_ends:
        if shutdown.is_set() and time.monotonic() > handed_over_at + LAST_RECORD_SECONDS:
            return
        time.sleep(GATHER_SECONDS)
        results = _record(recorder, results, clock.now())


def _record(recorder: ResultRecorder, results: list[tuple[str, Result]], now: datetime) -> list[tuple[str, Result]]:
    """Record results. Returns those to retry: all of them while the database is unavailable."""
    try:
        recorder.record(results, now)
    except LedgerUnavailable:
        log.get_logger().warning("results_delayed", texts=len(results))
        return results
    return []
