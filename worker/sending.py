"""Hand claimed texts over: side by side, no faster than the sender may, results written as they come."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import datetime, timedelta

from ivr import clock, log
from ivr.carrier.client import Accepted, Refused
from ivr.carrier.errors import ErrorClass
from ivr.ledger import LedgerAway
from ivr.reminders.claims import Claimed
from ivr.reminders.handover import Recorder
from worker.outfit import Outfit

THREADS = 32
# Results are written together, but none waits longer than this for company.
GATHER_SECONDS = 0.2
# How often results are offered to a ledger that is away, once all is sent.
OFFERS = 25
Result = Accepted | Refused
NOT_TRIED = Refused(ErrorClass.TRANSIENT, None, "not tried")


class Pace:
    """Spreads segments over time. per_second: what we may send of the sender's pace."""

    def __init__(self, per_second: float, sleep: Callable[[float], None] = time.sleep) -> None:
        self._gap = 1.0 / per_second
        self._sleep = sleep
        self._next = 0.0
        self._lock = threading.Lock()

    def wait(self, segments: int) -> None:
        """Return when `segments` more may go out."""
        with self._lock:
            start = max(time.monotonic(), self._next)
            self._next = start + segments * self._gap
        self._sleep(max(0.0, start - time.monotonic()))


class _Slice:
    """A slice on its way out. Once the carrier refuses us, the rest goes back to the plan untried."""

    def __init__(self, here: Outfit, pace: float) -> None:
        self._here = here
        self._pace = Pace(pace)
        self._refused = threading.Event()
        # After half of the lease others may soon take our claims for dead.
        self._ours_until = clock.now() + timedelta(seconds=here.settings.lease_seconds / 2)

    def hand_over(self, text: Claimed) -> tuple[str, Result]:
        if not self._refused.is_set():
            self._pace.wait(text.segments)
        now = clock.now()
        if self._refused.is_set() or now >= min(self._ours_until, text.until):
            return text.attempt, NOT_TRIED
        callback = f"{self._here.settings.public_url}/receipts/text/{text.attempt}"
        result = self._here.carrier.send(text.phone, text.body, callback, _seconds(text.until - now))
        if isinstance(result, Refused) and result.kind is ErrorClass.STOP:
            self._refused.set()
        return text.attempt, result


def send_all(here: Outfit, claimed: list[Claimed], pace: float) -> None:
    """Hand over every text of a slice. pace: segments a second."""
    if not claimed:
        return
    recorder = Recorder(here.ledger, here.vault, here.settings.retry_seconds)
    slice_ = _Slice(here, pace)
    with ThreadPoolExecutor(min(THREADS, len(claimed)), "send") as pool:
        running: set[Future[tuple[str, Result]]] = {pool.submit(slice_.hand_over, text) for text in claimed}
        results: list[tuple[str, Result]] = []
        while running:
            done, running = wait(running, timeout=GATHER_SECONDS)
            results = _record(recorder, results + [future.result() for future in done], clock.now())
    for _ in range(OFFERS):
        if not results:
            return
        time.sleep(GATHER_SECONDS)
        results = _record(recorder, results, clock.now())


def _record(recorder: Recorder, results: list[tuple[str, Result]], now: datetime) -> list[tuple[str, Result]]:
    """Write results down; a ledger that is away gives them back, and they are offered again."""
    try:
        recorder.record(results, now)
    except LedgerAway:
        log.get().warning("results_wait", texts=len(results))
        return results
    return []


def _seconds(left: timedelta) -> int:
    return max(1, int(left.total_seconds()))
