"""What a feed has sent and the line could not take: a work item for staff, whichever feed it came from.

They share the table of HL7 messages, one work list, and the commands `infoline hl7 items`, `show`, and `done`.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ColumnElement, Connection, literal_column, select, update

from ivr.feeds.hl7.acks import FAULTS
from ivr.i18n import N_, Sentence, sentence
from ivr.ledger import Vault
from ivr.ledger.tables import hl7_message
from ivr.reminders.alarms import Alarm, clear_alarm, raise_alarm

UNREAD = "unread"
"""The state of a work item."""


class FeedKind(StrEnum):
    HL7 = "hl7"
    FHIR = "fhir"


_ALARMS = {
    FeedKind.HL7: (
        Alarm.HL7_UNREAD,
        N_("Messages of an HL7 feed could not be read. List them with: infoline hl7 items"),
    ),
    FeedKind.FHIR: (
        Alarm.FHIR_REJECTED,
        N_("Appointments of a FHIR server could not be imported. List them with: infoline hl7 items"),
    ),
}


_FAULT_SENTENCES = {fault.value: reply.text for fault, reply in FAULTS.items()}


@dataclass(frozen=True)
class UnreadMessage:
    """A work item. place: segment and field, like PID-13, or a FHIR element. times: how often it came.

    reason: the fault in words, as JSON of sentences of ivr/i18n.py; None if the words are those of its code.
    """

    id: int
    received_at: datetime
    sender: str
    event: str
    appointment_id: str | None
    fault: str
    place: str
    times: int
    reason: str | None


def explanation(fault: str, reason: str | None) -> list[Sentence]:
    """Why a message could not be read. The sentences hold nothing of the message."""
    if reason:
        return [(template, values) for template, values in json.loads(reason)]
    text = _FAULT_SENTENCES.get(fault)
    return [sentence(text) if text else sentence(N_("The message has a fault called {name}."), name=fault)]


def is_unread() -> ColumnElement[bool]:
    """Condition of the messages that are work items. Written out, so that SQLite uses the partial index."""
    return hl7_message.c.state == literal_column(f"'{UNREAD}'")


def is_open() -> ColumnElement[bool]:
    """Condition of the work items that nobody has handled."""
    return is_unread() & hl7_message.c.done_at.is_(None)


def unread_messages(connection: Connection, *, after: int = 0, limit: int | None = None) -> list[UnreadMessage]:
    """The messages that staff must handle, oldest first. after: the id of the last one of the page before."""
    names = ("id", "received_at", "sender", "event", "appointment_id", "fault", "place", "times", "reason")
    query = select(*(hl7_message.c[name] for name in names)).where(is_open(), hl7_message.c.id > after)
    return [
        UnreadMessage(id_, at, sender, event, appointment_id, fault or "", place or "", times, reason)
        for id_, at, sender, event, appointment_id, fault, place, times, reason in connection.execute(
            query.order_by(hl7_message.c.id).limit(limit)
        )
    ]


def is_unread_message(connection: Connection, message_id: int) -> bool:
    """Whether there is a work item with this id, handled or not."""
    query = select(hl7_message.c.id).where(hl7_message.c.id == message_id, is_unread())
    return connection.execute(query).first() is not None


def open_message(connection: Connection, vault: Vault, message_id: int) -> bytes | None:
    """An unread message as it was received; None if there is none with this id. Raises UnknownKey."""
    query = select(hl7_message.c.message_sealed, hl7_message.c.row_sealed)
    row = connection.execute(query.where(hl7_message.c.id == message_id, is_unread())).first()
    if row is None:
        return None
    if row.message_sealed:
        return base64.b64decode(vault.open(row.message_sealed))
    return vault.open(row.row_sealed).encode() if row.row_sealed else b""


def complete(connection: Connection, message_ids: Iterable[int], by: str, now: datetime) -> int:
    """Mark unread messages as handled, and return how many were open."""
    done = update(hl7_message).where(hl7_message.c.id.in_(list(message_ids)), is_open())
    count = connection.execute(done.values(done_at=now, done_by=by[:200])).rowcount
    settle_alarms(connection, now)
    return int(count)


def settle_alarms(connection: Connection, now: datetime) -> None:
    """Raise the alarm of each feed that has an open work item, and clear those of the others."""
    for kind, (alarm, _) in _ALARMS.items():
        of_feed = select(hl7_message.c.id).where(is_open(), hl7_message.c.feed == kind)
        if connection.execute(of_feed.limit(1)).first():
            raise_unread(connection, kind, now)
        else:
            clear_alarm(connection, alarm, now)


def raise_unread(connection: Connection, kind: FeedKind, now: datetime) -> None:
    """Raise the alarm of a feed: it has work items."""
    alarm, detail = _ALARMS[kind]
    raise_alarm(connection, alarm, now, sentence(detail))
