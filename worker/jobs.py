"""The jobs. Each carries counts or ids only, and may run twice, late or never: the ledger knows what is true."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from rq import Queue, Worker, get_current_job

from ivr import clock
from ivr.reminders.outbox.claims import ClaimedText, claim_reminders
from ivr.reminders.outbox.on_demand import claim_on_demand
from ivr.reminders.outbox.reconcile import reconcile
from ivr.reminders.outbox.restore_guard import RestoreGuard
from worker.context import ending, job_context
from worker.rate_limit import Pacer, SharedRateLimit
from worker.sending import send_all

# A probe of a carrier that refused us comes this many first waits after the refusal.
PROBE_WAITS = 10


def send_slice(limit: int) -> int:
    """Claim up to `limit` segments of texts that are due and hand them over. Returns how many texts were claimed.

    Texts that callers asked for go first: each waits for a slice at most, however many reminders are due.
    """
    return _send(limit, claim_on_demand, claim_reminders)


def send_asked(limit: int) -> int:
    """The same for nothing but texts that callers asked for."""
    return _send(limit, claim_on_demand)


def _send(limit: int, *claims: Callable[..., list[ClaimedText]]) -> int:
    here = job_context()
    settings, per_second = here.settings, here.content.config.reminders.pace
    sender = SharedRateLimit(here.queue, here.carrier.sender, per_second)
    # What our share of the pace lets out in a quarter of the lease is handed over well before its claim seems dead.
    share = min(per_second / workers(), 1 / sender.reserve(0)[1])
    left = 0 if ending.is_set() else max(1, min(limit, int(share * settings.lease_seconds / 4)))
    probe_after = timedelta(seconds=settings.retry_seconds * PROBE_WAITS)
    water = RestoreGuard(settings.var_dir, here.queue)
    claimed: list[ClaimedText] = []
    for take in claims:
        if left > 0:
            mine = take(here.ledger, here.vault, here.content, clock.now(), left, probe_after, water)
            left -= sum(text.segments for text in mine)
            claimed += mine
    # Who is asked to end does not sleep on.
    send_all(here, claimed, Pacer(sender, share, sleep=ending.wait))
    return len(claimed)


def workers() -> int:
    """How many workers share the sender's pace."""
    job = get_current_job()
    if job is None:
        return 1
    return max(1, Worker.count(queue=Queue(job.origin, connection=job.connection)))


def reconcile_texts(ids: list[int]) -> dict[str, int]:
    """Look for uncertain texts in the carrier's log. Returns what became of them."""
    here = job_context()
    return reconcile(here.ledger, here.vault, here.carrier, ids, clock.now(), here.settings.reconcile_seconds)
