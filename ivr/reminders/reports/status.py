"""Where the texts are: by batch and over all, each in exactly one state."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, select, update

from ivr.ledger import Ledger
from ivr.ledger.tables import alarm, appointment, batch, text
from ivr.reminders.outbox.states import TextState, cancel_planned
from ivr.reminders.schedule.plan import Reason

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
        batches = _batches(connection, number)
        if number is not None and not batches:
            raise NoSuchBatch(f"There is no batch {number}.")
        _count_appointments(connection, batches, number)
        _count_texts(connection, batches, number)
        if number is not None:
            return batches[number]
        told = connection.execute(select(alarm.c.name, alarm.c.detail))
        return {
            **_together(batches.values()),
            "alarms": [dict(row._mapping) for row in told],
            "batches": list(batches.values()),
        }


def _batches(connection: Connection, number: int | None) -> dict[int, dict[str, Any]]:
    """Batches by number, nothing counted yet."""
    wanted = select(batch.c.id, batch.c.paused, batch.c.live_at).where(*_of(batch.c.id, number))
    rows = connection.execute(wanted.order_by(batch.c.id))
    return {row.id: {**_nothing(row.id, row.paused), "live": row.live_at is not None} for row in rows}


def _nothing(number: int | None, paused: bool) -> dict[str, Any]:
    return {
        "batch": number,
        "paused": paused,
        "appointments": 0,
        "texts": dict.fromkeys(STATES, 0),
        "reasons": {},
    }


def _of(column: ColumnElement[Any], number: int | None) -> list[ColumnElement[bool]]:
    return [] if number is None else [column == number]


def _count_appointments(connection: Connection, batches: dict[int, dict[str, Any]], number: int | None) -> None:
    columns = (appointment.c.batch_id, func.count().label("n"), func.count(appointment.c.next_due_at).label("coming"))
    mine = select(*columns).where(*_of(appointment.c.batch_id, number)).group_by(appointment.c.batch_id)
    for row in connection.execute(mine):
        batches[row.batch_id]["appointments"] = row.n
        batches[row.batch_id]["texts"][TextState.PLANNED] = row.coming


def _count_texts(connection: Connection, batches: dict[int, dict[str, Any]], number: int | None) -> None:
    """Of reminders; texts that were asked for on a call are of no batch."""
    kind = (text.c.batch_id, text.c.state, text.c.reason)
    mine = select(*kind, func.count().label("n")).where(text.c.batch_id.is_not(None), *_of(text.c.batch_id, number))
    for row in connection.execute(mine.group_by(*kind)):
        if row.state == TextState.PLANNED:
            continue
        counted = batches[row.batch_id]
        counted["texts"][row.state] += row.n
        if row.reason:
            counted["reasons"][row.reason] = counted["reasons"].get(row.reason, 0) + row.n


def by_state(connection: Connection) -> dict[str, int]:
    """How many texts are in each state, those that callers asked for too."""
    counted = dict.fromkeys(STATES, 0)
    rows = connection.execute(select(text.c.state, func.count().label("n")).group_by(text.c.state))
    return {**counted, **{row.state: row.n for row in rows}}


def _together(batches: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """The same over all batches."""
    total = _nothing(None, paused=False)
    for one in batches:
        total["paused"] |= one["paused"]
        total["appointments"] += one["appointments"]
        for name in ("texts", "reasons"):
            for key, count in one[name].items():
                total[name][key] = total[name].get(key, 0) + count
    return total


def control(ledger: Ledger, number: int, **values: Any) -> None:
    """Pause, resume or cancel a batch. Raises NoSuchBatch and CancelledBatch."""
    cancelled_at = values.get("cancelled_at")
    with ledger.write() as connection:
        ledger.exclusive_lock(connection)
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
