"""Hand claimed texts over: side by side, no faster than the sender may, results written as they come."""

from __future__ import annotations

import threading
import time
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import replace
from datetime import datetime, timedelta

from ivr import clock, log
from ivr.carrier.twilio.client import Accepted, Refused
from ivr.carrier.twilio.errors import CLASSES, TOO_FAST, ErrorClass
from ivr.ledger import LedgerUnavailable
from ivr.reminders.outbox.claims import ClaimedText
from ivr.reminders.outbox.results import ResultRecorder
from worker.context import JobContext, ending
from worker.rate_limit import Pacer

THREADS = 32
# So many texts of a slice with the same strange error are no chance.
FEWEST = 3
# Results are written together, but none waits longer than this for company.
GATHER_SECONDS = 0.2
# How long results are offered to a ledger that is away when this process has to end.
LAST_OFFERS_SECONDS = 5.0
Result = Accepted | Refused
NOT_TRIED = Refused(ErrorClass.TRANSIENT, None, "not tried")


class _Slice:
    """A slice on its way out. Once the carrier refuses us, or we are to end, the rest goes back to the plan untried."""

    def __init__(self, here: JobContext, pace: Pacer) -> None:
        self._here = here
        self._pace = pace
        self._refused = threading.Event()
        self._lock = threading.Lock()
        self._answers, self._unlisted = 0, Counter[int]()
        # After half of the lease others may soon take our claims for dead.
        self._ours_for = timedelta(seconds=here.settings.lease_seconds / 2)

    def hand_over(self, text: ClaimedText) -> tuple[str, Result]:
        if not self._over():
            self._pace.wait(text.segments)
        now = clock.now()
        if self._over() or now >= min(text.claimed_at + self._ours_for, text.until):
            return text.attempt, NOT_TRIED
        callback = f"{self._here.settings.public_url}/receipts/text/{text.attempt}"
        result = self._here.carrier.send(text.phone, text.body, callback, _seconds(text.until - now))
        if isinstance(result, Refused):
            result = self._judged(result)
            self._heed(result)
        else:
            with self._lock:
                self._answers += 1
        return text.attempt, result

    def _judged(self, refused: Refused) -> Refused:
        """An error that no table lists is its text's own, until it meets half of the texts: then it is ours."""
        with self._lock:
            self._answers += 1
            if refused.kind is not ErrorClass.PERMANENT or refused.code is None or refused.code in CLASSES:
                return refused
            self._unlisted[refused.code] += 1
            met = self._unlisted[refused.code]
            return replace(refused, kind=ErrorClass.STOP) if met >= FEWEST and 2 * met >= self._answers else refused

    def _over(self) -> bool:
        return self._refused.is_set() or ending.is_set()

    def _heed(self, refused: Refused) -> None:
        if refused.kind is ErrorClass.STOP:
            self._refused.set()
        elif refused.code == TOO_FAST:
            self._pace.slow()


def send_all(here: JobContext, claimed: list[ClaimedText], pace: Pacer) -> None:
    """Hand over every text of a slice."""
    if not claimed:
        return
    recorder = ResultRecorder(here.ledger, here.vault, here.settings.retry_seconds)
    slice_ = _Slice(here, pace)
    ours_until = time.monotonic() + here.settings.lease_seconds
    with ThreadPoolExecutor(min(THREADS, len(claimed)), "send") as pool:
        running: set[Future[tuple[str, Result]]] = {pool.submit(slice_.hand_over, text) for text in claimed}
        results: list[tuple[str, Result]] = []
        while running:
            done, running = wait(running, timeout=GATHER_SECONDS)
            results = _record(recorder, results + [future.result() for future in done], clock.now())
    offered_since = time.monotonic()
    # When our lease is over others look for these texts at the carrier, and find them.
    while results and time.monotonic() < ours_until:
        if ending.is_set() and time.monotonic() > offered_since + LAST_OFFERS_SECONDS:
            return
        time.sleep(GATHER_SECONDS)
        results = _record(recorder, results, clock.now())


def _record(recorder: ResultRecorder, results: list[tuple[str, Result]], now: datetime) -> list[tuple[str, Result]]:
    """Write results down; a ledger that is away gives them back, and they are offered again."""
    try:
        recorder.record(results, now)
    except LedgerUnavailable:
        log.get_logger().warning("results_wait", texts=len(results))
        return results
    return []


def _seconds(left: timedelta) -> int:
    return max(1, int(left.total_seconds()))
