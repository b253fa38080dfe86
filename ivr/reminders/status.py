"""Where the texts are: by batch and over all, each in exactly one state."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, func, select, update

from ivr.ledger import Ledger
from ivr.ledger.tables import alarm, appointment, batch, text
from ivr.reminders.plan import Reason
from ivr.reminders.texts import TextState, cancel_planned

STATES = tuple(state.value for state in TextState)


class NoSuchBatch(Exception):
    """There is no batch of that number."""


class CancelledBatch(Exception):
    """A cancelled batch stays cancelled."""


def status(ledger: Ledger, number: int | None = None) -> dict[str, Any]:
    """Counts of texts by state and reason; "planned" counts appointments that have a text still to come.

    number: a batch; None: all of them, and a list of all under "batches". Raises NoSuchBatch.
    """
    with ledger.read() as connection:
        batches = _batches(connection)
        if number is not None:
            if number not in batches:
                raise NoSuchBatch(f"There is no batch {number}.")
            return _one(connection, number, batches[number])
        return {
            **_one(connection, None, paused=any(batches.values())),
            "alarms": [dict(row._mapping) for row in connection.execute(select(alarm.c.name, alarm.c.detail))],
            "batches": [_one(connection, known, paused) for known, paused in batches.items()],
        }


def _batches(connection: Connection) -> dict[int, bool]:
    rows = connection.execute(select(batch.c.id, batch.c.paused).order_by(batch.c.id))
    return {row.id: row.paused for row in rows}


def _one(connection: Connection, number: int | None, paused: bool) -> dict[str, Any]:
    mine = appointment.c.batch_id == number if number is not None else appointment.c.id.is_not(None)
    total = connection.execute(select(func.count()).select_from(appointment).where(mine)).scalar_one()
    coming = select(func.count()).select_from(appointment).where(mine, appointment.c.next_due_at.is_not(None))
    planned = connection.execute(coming).scalar_one()
    joined = text.join(appointment, appointment.c.id == text.c.appointment_id)
    rows = connection.execute(
        select(text.c.state, text.c.reason, func.count().label("n"))
        .select_from(joined)
        .where(mine, text.c.state != TextState.PLANNED)
        .group_by(text.c.state, text.c.reason)
    ).all()
    counts = dict.fromkeys(STATES, 0)
    reasons: dict[str, int] = {}
    for row in rows:
        counts[row.state] += row.n
        if row.reason:
            reasons[row.reason] = reasons.get(row.reason, 0) + row.n
    counts["planned"] = planned
    return {"batch": number, "paused": paused, "appointments": total, "texts": counts, "reasons": reasons}


def control(ledger: Ledger, number: int, **values: Any) -> None:
    """Pause, resume or cancel a batch. Raises NoSuchBatch and CancelledBatch."""
    cancelled_at = values.get("cancelled_at")
    with ledger.write() as connection:
        ledger.turnstile(connection)
        found = connection.execute(select(batch.c.cancelled_at).where(batch.c.id == number)).first()
        if found is None:
            raise NoSuchBatch(f"There is no batch {number}.")
        if found.cancelled_at is not None:
            raise CancelledBatch(f"Batch {number} is cancelled, and stays so: import its file anew to send again.")
        connection.execute(update(batch).where(batch.c.id == number).values(**values))
        if cancelled_at is not None:
            mine = appointment.c.batch_id == number
            cancel_planned(connection, select(appointment.c.id).where(mine), cancelled_at, Reason.CANCELLED)
            connection.execute(update(appointment).where(mine).values(next_due_at=None))
