"""Counts of texts by batch and in total, each text in exactly one state; and changes to a batch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, String, cast, func, literal, null, select, union_all, update

from ivr.ledger import Ledger
from ivr.ledger.tables import alarm, appointment, batch, text
from ivr.reminders.outbox.text_states import TextState, cancel_planned
from ivr.reminders.schedule.plan import Reason

STATES = tuple(state.value for state in TextState)


class NoSuchBatch(Exception):
    """There is no batch with that number."""


class CancelledBatch(Exception):
    """A cancelled batch cannot be changed."""


def batch_status(ledger: Ledger, batch_id: int | None = None) -> dict[str, Any]:
    """Counts of texts by state and reason; "planned" counts appointments with upcoming texts.

    batch_id: None for the total, with each batch under "batches". Raises NoSuchBatch.
    """
    with ledger.read() as connection:
        batches = _batches(connection, batch_id)
        if batch_id is not None and not batches:
            raise NoSuchBatch(f"There is no batch {batch_id}.")
        _count(connection, batches, batch_id)
        if batch_id is not None:
            return batches[batch_id]
        alarms = [dict(row._mapping) for row in connection.execute(select(alarm.c.name, alarm.c.detail))]
        return {**_total(batches.values()), "alarms": alarms, "batches": list(batches.values())}


def counts_of_batches(connection: Connection, batch_ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    """The counts of some batches, by id, as `batch_status` has them."""
    counts: dict[int, dict[str, Any]] = {}
    for batch_id in batch_ids:
        counts |= _batches(connection, batch_id)
        _count(connection, counts, batch_id)
    return counts


def _batches(connection: Connection, batch_id: int | None) -> dict[int, dict[str, Any]]:
    """Batches by id, with counts of zero."""
    query = select(batch.c.id, batch.c.paused, batch.c.live_at).where(*in_batch(batch.c.id, batch_id))
    rows = connection.execute(query.order_by(batch.c.id))
    return {row.id: {**_zero(row.id, row.paused), "live": row.live_at is not None} for row in rows}


def _zero(batch_id: int | None, paused: bool) -> dict[str, Any]:
    return {"batch": batch_id, "paused": paused, "appointments": 0, "texts": dict.fromkeys(STATES, 0), "reasons": {}}


def in_batch(column: ColumnElement[Any], batch_id: int | None) -> list[ColumnElement[bool]]:
    """The condition that restricts a query to a batch; none for all batches."""
    return [] if batch_id is None else [column == batch_id]


def _count(connection: Connection, batches: dict[int, dict[str, Any]], batch_id: int | None) -> None:
    """Count appointments and reminders. Requested texts belong to no batch."""
    for row in connection.execute(union_all(_of_appointments(batch_id), _of_texts(batch_id))):
        counts = batches[row.batch_id]
        if row.state is None:
            counts["appointments"], counts["texts"][TextState.PLANNED] = row.n, row.planned
        elif row.state != TextState.PLANNED:
            counts["texts"][row.state] += row.n
            if row.reason:
                counts["reasons"][row.reason] = counts["reasons"].get(row.reason, 0) + row.n


def _of_appointments(batch_id: int | None) -> Select[Any]:
    id_, nothing = appointment.c.batch_id, cast(null(), String)
    counts = (func.count().label("n"), func.count(appointment.c.next_due_at).label("planned"))
    query = select(_shown(id_, batch_id), nothing.label("state"), nothing.label("reason"), *counts)
    # Counting is faster without GROUP BY.
    return query.group_by(id_) if batch_id is None else query.where(id_ == batch_id)


def _of_texts(batch_id: int | None) -> Select[Any]:
    id_, group = text.c.batch_id, (text.c.state, text.c.reason)
    query = select(_shown(id_, batch_id), *group, func.count().label("n"), literal(0).label("planned"))
    if batch_id is None:
        return query.where(id_.is_not(None)).group_by(id_, *group)
    return query.where(id_ == batch_id).group_by(*group)


def _shown(column: ColumnElement[Any], batch_id: int | None) -> ColumnElement[Any]:
    return (column if batch_id is None else literal(batch_id)).label("batch_id")


def by_state_and_reason(connection: Connection) -> dict[tuple[str, str], int]:
    """The number of texts by state and reason, or an empty string; requested texts included. Every state has a row."""
    group = (text.c.state, text.c.reason)
    rows = connection.execute(select(*group, func.count().label("n")).group_by(*group))
    return {(str(state), ""): 0 for state in STATES} | {(row.state, row.reason or ""): row.n for row in rows}


def _total(batches: Iterable[dict[str, Any]]) -> dict[str, Any]:
    total = _zero(None, paused=False)
    for counts in batches:
        total["paused"] |= counts["paused"]
        total["appointments"] += counts["appointments"]
        for name in ("texts", "reasons"):
            for key, count in counts[name].items():
                total[name][key] = total[name].get(key, 0) + count
    return total


def control(
    ledger: Ledger, batch_id: int, *, on_change: Callable[[Connection], None] = lambda _connection: None, **values: Any
) -> None:
    """Pause, resume or cancel a batch: values are columns of `batch`. Raises NoSuchBatch and CancelledBatch.

    on_change: called in the transaction that makes the change.
    """
    cancelled_at = values.get("cancelled_at")
    with ledger.write() as connection:
        ledger.exclusive_lock(connection)
        row = connection.execute(select(batch.c.cancelled_at).where(batch.c.id == batch_id)).first()
        if row is None:
            raise NoSuchBatch(f"There is no batch {batch_id}.")
        if row.cancelled_at is not None:
            raise CancelledBatch(f"Batch {batch_id} is cancelled for good: import its file again to send its texts.")
        connection.execute(update(batch).where(batch.c.id == batch_id).values(**values))
        on_change(connection)
        if cancelled_at is not None:
            in_batch = appointment.c.batch_id == batch_id
            cancel_planned(connection, select(appointment.c.id).where(in_batch), cancelled_at, Reason.CANCELLED)
            connection.execute(update(appointment).where(in_batch).values(next_due_at=None))
