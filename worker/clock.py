"""The clock process: looks for what is due and starts jobs. Any number of clocks do no harm: a job that finds
nothing left to claim does nothing."""

from __future__ import annotations

import math
import threading
from datetime import datetime

from redis import Redis
from rq import Queue

from ivr import clock, log, queues
from ivr.ledger import Ledger, LedgerAway
from ivr.reminders.asked import asked_count
from ivr.reminders.claims import due_count
from ivr.reminders.handover import release_silent_claims
from ivr.reminders.receipts import close_without_receipt
from ivr.reminders.reconcile import uncertain_due
from ivr.settings import Settings

SLICE = 500
RECONCILED_TOGETHER = 50


def tick(settings: Settings, ledger: Ledger, queue: Queue, now: datetime) -> None:
    """One look at the ledger: silent claims, uncertain texts, missing receipts, what is due."""
    release_silent_claims(ledger, now, settings.lease_seconds)
    close_without_receipt(ledger, now)
    waiting = queue.count
    if waiting:
        return
    if asked_count(ledger, now):
        queues.start(queue, queues.SEND_ASKED, SLICE)
    uncertain = uncertain_due(ledger, now, settings.reconcile_seconds)
    for at in range(0, len(uncertain), RECONCILED_TOGETHER):
        queues.start(queue, queues.RECONCILE, uncertain[at : at + RECONCILED_TOGETHER])
    for _ in range(math.ceil(due_count(ledger, now) / SLICE)):
        queues.start(queue, queues.SEND, SLICE)


def run(settings: Settings, ledger: Ledger, stop: threading.Event) -> None:
    """Tick until told to stop. What is away is tried again at the next tick, and told once."""
    connection: Redis = queues.connect(settings.redis_url)
    queue = queues.open_queue(connection)
    away: str | None = None
    while not stop.is_set():
        try:
            tick(settings, ledger, queue, clock.now())
            if away:
                log.get().info("clock_goes_on")
            away = None
        except (LedgerAway, *queues.AWAY) as error:
            if away != type(error).__name__:
                log.get().warning("clock_waits", reason=type(error).__name__)
            away = type(error).__name__
        stop.wait(settings.clock_seconds)
