"""Work items for schedulers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Column, ColumnElement, Connection, Table, and_, func, insert, or_, select, update

from ivr.ledger import Vault
from ivr.ledger.tables import appointment, person, todo

# change: the patient asks for another time. cancel: a text CANCEL, which also opted out. wrong-number: the number is
# not the patient's. landline: a number that cannot be texted has an upcoming appointment; such an item
# exists once a user of the console handles it.
WorkItemKind = Literal["change", "cancel", "wrong-number", "landline"]


@dataclass(frozen=True)
class WorkItem:
    """An item. appointment_id, starts_at (UTC): None if it concerns no appointment. phone: E.164."""

    id: int
    kind: WorkItemKind
    at: datetime
    phone: str
    appointment_id: str | None
    starts_at: datetime | None


def add_work_item(
    connection: Connection, kind: WorkItemKind, person_id: int, appointment_row: int | None, now: datetime
) -> None:
    """Add a work item unless the same one is pending. appointment_row: the row id of its appointment."""
    same = select(todo.c.id).where(
        todo.c.kind == kind,
        todo.c.person_id == person_id,
        todo.c.appointment_id.is_not_distinct_from(appointment_row),
        todo.c.done_at.is_(None),
    )
    if not connection.execute(same).first():
        connection.execute(insert(todo).values(kind=kind, person_id=person_id, appointment_id=appointment_row, at=now))


def landline_item(connection: Connection, person_id: int, now: datetime) -> int:
    """Return the id of the pending item of kind "landline" of a person, which is added if there is none."""
    # Lock the person, so that two requests at once do not add two.
    connection.execute(select(person.c.id).where(person.c.id == person_id).with_for_update(key_share=True))
    add_work_item(connection, "landline", person_id, None, now)
    is_item = (todo.c.kind == "landline") & (todo.c.person_id == person_id) & todo.c.done_at.is_(None)
    return int(connection.execute(select(func.min(todo.c.id)).where(is_item)).scalar_one())


def pending_work_items(
    connection: Connection, vault: Vault, *, after: int | None = None, limit: int | None = None
) -> list[WorkItem]:
    """Return the pending items except landlines, oldest first.

    after: the id of the last item of the page before. limit: the most to return. Raises UnknownKey for a number sealed
    with a lost key.
    """
    rows = connection.execute(
        select(todo.c.id, todo.c.kind, todo.c.at, person.c.phone_sealed)
        .add_columns(appointment.c.appointment_id, appointment.c.starts_at)
        .select_from(todo)
        .join(person, person.c.id == todo.c.person_id)
        .outerjoin(appointment, appointment.c.id == todo.c.appointment_id)
        .where(todo.c.done_at.is_(None), todo.c.kind != "landline", *rows_after(todo, todo.c.at, after))
        .order_by(todo.c.at, todo.c.id)
        .limit(limit)
    )
    return [WorkItem(id_, kind, at, vault.open(sealed), *rest) for id_, kind, at, sealed, *rest in rows]


def rows_after(table: Table, at: Column[Any], row_id: int | None) -> list[ColumnElement[bool]]:
    """The condition for the rows after another one, in the order of a time and then the id; none without one."""
    if row_id is None:
        return []
    moment = select(at).where(table.c.id == row_id).correlate(None).scalar_subquery()
    return [or_(at > moment, and_(at == moment, table.c.id > row_id))]


def complete_work_item(connection: Connection, item_id: int, by: str, now: datetime) -> bool:
    """Mark an item as done. by: a staff member's name. Returns False if no pending item has this id."""
    pending = (todo.c.id == item_id) & todo.c.done_at.is_(None)
    return bool(connection.execute(update(todo).where(pending).values(done_at=now, done_by=by[:200])).rowcount)
