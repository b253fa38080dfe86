"""The clock process: looks for what is due and starts jobs. Any number of clocks do no harm: a job that finds
nothing left to claim does nothing."""

from __future__ import annotations

import math
import threading
from datetime import datetime

from redis import Redis
from rq import Queue

from ivr import clock, log, queues
from ivr.ledger import Ledger, LedgerUnavailable
from ivr.releases.cache import NoRelease
from ivr.releases.store import live_release
from ivr.reminders.outbox.claims import due_count
from ivr.reminders.outbox.monitor import beat, watch
from ivr.reminders.outbox.on_demand import on_demand_count
from ivr.reminders.outbox.receipts import close_without_receipt
from ivr.reminders.outbox.reconcile import uncertain_due
from ivr.reminders.outbox.results import expire_claims
from ivr.reminders.schedule.replan import replan
from ivr.settings import Settings
from worker.context import open_content

SLICE = 500
RECONCILED_TOGETHER = 30
# More jobs would only wait: those that are started at the next tick are early enough.
MOST_JOBS = 10


def tick(settings: Settings, ledger: Ledger, queue: Queue, now: datetime) -> None:
    """One look at the ledger: silent claims, uncertain texts, missing receipts, alarms, what is due."""
    beat(ledger, now)
    watch(ledger, now)
    expire_claims(ledger, now, settings.lease_seconds)
    close_without_receipt(ledger, now)
    waiting = queue.count
    if waiting:
        return
    if on_demand_count(ledger, now):
        queues.enqueue(queue, queues.SEND_ASKED, SLICE)
    # No more of these than of what is due: after an hour of the carrier's errors they are many, each asks the carrier,
    # and texts whose time passes would wait behind all of them.
    uncertain = uncertain_due(ledger, now, settings.reconcile_seconds, RECONCILED_TOGETHER * MOST_JOBS)
    for at in range(0, len(uncertain), RECONCILED_TOGETHER):
        queues.enqueue(queue, queues.RECONCILE, uncertain[at : at + RECONCILED_TOGETHER])
    for _ in range(math.ceil(due_count(ledger, now, SLICE * MOST_JOBS) / SLICE)):
        queues.enqueue(queue, queues.SEND, SLICE)


class PlanWatch:
    """Has appointments looked at again when a release with another plan is live."""

    def __init__(self, settings: Settings, ledger: Ledger) -> None:
        self._settings, self._ledger = settings, ledger
        self._seen: str | None = None

    def look(self, now: datetime) -> None:
        release = live_release(self._ledger)
        live = release.digest if release else "the folder"
        if live == self._seen:
            return
        try:
            rules = open_content(self._settings, self._ledger).config.reminders
        except NoRelease:
            # What went out is followed all the same, and the web tells of the broken words.
            return
        again = replan(self._ledger, rules, now)
        self._seen = live
        if again:
            log.get_logger().info("plan_changed", appointments=again)


def run(settings: Settings, ledger: Ledger, stop: threading.Event) -> None:
    """Tick until told to stop. What is away is tried again at the next tick, and told once."""
    connection: Redis = queues.connect(settings.redis_url)
    queue = queues.open_queue(connection)
    away: str | None = None
    plan = PlanWatch(settings, ledger)
    while not stop.is_set():
        try:
            plan.look(clock.now())
            tick(settings, ledger, queue, clock.now())
            if away:
                log.get_logger().info("clock_goes_on")
            away = None
        except (LedgerUnavailable, *queues.UNAVAILABLE) as error:
            if away != type(error).__name__:
                log.get_logger().warning("clock_waits", reason=type(error).__name__)
            away = type(error).__name__
        stop.wait(settings.clock_seconds)
