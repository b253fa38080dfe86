"""Statuses whose receipt got lost: handed-over texts without one are looked up at the carrier, less and less often."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, and_, func, or_, select, update

from ivr import log
from ivr.carrier.twilio.client import UNREACHABLE, Carrier, LoggedMessage
from ivr.ledger import Ledger, Vault
from ivr.ledger.tables import text
from ivr.reminders.outbox.receipts import Receipt, apply_to_text
from ivr.reminders.outbox.text_states import FETCHED, TextState

# The age at which a text is first looked up, and the wait before the second time, which then doubles.
FIRST_WAIT = timedelta(minutes=10)
MAX_DOUBLINGS = 6


def unreported_due(ledger: Ledger, now: datetime, most: int) -> list[int]:
    """The ids of up to `most` handed-over texts whose status may be fetched now, longest waiting first."""
    since = func.coalesce(text.c.looked_at, text.c.claimed_at)
    due = select(text.c.id).where(_due(now)).order_by(since, text.c.id).limit(most)
    with ledger.read() as connection:
        return list(connection.execute(due).scalars())


def _due(now: datetime) -> Any:
    waits = [text.c.looked_at <= now - FIRST_WAIT * 2**looks for looks in range(MAX_DOUBLINGS + 1)]
    return and_(
        text.c.state == TextState.HANDED_OVER,
        text.c.claimed_at <= now - FIRST_WAIT,
        text.c.sid.is_not(None),
        or_(
            text.c.looked_at.is_(None),
            *(and_(text.c.looks == looks, wait) for looks, wait in enumerate(waits)),
            and_(text.c.looks > MAX_DOUBLINGS, waits[-1]),
        ),
    )


def fetch_lost_receipts(
    ledger: Ledger,
    vault: Vault,
    carrier: Carrier,
    ids: list[int],
    now: datetime,
    is_stopped: Callable[[], bool] = lambda: False,
) -> int:
    """Fetch the statuses of texts, one request each, and record them as receipts. Returns how many were final.

    Ends early once the carrier does not answer, or when `is_stopped`; the rest stays due.
    """
    settled = 0
    for text_id in ids:
        if is_stopped():
            break
        with ledger.read() as connection:
            # Meanwhile a receipt may have come, or another job may have looked.
            row = connection.execute(select(text).where(text.c.id == text_id, _due(now))).first()
        if row is None:
            continue
        try:
            message = carrier.fetch(row.sid)
        except UNREACHABLE:
            break
        settled += _record(ledger, vault, row, message, now)
    if settled:
        log.get_logger().info("statuses_fetched", texts=settled)
    return settled


def _record(ledger: Ledger, vault: Vault, row: Row[Any], message: LoggedMessage | None, now: datetime) -> bool:
    """Record a status. message: None if the carrier no longer has it. Returns whether the status is final."""
    receipt = Receipt(row.attempt or "", message.status, message.sid, message.error_code) if message else None
    with ledger.write() as connection:
        if receipt and receipt.refuses_sender:
            # Alarms are raised under the exclusive lock, which must come before any row lock.
            ledger.exclusive_lock(connection)
        looked = update(text).where(text.c.id == row.id)
        connection.execute(looked.values(looks=row.looks + 1, looked_at=now))
        return receipt is not None and apply_to_text(connection, vault, row, receipt, now, FETCHED)
