"""What schedulers must look at, until they say that it is done."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import Connection, insert, select, update

from ivr.ledger import Vault
from ivr.ledger.tables import appointment, person, todo

# change: wants another time. cancel: texted CANCEL, which also ended her texts. wrong-number: not the patient's number.
WorkItemKind = Literal["change", "cancel", "wrong-number"]


@dataclass(frozen=True)
class WorkItem:
    """appointment_id and starts_at (UTC) are of the visit that it is about, where there is one; phone is E.164."""

    id: int
    kind: WorkItemKind
    at: datetime
    phone: str
    appointment_id: str | None
    starts_at: datetime | None


def add_work_item(connection: Connection, kind: WorkItemKind, person_id: int, visit: int | None, now: datetime) -> None:
    """Put something on the list, unless the same already waits there. visit: the appointment row's id."""
    same = select(todo.c.id).where(
        todo.c.kind == kind,
        todo.c.person_id == person_id,
        todo.c.appointment_id.is_not_distinct_from(visit),
        todo.c.done_at.is_(None),
    )
    if not connection.execute(same).first():
        connection.execute(insert(todo).values(kind=kind, person_id=person_id, appointment_id=visit, at=now))


def pending_work_items(connection: Connection, vault: Vault) -> list[WorkItem]:
    """What waits, oldest first. Raises KeyError when a number was sealed with a key that we no longer have."""
    rows = connection.execute(
        select(todo.c.id, todo.c.kind, todo.c.at, person.c.phone_sealed)
        .add_columns(appointment.c.appointment_id, appointment.c.starts_at)
        .select_from(todo)
        .join(person, person.c.id == todo.c.person_id)
        .outerjoin(appointment, appointment.c.id == todo.c.appointment_id)
        .where(todo.c.done_at.is_(None))
        .order_by(todo.c.at, todo.c.id)
    )
    return [
        WorkItem(row.id, row.kind, row.at, vault.open(row.phone_sealed), row.appointment_id, row.starts_at)
        for row in rows
    ]


def complete_work_item(connection: Connection, number: int, by: str, now: datetime) -> bool:
    """What stands under this id is done. by: who says so. False: nothing of that id waits."""
    waits = (todo.c.id == number) & todo.c.done_at.is_(None)
    return bool(connection.execute(update(todo).where(waits).values(done_at=now, done_by=by[:200])).rowcount)
