"""The clock process: finds what is due and enqueues jobs. Any number may run: a job with nothing to do is harmless."""

from __future__ import annotations

import math
import threading
import time
from datetime import UTC, datetime, tzinfo

from rq import Queue

from ivr import clock, log, queues, request_ids
from ivr.feeds.expected_file import ExpectedFile, check_expected_file
from ivr.ledger import Ledger, Vault
from ivr.ledger.reseal import reseal_is_due
from ivr.line.content.config import Config
from ivr.people.webhooks import due_deliveries
from ivr.releases.live import NoRelease
from ivr.releases.store import live_release
from ivr.reminders.feed_heartbeats import check_feeds
from ivr.reminders.imports.staging import unfinished_batches
from ivr.reminders.outbox.backfill import complete_texts
from ivr.reminders.outbox.claims import due_count
from ivr.reminders.outbox.lost_receipts import unreported_due
from ivr.reminders.outbox.monitor import beat, watch
from ivr.reminders.outbox.on_demand import on_demand_count
from ivr.reminders.outbox.receipts import close_without_receipt
from ivr.reminders.outbox.reconcile import SEARCHES, uncertain_due
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
# Time servers correct a clock in smaller steps.
MAX_JUMP_SECONDS = 10.0
# Events that one job sends to webhooks.
EVENT_BATCH = 40
# More jobs would only wait in the queue until the next tick.
MAX_JOBS = 10
HOUSEKEEPING_SECONDS = 20


def tick(
    settings: Settings, ledger: Ledger, queue: Queue, now: datetime, zone: tzinfo = UTC, *, is_steady: bool = True
) -> None:
    """Close expired claims, check receipts and alarms, and enqueue what is due unless jobs are waiting.

    zone: the line's time zone, for the nightly job. is_steady: whether waits that began before now are known to be
    over. If not, no claim expires, and nothing is searched for.
    """
    beat(ledger, now)
    watch(ledger, now)
    if is_steady:
        expire_claims(ledger, now, settings.lease_seconds)
    close_without_receipt(ledger, now)
    complete_texts(ledger)
    if queue.count:
        return
    if on_demand_count(ledger, now):
        queues.enqueue(queue, queues.SEND_ASKED, SLICE)
    if unfinished_batches(ledger, now):
        # Before reminders: what a file moved or cancelled must not be sent as it was.
        queues.enqueue(queue, queues.FINISH, HOUSEKEEPING_SECONDS)
    # At most MAX_JOBS: after an hour of carrier errors, due texts would expire behind the many uncertain ones, each of
    # which takes a request to the carrier.
    most = RECONCILE_BATCH * MAX_JOBS if is_steady else 0
    uncertain = uncertain_due(ledger, now, settings.reconcile_seconds, most)
    for start in range(0, len(uncertain), RECONCILE_BATCH):
        queues.enqueue(queue, queues.RECONCILE, uncertain[start : start + RECONCILE_BATCH])
    for _ in range(math.ceil(due_count(ledger, now, SLICE * MAX_JOBS) / SLICE)):
        queues.enqueue(queue, queues.SEND, SLICE)
    unreported = unreported_due(ledger, now, FETCH_BATCH)
    if unreported:
        queues.enqueue(queue, queues.FETCH, unreported)
    if due_deliveries(ledger, now):
        # Last, and one job at a time: a slow receiver must not keep patients waiting.
        queues.enqueue(queue, queues.DELIVER, EVENT_BATCH)
    _enqueue_housekeeping(settings, ledger, queue, now, zone)


def _enqueue_housekeeping(settings: Settings, ledger: Ledger, queue: Queue, now: datetime, zone: tzinfo) -> None:
    """Short jobs, because reminders wait for them; the next tick continues."""
    if retention.check_due(ledger, now, zone):
        queues.enqueue(queue, queues.EXPIRE, HOUSEKEEPING_SECONDS)
    if len(settings.phone_keys) > 1 and reseal_is_due(ledger, Vault.of(settings), now):
        queues.enqueue(queue, queues.RESEAL, HOUSEKEEPING_SECONDS)


class SteadyWatch:
    """Notices when this machine's clock is set. Waits that were measured on it may then be shorter than they seem.

    A text that went out takes a while to appear in the carrier's log, so two searches in a row would prove nothing.
    """

    def __init__(self, settings: Settings) -> None:
        self._pause = SEARCHES * settings.reconcile_seconds
        self._ahead = clock.ahead_of_monotonic()
        # The clock may have been set just before this process started.
        self.steady_from = time.monotonic() + self._pause
        """In seconds of the clock that nobody can set."""

    def is_steady(self) -> bool:
        ahead = clock.ahead_of_monotonic()
        jump, self._ahead = ahead - self._ahead, ahead
        if abs(jump) > MAX_JUMP_SECONDS:
            log.get_logger().warning("clock_jumped", seconds=round(jump))
            self.steady_from = time.monotonic() + self._pause
        return time.monotonic() >= self.steady_from


class PlanWatch:
    """Replans appointments when a release with another plan goes live."""

    def __init__(self, settings: Settings, ledger: Ledger) -> None:
        self._settings, self._ledger = settings, ledger
        self._planned_for: str | None = None
        self.config: Config | None = None
        """Of the live release; None until it was read."""

    @property
    def zone(self) -> tzinfo:
        """The time zone of the live release."""
        return self.config.zone if self.config else UTC

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
        self.config = config
        replanned = replan(self._ledger, config.reminders, now)
        self._planned_for = live
        if replanned:
            log.get_logger().info("plan_changed", appointments=replanned)


def run_clock(settings: Settings, ledger: Ledger, stop: threading.Event) -> None:
    """Tick until `stop` is set. Whatever fails is retried at the next tick, and logged once."""
    queue = queues.open_queue(queues.connect(settings.redis_url, retry=False))
    outage, plan, steady = Outage("clock"), PlanWatch(settings, ledger), SteadyWatch(settings)
    expected, started = ExpectedFile.parse(settings.watch_expected_by), clock.now()
    while not stop.is_set():
        # Jobs carry the id of the check that found them due.
        request_ids.current.set(request_ids.new_id())
        try:
            plan.check(clock.now())
            if plan.config:
                check_expected_file(ledger, expected, plan.config, clock.now())
            check_feeds(ledger, settings, clock.now(), started)
            tick(settings, ledger, queue, clock.now(), plan.zone, is_steady=steady.is_steady())
            outage.end()
        except Exception as error:
            outage.begin(error)
        stop.wait(settings.clock_seconds)
