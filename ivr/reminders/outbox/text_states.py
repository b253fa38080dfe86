"""The states of a text, the allowed transitions, and the functions that apply them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, bindparam, insert, select, update

from ivr.carrier.twilio.statuses import STATE_BY_STATUS
from ivr.ledger.tables import appointment, text, text_move
from ivr.people.webhooks import Data, EventKind, publish


class TextState(StrEnum):
    """The states of a text. A planned reminder has a row only if staff sent it or a hand-over failed."""

    PLANNED = "planned"
    CLAIMED = "claimed"
    UNCERTAIN = "uncertain"
    HANDED_OVER = "handed_over"
    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"
    FAILED = "failed"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"
    NO_RECEIPT = "no_receipt"


S = TextState
_RECEIPTS = frozenset({S.DELIVERED, S.UNDELIVERED, S.FAILED})
TRANSITIONS: dict[TextState, frozenset[TextState]] = {
    # A late response or receipt may show that a text went out after all.
    S.PLANNED: frozenset({S.CLAIMED, S.SKIPPED, S.CANCELLED, S.HANDED_OVER}) | _RECEIPTS,
    S.CLAIMED: frozenset({S.HANDED_OVER, S.UNCERTAIN, S.PLANNED}) | _RECEIPTS,
    S.UNCERTAIN: frozenset({S.HANDED_OVER, S.PLANNED}) | _RECEIPTS,
    S.HANDED_OVER: frozenset({S.NO_RECEIPT}) | _RECEIPTS,
    S.NO_RECEIPT: _RECEIPTS,
    S.DELIVERED: frozenset(),
    S.UNDELIVERED: frozenset(),
    S.FAILED: frozenset(),
    # Staff send a text that they had skipped, or plan it again.
    S.SKIPPED: frozenset({S.PLANNED}),
    # The appointment was booked again, at the same time.
    S.CANCELLED: frozenset({S.CLAIMED, S.SKIPPED}),
}
# The reason of a state that was fetched from the carrier because no receipt came.
FETCHED = "fetched"
# The reason of a text that staff had skipped and planned again: without a time to retry, it follows the plan.
PLANNED_AGAIN = "planned_again"
# Counted toward the limits of a number: every text that went out, or may have.
COUNTED = frozenset({S.CLAIMED, S.UNCERTAIN, S.HANDED_OVER, S.DELIVERED, S.UNDELIVERED, S.NO_RECEIPT})
# The states that are sent to other systems as events.
_EVENTS = {
    S.DELIVERED: EventKind.DELIVERED,
    **dict.fromkeys((S.UNDELIVERED, S.FAILED), EventKind.UNDELIVERED),
}
# Whose state still changes by itself. A text without a receipt leaves HANDED_OVER after `receipts.NO_RECEIPT_AFTER`.
PENDING = frozenset({S.PLANNED, S.CLAIMED, S.UNCERTAIN, S.HANDED_OVER})
# The carrier accepted the text, and reported no failure.
ACCEPTED = (S.HANDED_OVER, S.DELIVERED, S.UNDELIVERED, S.NO_RECEIPT)


def state_at_carrier(status: str) -> TextState:
    """The state of a text with this status in the carrier's log."""
    return TextState(STATE_BY_STATUS.get(status, "handed_over"))


def transition(
    connection: Connection, ids: Iterable[int], to: TextState, now: datetime, reason: str | None = None, **values: Any
) -> list[int]:
    """Change the state of texts, where allowed, and record it in their history. Returns the ids of changed texts.

    values: other columns to set on the changed texts.
    """
    rows = _lock(connection, list(ids))
    changed = {row.id: row.state for row in rows if to in TRANSITIONS[TextState(row.state)]}
    if not changed:
        return []
    connection.execute(
        update(text).where(text.c.id.in_(changed)).values(state=to, reason=reason, updated_at=now, **values)
    )
    _record_history(connection, list(changed.items()), to, now, reason)
    if to in _EVENTS:
        publish(connection, _EVENTS[to], now, lambda: _sent_texts(connection, list(changed)))
    return list(changed)


