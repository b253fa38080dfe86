"""Hand claimed texts over: side by side, no faster than the sender may, results written as they come."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from ivr import clock
from ivr.carrier.client import Accepted, Refused
from ivr.carrier.errors import ErrorClass
from ivr.reminders.claims import Claimed
from ivr.reminders.handover import Recorder
from worker.outfit import Outfit

THREADS = 32
# Results are written together, but none waits longer than this for company.
GATHER_SECONDS = 0.2
Result = Accepted | Refused


class Pace:
    """Spreads segments over time. per_second: what the sender may send."""

    def __init__(self, per_second: int, sleep: Callable[[float], None] = time.sleep) -> None:
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


def send_all(here: Outfit, claimed: list[Claimed]) -> None:
    """Hand over every text of a slice. Once the carrier refuses us, the rest goes back to the plan untried."""
    if not claimed:
        return
    recorder = Recorder(here.ledger, here.vault, here.settings.retry_seconds)
    pace = Pace(here.content.config.reminders.pace)
    refused = threading.Event()

    def hand_over(text: Claimed) -> tuple[str, Result]:
        pace.wait(text.segments)
        if refused.is_set():
            return text.attempt, Refused(ErrorClass.TRANSIENT, None, "the queue was stopped")
        callback = f"{here.settings.public_url}/receipts/text/{text.attempt}"
        result = here.carrier.send(text.phone, text.body, callback, text.valid_seconds)
        if isinstance(result, Refused) and result.kind is ErrorClass.STOP:
            refused.set()
        return text.attempt, result

    with ThreadPoolExecutor(min(THREADS, len(claimed)), "send") as pool:
        running: set[Future[tuple[str, Result]]] = {pool.submit(hand_over, text) for text in claimed}
        while running:
            _, running = wait(running, timeout=GATHER_SECONDS, return_when=FIRST_COMPLETED), running
            done = {future for future in running if future.done()}
            running -= done
            recorder.record([future.result() for future in done], clock.now())
