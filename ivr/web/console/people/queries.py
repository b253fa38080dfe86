"""What the pages about people read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, literal, null, select, union_all

from ivr.ledger import Vault
from ivr.ledger.tables import (
    appointment,
    appointment_change,
    batch,
    callback,
    opt_out_event,
    person,
    text,
    text_move,
    todo,
)
from ivr.ledger.vault import UnknownKey
from ivr.people.phones import mask_phone
from ivr.web.console.words import gettext

MAX_ID = 2**31 - 1
PER_PAGE = 50
_MAX_EVENTS = 100


@dataclass(frozen=True)
class ConsentEvent:
    """A request to opt out or in, with the words of the request as evidence; None if there are none."""

    at: datetime
    kind: str
    source: str
    evidence: str | None


def find_appointment(connection: Connection, appointment_id: str) -> str | None:
    """The id of an appointment as it is stored; None if there is none."""
    row = appointment_row(connection, appointment_id)
    return row.appointment_id if row is not None else None


def appointment_row(connection: Connection, appointment_id: str) -> Row[Any] | None:
    """An appointment by its id in the files, with the file of its batch."""
    # PostgreSQL stores no null characters.
    if not appointment_id or "\0" in appointment_id:
        return None
    query = select(appointment, batch.c.filename, person.c.phone_sealed, person.c.opted_out_at, person.c.landline)
    query = query.join(batch, batch.c.id == appointment.c.batch_id)
    query = query.join(person, person.c.id == appointment.c.person_id)
    return connection.execute(query.where(appointment.c.appointment_id == appointment_id[:200])).first()


def find_person(connection: Connection, vault: Vault, phone: str) -> int | None:
    """The id of the person with a number (E.164)."""
    query = select(person.c.id).where(person.c.phone_hash == vault.hash(phone))
    found: int | None = connection.execute(query).scalar_one_or_none()
    return found


def person_row(connection: Connection, person_id: int) -> Row[Any] | None:
    if person_id > MAX_ID:
        return None
    return connection.execute(select(person).where(person.c.id == person_id)).first()


def appointments_of(connection: Connection, person_id: int, page: int) -> tuple[Sequence[Row[Any]], bool]:
    """The appointments of a person, latest first, and whether there are more."""
    query = select(appointment).where(appointment.c.person_id == person_id)
    query = query.order_by(appointment.c.starts_at.desc(), appointment.c.id.desc())
    rows = connection.execute(query.limit(PER_PAGE + 1).offset((page - 1) * PER_PAGE)).all()
    return rows[:PER_PAGE], len(rows) > PER_PAGE


def consent_of(connection: Connection, vault: Vault, person_id: int) -> list[ConsentEvent]:
    """The requests of a person to opt out or in, newest first."""
    of_person = select(opt_out_event).where(opt_out_event.c.person_id == person_id)
    newest = of_person.order_by(opt_out_event.c.at.desc(), opt_out_event.c.id.desc()).limit(_MAX_EVENTS)
    return [
        ConsentEvent(row.at, row.kind, row.source, opened(vault, row.evidence_sealed))
        for row in connection.execute(newest)
    ]


def work_of(connection: Connection, person_id: int) -> Sequence[Any]:
    """Call-back requests and work items of a person, newest first, each with the name of its list and its note."""
    items = [
        select(literal(name).label("work"), table.c.id, kind.label("kind"), at.label("at"), table.c.done_at)
        .add_columns(subject.label("subject"), table.c.note_sealed)
        .where(table.c.person_id == person_id)
        for name, table, kind, at, subject in (
            ("callbacks", callback, literal("callback"), callback.c.asked_at, callback.c.topic),
            ("items", todo, todo.c.kind, todo.c.at, null()),
        )
    ]
    every = union_all(*items).subquery()
    return connection.execute(select(every).order_by(every.c.at.desc(), every.c.id.desc()).limit(PER_PAGE)).all()


def moves_of(connection: Connection, appointment_row_id: int) -> Sequence[Row[*tuple[Any, ...]]]:
    """All changes of the texts of an appointment, in order."""
    query = select(text_move.c.at, text_move.c.from_state, text_move.c.to_state, text_move.c.reason)
    query = query.add_columns(text.c.step, text.c.starts_at).join(text, text.c.id == text_move.c.text_id)
    of_appointment = query.where(text.c.appointment_id == appointment_row_id)
    return connection.execute(of_appointment.order_by(text_move.c.at, text_move.c.id).limit(_MAX_EVENTS * 10)).all()


def changes_of(connection: Connection, appointment_row_id: int) -> Sequence[Row[Any]]:
    """What imports changed of an appointment, and its answers, oldest first: the newest _MAX_EVENTS of them."""
    of_appointment = select(appointment_change).where(appointment_change.c.appointment_id == appointment_row_id)
    newest = of_appointment.order_by(appointment_change.c.id.desc()).limit(_MAX_EVENTS)
    return connection.execute(newest).all()[::-1]


def work_about(connection: Connection, row: Row[Any]) -> Sequence[Row[Any]]:
    """The work items about an appointment (a row of the table)."""
    # By the person, because that has an index.
    about = (todo.c.person_id == row.person_id) & (todo.c.appointment_id == row.id)
    return connection.execute(select(todo).where(about).order_by(todo.c.at, todo.c.id)).all()


def opened(vault: Vault, sealed: bytes | None) -> str | None:
    """A sealed value; a sentence if its key is lost."""
    if sealed is None:
        return None
    try:
        return vault.open(sealed)
    except UnknownKey:
        return gettext("It cannot be read, because an older key is missing.")


def masked(vault: Vault, sealed: bytes) -> str:
    """The last digits of a sealed number."""
    try:
        return mask_phone(vault.open(sealed))
    except UnknownKey:
        return mask_phone("")
