"""Applies a changed plan to all upcoming appointments."""

from __future__ import annotations

import hashlib
from datetime import datetime

from sqlalchemy import delete, func, insert, select, update

from ivr.ledger import Ledger
from ivr.ledger.tables import appointment, batch, mark
from ivr.line.content.config import ReminderRules

CHUNK_SIZE = 2000
_PLAN = "plan"


def replan(ledger: Ledger, rules: ReminderRules, now: datetime) -> int:
    """Make all upcoming appointments due for a decision now, unless these rules were applied already. Returns how many.

    Uses short transactions. It is safe to run again after dying halfway, and to run twice at once.
    """
    digest = hashlib.sha256(rules.model_dump_json(by_alias=True).encode()).hexdigest()
    with ledger.read() as connection:
        if connection.execute(select(mark.c.value).where(mark.c.name == _PLAN)).scalar() == digest:
            return 0
        first, last = connection.execute(select(func.min(appointment.c.id), func.max(appointment.c.id))).one()
    replanned = 0
    for start in range(first or 0, (last or -1) + 1, CHUNK_SIZE):
        replanned += _replan_chunk(ledger, start, now)
    with ledger.write() as connection:
        ledger.exclusive_lock(connection)
        connection.execute(delete(mark).where(mark.c.name == _PLAN))
        connection.execute(insert(mark).values(name=_PLAN, value=digest, at=now))
    return replanned


def _replan_chunk(ledger: Ledger, start: int, now: datetime) -> int:
    active_batches = select(batch.c.id).where(batch.c.cancelled_at.is_(None))
    upcoming = (
        appointment.c.id.between(start, start + CHUNK_SIZE - 1),
        appointment.c.status == "booked",
        appointment.c.channel == "text",
        appointment.c.starts_at > now,
        appointment.c.next_due_at.is_(None) | (appointment.c.next_due_at > now),
        appointment.c.batch_id.in_(active_batches),
    )
    with ledger.write() as connection:
        # Without the lock, a claim in progress could overwrite next_due_at with a time from the old plan.
        ledger.exclusive_lock(connection)
        return int(connection.execute(update(appointment).where(*upcoming).values(next_due_at=now)).rowcount)
