"""One batch a day for each feed. Every import makes a batch of its own, and a feed imports every second."""

from __future__ import annotations

from datetime import UTC, datetime, time

from sqlalchemy import Connection, delete, exists, select, update

from ivr.ledger.tables import appointment, batch, staged_change, text


def merge_into_day(connection: Connection, batch_id: int, name: str, now: datetime) -> int:
    """Move a feed's new batch into the feed's first batch of the day (UTC), and return that one's id.

    So do the batches of imports that died before this. A cancelled batch takes in nothing, since nothing is sent for
    it; a paused one does, and stays paused. Needs the exclusive lock, which claims hold too.
    """
    midnight = datetime.combine(now.astimezone(UTC).date(), time(), UTC)
    of_day = (batch.c.filename == name) & (batch.c.created_at >= midnight) & batch.c.live_at.is_not(None)
    # A batch with changes that were not applied, or that was paused on its own, stays one.
    is_unfinished = exists().where(staged_change.c.into == batch.c.id)
    columns = (batch.c.id, (batch.c.paused | is_unfinished).label("stays"))
    batches = connection.execute(select(*columns).where(of_day & batch.c.cancelled_at.is_(None))).all()
    first = min((each.id for each in batches), default=batch_id)
    merged = [each.id for each in batches if each.id != first and (each.id == batch_id or not each.stays)]
    for table in (appointment, text):
        connection.execute(update(table).where(table.c.batch_id.in_(merged)).values(batch_id=first))
    connection.execute(delete(batch).where(batch.c.id.in_(merged)))
    return int(first)
