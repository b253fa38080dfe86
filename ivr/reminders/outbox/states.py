"""The states of a text, which moves are allowed, and the one place that makes them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update

from ivr.ledger.tables import text, text_move


class TextState(StrEnum):
    """Where a text is. planned: a row only when it was asked for, or after a hand-over that did not happen."""

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
MOVES: dict[TextState, frozenset[TextState]] = {
    # A late receipt, or a late answer, for a text that was given up for lost: it did go out.
    S.PLANNED: frozenset({S.CLAIMED, S.SKIPPED, S.CANCELLED, S.HANDED_OVER}) | _RECEIPTS,
    S.CLAIMED: frozenset({S.HANDED_OVER, S.UNCERTAIN, S.PLANNED}) | _RECEIPTS,
    S.UNCERTAIN: frozenset({S.HANDED_OVER, S.PLANNED}) | _RECEIPTS,
    S.HANDED_OVER: frozenset({S.NO_RECEIPT}) | _RECEIPTS,
    S.NO_RECEIPT: _RECEIPTS,
    S.DELIVERED: frozenset(),
    S.UNDELIVERED: frozenset(),
    S.FAILED: frozenset(),
    # What staff left out, they may send after all.
    S.SKIPPED: frozenset({S.PLANNED}),
    # Its visit was booked again, at the same time.
    S.CANCELLED: frozenset({S.CLAIMED, S.SKIPPED}),
}
# What counts towards the limits for a number: all that was sent, or may have been.
SPENT = frozenset({S.CLAIMED, S.UNCERTAIN, S.HANDED_OVER, S.DELIVERED, S.UNDELIVERED, S.NO_RECEIPT})


def transition(
    connection: Connection,
    ids: Iterable[int],
    to: TextState,
    now: datetime,
    reason: str | None = None,
    **values: Any,
) -> list[int]:
    """Move texts to a state and write it in their history; those that may not go there stay.

    values: other columns to set on the texts that moved. Returns the ids that moved.
    """
    rows = _locked(connection, list(ids))
    moved = {row.id: row.state for row in rows if to in MOVES[TextState(row.state)]}
    if not moved:
        return []
    connection.execute(
        update(text).where(text.c.id.in_(moved)).values(state=to, reason=reason, updated_at=now, **values)
    )
    _tell(connection, list(moved.items()), to, now, reason)
    return list(moved)


def _locked(connection: Connection, ids: list[int]) -> Sequence[Any]:
    """The states of texts, held until the transaction ends; in one order, so that no two wait for each other."""
    states = select(text.c.id, text.c.state).where(text.c.id.in_(ids)).order_by(text.c.id)
    return connection.execute(states.with_for_update()).all()


def _tell(
    connection: Connection, moved: list[tuple[int, str]], to: TextState, now: datetime, reason: str | None
) -> None:
    """The history of texts, each with the state that it had."""
    lines = [
        {"text_id": number, "at": now, "from_state": before, "to_state": to, "reason": reason}
        for number, before in moved
    ]
    connection.execute(insert(text_move), lines)


def cancel_planned(connection: Connection, appointments: Any, now: datetime, reason: str) -> None:
    """Texts of appointments that wait for another try will not be tried. appointments: ids, or a query for them."""
    waiting = select(text.c.id).where(text.c.appointment_id.in_(appointments), text.c.state == TextState.PLANNED)
    transition(connection, connection.execute(waiting).scalars(), TextState.CANCELLED, now, reason)


def mark_handed_over(connection: Connection, sids: Mapping[int, str], now: datetime) -> None:
    """The carrier has these texts: {id: its own id of it}. Where a receipt was here before us, only the id is added."""
    rows = _locked(connection, list(sids))
    moved = [row for row in rows if TextState.HANDED_OVER in MOVES[TextState(row.state)]]
    if moved:
        connection.execute(
            update(text).where(text.c.id.in_([row.id for row in moved])),
            {"state": TextState.HANDED_OVER, "reason": None, "updated_at": now},
        )
        _tell(connection, [(row.id, row.state) for row in moved], TextState.HANDED_OVER, now, None)
    record_sids(connection, sids)


def record_sids(connection: Connection, sids: Mapping[int, str]) -> None:
    """Keep the carrier's ids of texts, {id: sid}, unless one has an id, or it is held to be another text's."""
    taken = set(connection.execute(select(text.c.sid).where(text.c.sid.in_(sids.values()))).scalars())
    owners = {sid: number for number, sid in sids.items() if sid not in taken}
    fresh = [{"key": number, "named": sid} for sid, number in owners.items()]
    if fresh:
        mine = update(text).where(text.c.id == bindparam("key"), text.c.sid.is_(None))
        connection.execute(mine.values(sid=bindparam("named")), fresh)


def create_texts(connection: Connection, rows: list[dict[str, Any]], now: datetime) -> None:
    """Write new texts and the first line of their history. Rows hold the columns of `text`."""
    if not rows:
        return
    numbers = connection.execute(
        insert(text).returning(text.c.id, sort_by_parameter_order=True),
        [{**row, "updated_at": now} for row in rows],
    ).scalars()
    connection.execute(
        insert(text_move),
        [
            {"text_id": number, "at": now, "to_state": row["state"], "reason": row.get("reason")}
            for number, row in zip(numbers, rows, strict=True)
        ],
    )
