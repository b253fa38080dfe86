"""One batch a day for each feed. Every import makes a batch of its own, and a feed imports every second."""

from __future__ import annotations

from datetime import UTC, datetime, time

from sqlalchemy import Connection, delete, func, select, update

from ivr.ledger.tables import appointment, batch, text


def merge_into_day(connection: Connection, batch_id: int, name: str, now: datetime) -> int:
    """Move a feed's new batch into the feed's first batch of the day (UTC), and return that one's id.

    A cancelled batch takes in nothing, since nothing is sent for it; a paused one does, and stays paused. Needs the
    exclusive lock, which claims hold too.
    """
    midnight = datetime.combine(now.astimezone(UTC).date(), time(), UTC)
    of_day = (batch.c.filename == name) & (batch.c.created_at >= midnight) & batch.c.live_at.is_not(None)
    first = connection.execute(select(func.min(batch.c.id)).where(of_day & batch.c.cancelled_at.is_(None))).scalar()
    if first is None or first == batch_id:
        return batch_id
    for table in (appointment, text):
        connection.execute(update(table).where(table.c.batch_id == batch_id).values(batch_id=first))
    connection.execute(delete(batch).where(batch.c.id == batch_id))
    return int(first)
