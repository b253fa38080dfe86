"""Completes rows that workers of an earlier version write during an upgrade, without the columns that are new."""

from __future__ import annotations

from sqlalchemy import select, update

from ivr.ledger import Ledger
from ivr.ledger.tables import appointment, text
from ivr.reminders.outbox.results import MAX_IDS


def complete_texts(ledger: Ledger) -> int:
    """Give reminders without a batch the batch of their appointment. Returns how many."""
    incomplete = text.c.batch_id.is_(None), text.c.appointment_id.is_not(None)
    with ledger.read() as connection:
        ids = list(connection.execute(select(text.c.id).where(*incomplete).limit(MAX_IDS)).scalars())
    if not ids:
        return 0
    of_appointment = select(appointment.c.batch_id).where(appointment.c.id == text.c.appointment_id).scalar_subquery()
    with ledger.write() as connection:
        completed = update(text).where(text.c.id.in_(ids), *incomplete).values(batch_id=of_appointment)
        return int(connection.execute(completed).rowcount)
