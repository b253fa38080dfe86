"""The jobs. Each carries counts or ids only, and may run twice, late or never: the ledger knows what is true."""

from __future__ import annotations

from ivr import clock
from ivr.reminders.claims import claim
from ivr.reminders.reconcile import reconcile
from worker.outfit import outfit
from worker.sending import send_all


def send_slice(limit: int) -> int:
    """Claim up to `limit` texts that are due and hand them over. Returns how many were claimed."""
    here = outfit()
    claimed = claim(here.ledger, here.vault, here.content, clock.now(), limit)
    send_all(here, claimed)
    return len(claimed)


def reconcile_texts(ids: list[int]) -> dict[str, int]:
    """Look for uncertain texts in the carrier's log. Returns what became of them."""
    here = outfit()
    return reconcile(here.ledger, here.vault, here.carrier, ids, clock.now())