def make_due(connection: Connection, text_id: int, now: datetime, reason: str) -> None:
    """Make a planned text due now, and record it in its history."""
    planned = (text.c.id == text_id) & (text.c.state == TextState.PLANNED)
    values = {"reason": reason, "retry_at": now, "updated_at": now}
    if connection.execute(update(text).where(planned).values(values)).rowcount:
        _record_history(connection, [(text_id, TextState.PLANNED)], TextState.PLANNED, now, reason)


def _sent_texts(connection: Connection, ids: list[int]) -> list[Data]:
    """The data of events about reminders; a text that a caller requested concerns no appointment."""
    rows = select(appointment.c.appointment_id, text.c.step, text.c.error_code).join(text).where(text.c.id.in_(ids))
    return [row._asdict() for row in connection.execute(rows)]


def _lock(connection: Connection, ids: list[int]) -> Sequence[Any]:
    """Read the states of texts and lock their rows until the transaction ends; ordered, to avoid deadlocks."""
    states = select(text.c.id, text.c.state).where(text.c.id.in_(ids)).order_by(text.c.id)
    return connection.execute(states.with_for_update()).all()


def _record_history(
    connection: Connection, changed: list[tuple[int, str]], to: TextState, now: datetime, reason: str | None
) -> None:
    """changed: (text id, state before)."""
    entry = {"at": now, "to_state": to, "reason": reason}
    rows = [{**entry, "text_id": text_id, "from_state": before} for text_id, before in changed]
    connection.execute(insert(text_move), rows)


def cancel_planned(connection: Connection, appointments: Any, now: datetime, reason: str) -> None:
    """Cancel the texts of appointments that wait for a retry. appointments: their ids, or a query for them."""
    waiting = select(text.c.id).where(text.c.appointment_id.in_(appointments), text.c.state == TextState.PLANNED)
    transition(connection, connection.execute(waiting).scalars(), TextState.CANCELLED, now, reason)


def mark_handed_over(connection: Connection, sids: Mapping[int, str], now: datetime) -> None:
    """Record that the carrier accepted texts: {text id: sid}. If a receipt came first, only the sid is added."""
    rows = _lock(connection, list(sids))
    changed = [(row.id, row.state) for row in rows if TextState.HANDED_OVER in TRANSITIONS[TextState(row.state)]]
    if changed:
        connection.execute(
            update(text).where(text.c.id.in_([text_id for text_id, _ in changed])),
            {"state": TextState.HANDED_OVER, "reason": None, "updated_at": now},
        )
        _record_history(connection, changed, TextState.HANDED_OVER, now, None)
    record_sids(connection, sids)


def record_sids(connection: Connection, sids: Mapping[int, str]) -> None:
    """Store the carrier's ids of texts: {text id: sid}. A stored sid is neither replaced nor given to a second text."""
    taken = set(connection.execute(select(text.c.sid).where(text.c.sid.in_(sids.values()))).scalars())
    owners = {sid: text_id for text_id, sid in sids.items() if sid not in taken}
    new = [{"key": text_id, "new_sid": sid} for sid, text_id in owners.items()]
    if new:
        unnamed = update(text).where(text.c.id == bindparam("key"), text.c.sid.is_(None))
        connection.execute(unnamed.values(sid=bindparam("new_sid")), new)


def reminder_row(appointment: Row[Any], step: str, state: TextState, **values: Any) -> dict[str, Any]:
    """A row of `text` for a step of an appointment's plan, for `create_texts`."""
    return {
        "appointment_id": appointment.id,
        "person_id": appointment.person_id,
        "batch_id": appointment.batch_id,
        "starts_at": appointment.starts_at,
        "step": step,
        "state": state,
        **values,
    }


def create_texts(connection: Connection, rows: list[dict[str, Any]], now: datetime) -> None:
    """Insert texts with the first entry of their history. rows: the columns of `text`, the same in each."""
    if not rows:
        return
    ids = connection.execute(
        insert(text).returning(text.c.id, sort_by_parameter_order=True), [{**row, "updated_at": now} for row in rows]
    ).scalars()
    history = [
        {"text_id": text_id, "at": now, "to_state": row["state"], "reason": row.get("reason")}
        for text_id, row in zip(ids, rows, strict=True)
    ]
    connection.execute(insert(text_move), history)
