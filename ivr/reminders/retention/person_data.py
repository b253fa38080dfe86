"""Everything that is stored about one person: to give it to them, and to delete it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Table, delete, exists, select, update

from ivr.ledger import Vault
from ivr.ledger.tables import (
    appointment,
    appointment_change,
    callback,
    incoming_text,
    offered_choice,
    opt_out_event,
    person,
    staged_change,
    text,
    text_move,
    todo,
)
from ivr.people.persons import erased_values
from ivr.reminders.outbox.text_states import TextState
from ivr.reminders.retention.person_messages import delete_messages, exported_message, messages_about
from ivr.reminders.retention.rules import delete_appointments

# What names another table's rows, or is of use to nobody but the line.
_INTERNAL = frozenset(
    {
        "id",
        "person_id",
        "appointment_id",
        "batch_id",
        "claimed_by",
        "call",
        "request",
        "asked_in",
        "attempt",
        "body_hash",
        # Of the releases before migration 0025.
        "changed_at",
        "changed_from",
    }
)
NOT_LINKED = (
    "Turns of calls and unanswered questions are stored without a number, so they are not part of this. Nor are copies"
    " that are deleted within two days: see docs/retention.md."
)


class TextOnItsWay(Exception):
    """A text to this person is being sent, and its row is needed until the carrier has answered."""


def person_data(connection: Connection, vault: Vault, phone: str) -> dict[str, Any] | None:
    """All that is stored about a number (E.164), as JSON values; None if nothing is. Times are ISO, in UTC.

    Raises UnknownKey for a value that was sealed with a lost key.
    """
    row = connection.execute(select(person).where(person.c.phone_hash == vault.hash(phone))).first()
    incoming = _rows(connection, incoming_text, incoming_text.c.phone_hash == vault.hash(phone))
    booked = _rows(connection, appointment, appointment.c.person_id == row.id) if row is not None else []
    messages = messages_about(connection, vault, phone, {each.appointment_id for each in booked})
    if row is None and not incoming and not messages:
        return None
    data: dict[str, Any] = {"number": phone, "not_included": NOT_LINKED}
    if row is not None:
        mine = {
            table: _rows(connection, table, table.c.person_id == row.id) for table in (callback, todo, opt_out_event)
        }
        data |= _public(row, vault)
        data |= {
            "consent_requests": [_public(event, vault) for event in mine[opt_out_event]],
            "appointments": [_appointment(connection, vault, each) for each in booked],
            "other_texts": [
                _text(connection, vault, sent)
                for sent in _rows(connection, text, (text.c.person_id == row.id) & text.c.appointment_id.is_(None))
            ],
            "callbacks": [_public(request, vault) for request in mine[callback]],
            "work_items": [_public(item, vault) for item in mine[todo]],
        }
    data["incoming_texts"] = [_incoming(received, vault) for received in incoming]
    data["messages"] = [exported_message(message, vault) for message in messages]
    return data


@dataclass(frozen=True)
class Erased:
    """Whose data was deleted: the id of the person, if the number had one."""

    person_id: int | None


def erase_person(connection: Connection, vault: Vault, phone: str, now: datetime) -> Erased | None:
    """Delete all that is stored about a number (E.164), in a transaction that holds the exclusive lock.

    An opt-out, and when it was asked for, stay with the hash of the number, so that it is never texted again; the words
    of the request are deleted. Returns None if nothing was stored. Raises TextOnItsWay.
    """
    hashed = vault.hash(phone)
    count = connection.execute(delete(incoming_text).where(incoming_text.c.phone_hash == hashed)).rowcount
    row = connection.execute(select(person).where(person.c.phone_hash == hashed).with_for_update()).first()
    if row is None:
        count += delete_messages(connection, vault, phone, ())
        return Erased(None) if count else None
    is_mine = text.c.person_id == row.id
    booked = connection.execute(
        select(appointment.c.id, appointment.c.appointment_id).where(appointment.c.person_id == row.id)
    ).all()
    appointments = [each.id for each in booked]
    texts = is_mine | text.c.appointment_id.in_(appointments)
    on_its_way = text.c.state.in_((TextState.CLAIMED, TextState.UNCERTAIN))
    if connection.execute(select(text.c.id).where(texts, on_its_way)).first():
        raise TextOnItsWay("A text to this number is being sent: try again in a few minutes.")
    delete_messages(connection, vault, phone, [each.appointment_id for each in booked])
    changes = (staged_change.c.person_id == row.id) | staged_change.c.appointment.in_(appointments)
    connection.execute(delete(staged_change).where(changes))
    delete_appointments(connection, vault, appointments, now)
    connection.execute(delete(text_move).where(text_move.c.text_id.in_(select(text.c.id).where(is_mine))))
    connection.execute(delete(text).where(is_mine))
    for table in (todo, callback, offered_choice):
        connection.execute(delete(table).where(table.c.person_id == row.id))
    is_event = opt_out_event.c.person_id == row.id
    if row.opted_out_at is None and not connection.execute(select(exists().where(is_event))).scalar():
        connection.execute(delete(person).where(person.c.id == row.id))
    else:
        connection.execute(update(opt_out_event).where(is_event).values(evidence_sealed=None))
        connection.execute(update(person).where(person.c.id == row.id).values(erased_values(vault, now)))
    return Erased(int(row.id))


def _rows(connection: Connection, table: Table, condition: Any) -> list[Row[Any]]:
    (key,) = table.primary_key
    return list(connection.execute(select(table).where(condition).order_by(key)).all())


def _public(row: Row[Any], vault: Vault, *more: str) -> dict[str, Any]:
    """The columns of a row that say something about the person, decrypted. more: columns to include besides."""
    values = {}
    for name, value in row._mapping.items():
        if name in _INTERNAL and name not in more:
            continue
        if name.endswith("_sealed"):
            values[name.removesuffix("_sealed")] = None if value is None else vault.open(value)
        else:
            values[name] = value.isoformat() if isinstance(value, datetime) else value
    return values


def _appointment(connection: Connection, vault: Vault, row: Row[Any]) -> dict[str, Any]:
    texts = _rows(connection, text, text.c.appointment_id == row.id)
    changes = _rows(connection, appointment_change, appointment_change.c.appointment_id == row.id)
    return {
        **_public(row, vault, "appointment_id"),
        "changes": [_public(change, vault) for change in changes],
        "texts": [_text(connection, vault, sent) for sent in texts],
    }


def _text(connection: Connection, vault: Vault, row: Row[Any]) -> dict[str, Any]:
    moves = _rows(connection, text_move, text_move.c.text_id == row.id)
    history = [{"at": move.at.isoformat(), "state": move.to_state, "reason": move.reason} for move in moves]
    return {**_public(row, vault), "history": history}


def _incoming(row: Row[Any], vault: Vault) -> dict[str, Any]:
    replies = json.loads(vault.open(row.replies_sealed)) if row.replies_sealed else []
    return {"at": row.at.isoformat(), "outcome": row.outcome, "replies": replies}
