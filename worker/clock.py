"""The clock process: finds what is due and enqueues jobs. Any number may run: a job with nothing to do is harmless."""

from __future__ import annotations

import math
import threading
from datetime import UTC, datetime, tzinfo

from rq import Queue

from ivr import clock, log, queues, request_ids
from ivr.ledger import Ledger, Vault
from ivr.ledger.reseal import reseal_is_due
from ivr.releases.cache import NoRelease
from ivr.releases.store import live_release
from ivr.reminders.outbox.backfill import complete_texts
from ivr.reminders.outbox.claims import due_count
from ivr.reminders.outbox.lost_receipts import unreported_due
from ivr.reminders.outbox.monitor import beat, watch
from ivr.reminders.outbox.on_demand import on_demand_count
from ivr.reminders.outbox.receipts import close_without_receipt
from ivr.reminders.outbox.reconcile import uncertain_due
from ivr.reminders.outbox.results import expire_claims
from ivr.reminders.retention import expire as retention
from ivr.reminders.schedule.replan import replan
from ivr.settings import Settings
from worker.context import open_content
from worker.outage import Outage

SLICE = 500
RECONCILE_BATCH = 30
# Statuses that are fetched per tick, one request each.
FETCH_BATCH = 30
# More jobs would only wait in the queue until the next tick.
MAX_JOBS = 10
HOUSEKEEPING_SECONDS = 20


def tick(settings: Settings, ledger: Ledger, queue: Queue, now: datetime, zone: tzinfo = UTC) -> None:
    """Close expired claims, check receipts and alarms, and enqueue what is due unless jobs are waiting.

    zone: the line's time zone, for the nightly job.
    """
    beat(ledger, now)
    watch(ledger, now)
    expire_claims(ledger, now, settings.lease_seconds)
    close_without_receipt(ledger, now)
    complete_texts(ledger)
    if queue.count:
        return
    if on_demand_count(ledger, now):
        queues.enqueue(queue, queues.SEND_ASKED, SLICE)
    # At most MAX_JOBS: after an hour of carrier errors, due texts would expire behind the many uncertain ones, each of
    # which takes a request to the carrier.
    uncertain = uncertain_due(ledger, now, settings.reconcile_seconds, RECONCILE_BATCH * MAX_JOBS)
    for start in range(0, len(uncertain), RECONCILE_BATCH):
        queues.enqueue(queue, queues.RECONCILE, uncertain[start : start + RECONCILE_BATCH])
    for _ in range(math.ceil(due_count(ledger, now, SLICE * MAX_JOBS) / SLICE)):
        queues.enqueue(queue, queues.SEND, SLICE)
    unreported = unreported_due(ledger, now, FETCH_BATCH)
    if unreported:
        queues.enqueue(queue, queues.FETCH, unreported)
    if retention.check_due(ledger, now, zone):
        # Short, because reminders wait for it; the next tick continues.
        queues.enqueue(queue, queues.EXPIRE, HOUSEKEEPING_SECONDS)
    if len(settings.phone_keys) > 1 and reseal_is_due(ledger, Vault.of(settings), now):
        queues.enqueue(queue, queues.RESEAL, HOUSEKEEPING_SECONDS)


class PlanWatch:
    """Replans appointments when a release with another plan goes live."""

    def __init__(self, settings: Settings, ledger: Ledger) -> None:
        self._settings, self._ledger = settings, ledger
        self._planned_for: str | None = None
        self.zone: tzinfo = UTC
        """The time zone of the live release."""

    def check(self, now: datetime) -> None:
        release = live_release(self._ledger)
        live = release.digest if release else "the folder"
        if live == self._planned_for:
            return
        try:
            config = open_content(self._settings, self._ledger).config
        except NoRelease:
            # Texts already sent are still tracked; the web process logs the broken release.
            return
        self.zone = config.zone
        replanned = replan(self._ledger, config.reminders, now)
        self._planned_for = live
        if replanned:
            log.get_logger().info("plan_changed", appointments=replanned)


def run_clock(settings: Settings, ledger: Ledger, stop: threading.Event) -> None:
    """Tick until `stop` is set. Whatever fails is retried at the next tick, and logged once."""
    queue = queues.open_queue(queues.connect(settings.redis_url, retry=False))
    outage, plan = Outage("clock"), PlanWatch(settings, ledger)
    while not stop.is_set():
        # Jobs carry the id of the check that found them due.
        request_ids.current.set(request_ids.new_id())
        try:
            plan.check(clock.now())
            tick(settings, ledger, queue, clock.now(), plan.zone)
            outage.end()
        except Exception as error:
            outage.begin(error)
        stop.wait(settings.clock_seconds)
