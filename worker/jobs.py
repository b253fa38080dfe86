"""The jobs. They take only counts or ids, and may run twice, late or never: all state is in the database."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta

from redis import Redis
from rq import Worker

from ivr import clock, log, queues
from ivr.carrier.twilio.client import UNREACHABLE, open_carrier
from ivr.ledger import Ledger, LedgerUnavailable
from ivr.ledger.reseal import record_reseal, reseal
from ivr.people import audit
from ivr.people.audit import Actor, AuditKind
from ivr.reminders.imports.staging import finish_batch, unfinished_batches
from ivr.reminders.outbox.claims import claim_reminders
from ivr.reminders.outbox.exclusive_claim import ClaimedText
from ivr.reminders.outbox.lost_receipts import fetch_lost_receipts
from ivr.reminders.outbox.on_demand import claim_on_demand
from ivr.reminders.outbox.reconcile import reconcile_uncertain
from ivr.reminders.outbox.restore_check import may_send
from ivr.reminders.outbox.restore_guard import RestoreGuard
from ivr.reminders.outbox.resume import resume_if_accepted
from ivr.reminders.retention.expire import expire
from ivr.reminders.retention.rules import Cutoffs
from ivr.settings import Settings
from worker.context import job_context, shutdown
from worker.rate_limit import Pacer, SharedRateLimit
from worker.sending import send_all

# While the carrier refuses our texts, it is probed at this multiple of RETRY_SECONDS.
PROBE_FACTOR = 10


def send_slice(limit: int) -> int:
    """Claim up to `limit` segments of due texts and hand them over. Returns the number of texts claimed.

    Requested texts go first, so that none waits for more than one slice of reminders.
    """
    return _send(limit, claim_on_demand, claim_reminders)


def send_asked(limit: int) -> int:
    """Like `send_slice`, but for requested texts only."""
    return _send(limit, claim_on_demand)


def _send(limit: int, *claims: Callable[..., list[ClaimedText]]) -> int:
    context = job_context()
    guard = RestoreGuard(context.settings.var_dir, context.queue)
    if not may_send(context.ledger, context.vault, context.carrier, guard, clock.now()):
        return 0
    settings, per_second = context.settings, context.content.config.reminders.pace
    rate_limit = SharedRateLimit(context.queue, context.carrier.sender, per_second)
    # A slice takes a quarter of the lease at this worker's share of the rate: it is done well before the lease expires.
    share = min(per_second / worker_count(context.queue), 1 / rate_limit.reserve(0)[1])
    segments = 0 if shutdown.is_set() else max(1, min(limit, int(share * settings.lease_seconds / 4)))
    probe_after = timedelta(seconds=settings.retry_seconds * PROBE_FACTOR)
    claimed: list[ClaimedText] = []
    began = time.monotonic()
    for claim in claims:
        if segments > 0:
            texts = claim(context.ledger, context.vault, context.content, clock.now(), segments, probe_after, guard)
            segments -= sum(text.segments for text in texts)
            claimed += texts
    # A shutdown interrupts the sleep.
    send_all(context, claimed, Pacer(rate_limit, share, sleep=shutdown.wait), began)
    return len(claimed)


def worker_count(connection: Redis) -> int:
    """The number of workers that share the sender's rate limit; 1 while the queue server cannot say."""
    try:
        return max(1, Worker.count(queue=queues.open_queue(connection)))
    except queues.UNAVAILABLE:
        return 1


def reconcile_texts(ids: list[int]) -> dict[str, int]:
    """Search for uncertain texts in the carrier's log. Returns the counts of `reconcile`."""
    context = job_context()
    return reconcile_uncertain(
        context.ledger, context.vault, context.carrier, ids, clock.now(), context.settings.reconcile_seconds
    )


def fetch_statuses(ids: list[int]) -> int:
    """Fetch the statuses of handed-over texts without a receipt. Returns how many were final."""
    context = job_context()
    return fetch_lost_receipts(context.ledger, context.vault, context.carrier, ids, clock.now(), shutdown.is_set)


def finish_imports(seconds: int) -> int:
    """Apply what is left of imports that died once they were live, for some seconds. Returns how many are finished."""
    context, ends_at, finished = job_context(), time.monotonic() + seconds, 0

    def should_stop() -> bool:
        return shutdown.is_set() or time.monotonic() > ends_at

    for batch_id in unfinished_batches(context.ledger, clock.now()):
        config = context.content.config
        if not finish_batch(context.ledger, context.vault, config, batch_id, clock.now(), should_stop):
            break
        finished += 1
        log.get_logger().warning("import_finished", batch=batch_id)
    return finished


def expire_data(seconds: int) -> dict[str, int]:
    """Delete data whose period is over, for some seconds. Returns the numbers of deleted rows that are not zero."""
    context, ends_at = job_context(), time.monotonic() + seconds
    cutoffs = Cutoffs.of(context.settings, clock.now())
    deleted, _ = expire(
        context.ledger,
        context.vault,
        cutoffs,
        clock.now(),
        lambda: shutdown.is_set() or time.monotonic() > ends_at,
    )
    return {name: count for name, count in deleted.items() if count}


def reseal_data(seconds: int) -> int:
    """Encrypt data with the newest key, for some seconds. Returns how many values were encrypted.

    When nothing needs the older keys any more, the log says that they may be removed.
    """
    context, ends_at = job_context(), time.monotonic() + seconds
    vault = context.vault
    report = reseal(context.ledger, vault, should_stop=lambda: shutdown.is_set() or time.monotonic() > ends_at)
    if not report.is_finished:
        return report.resealed
    now = clock.now()
    with context.ledger.write() as connection:
        record_reseal(connection, vault, report, now)
        audit.record(connection, Actor("infoline worker"), AuditKind.KEYS_ROTATED, now, values=report.resealed)
    if report.is_complete:
        if report.retired:
            log.get_logger().info("older_keys_unused", keys=report.retired)
    else:
        waits_for = sorted(report.in_use | report.unreadable.keys())
        log.get_logger().warning("older_keys_needed", keys=waits_for)
    return report.resealed


def resume_sending(settings: Settings, ledger: Ledger) -> None:
    """When a worker starts: if the carrier refused our account and accepts it now, try sending again.

    If it cannot be asked, the next probe finds out. Closes the ledger's connections, which no child must inherit.
    """
    try:
        refusal = resume_if_accepted(ledger, open_carrier(settings), clock.now())
        if refusal:
            log.get_logger().error("account_refused", detail=refusal)
    except (LedgerUnavailable, *UNREACHABLE) as error:
        log.get_logger().warning("account_check_delayed", reason=type(error).__name__)
    finally:
        ledger.close()
