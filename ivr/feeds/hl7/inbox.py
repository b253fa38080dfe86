"""Messages in the database. One is committed here before it is acknowledged, and applied later, so that a crash in
between neither loses it nor applies it twice."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ColumnElement, Connection, Dialect, literal_column, select, update

from ivr.feeds.hl7.acks import ACCEPTED, FAULTS, Reply
from ivr.feeds.hl7.message import Message
from ivr.feeds.hl7.rows import Cells
from ivr.i18n import N_, Sentence, filled, sentence
from ivr.ledger import Vault
from ivr.ledger.prepared_sql import BulkInsert, BulkLookup
from ivr.ledger.tables import hl7_message
from ivr.reminders.alarms import Alarm, clear_alarm, raise_alarm
from ivr.reminders.imports.change_order import changed_at

_IN_ORDER = ("waiting", "applied")
_COLUMNS = (
    *("key_hash", "sender", "event", "received_at", "sent_at", "appointment_id", "state", "fault", "place", "reason"),
    *("row_sealed", "message_sealed"),
)
_DETAIL = N_("Messages of an HL7 feed could not be read. List them with: infoline hl7 items")


class MessageState(StrEnum):
    WAITING = "waiting"  # to be applied
    APPLIED = "applied"
    IGNORED = "ignored"  # of a site or a type without reminders
    STALE = "stale"  # something newer about the same appointment came first
    UNREAD = "unread"  # a work item


@dataclass(frozen=True)
class Received:
    """A message, its row, and its reply. cells: None if it is ignored or not readable. fault: a code, if not readable.

    sent_at: MSH-7 in UTC. is_kept: whether a message that is not readable becomes a work item. sentences: the fault in
    words, which hold nothing of the message.
    """

    message: Message
    reply: Reply
    cells: Cells | None = None
    fault: str = ""
    sent_at: datetime | None = None
    is_kept: bool = True
    sentences: Sequence[Sentence] = field(default=())

    @property
    def state(self) -> MessageState:
        if self.fault:
            return MessageState.UNREAD
        return MessageState.IGNORED if self.cells is None else MessageState.WAITING


@dataclass(frozen=True)
class UnreadMessage:
    """A work item. place: segment and field, like PID-13. explanation: the fault in words, nothing of the message."""

    id: int
    received_at: datetime
    sender: str
    event: str
    appointment_id: str | None
    fault: str
    place: str
    explanation: str


class Inbox:
    """Stores messages with prepared SQL: a sender waits for each group of them."""

    def __init__(self, dialect: Dialect, vault: Vault) -> None:
        self._vault = vault
        self._known = BulkLookup(dialect, hl7_message.c.key_hash, hl7_message.c.key_hash)
        columns = (hl7_message.c[name] for name in ("appointment_id", "sent_at", "received_at", "state"))
        self._about = BulkLookup(dialect, hl7_message.c.appointment_id, *columns)
        # Another process may store the same message at the same moment.
        self._insert = BulkInsert(dialect, hl7_message, _COLUMNS, ignore_conflicts=True)

    def store(self, connection: Connection, received: Sequence[Received], now: datetime) -> list[Reply]:
        """Add messages, except repeated ones, and return the reply to each."""
        keys = [_keys(self._vault, each) for each in received]
        wanted = list({key for pair in keys for key in pair})
        known = {row.key_hash for row in self._known.among(connection, wanted)}
        newest = self._newest(connection, {each.cells["appointment_id"] for each in received if each.cells})
        rows, replies = [], []
        for each, (key, own_key) in zip(received, keys, strict=True):
            if key in known and each.message.segments is not None:
                replies.append(ACCEPTED)
                continue
            replies.append(each.reply)
            if own_key not in known and each.is_kept:
                known.add(own_key)
                rows.append(_row(self._vault, each, own_key, newest, now))
        self._insert.execute(connection, rows)
        if any(row["state"] == MessageState.UNREAD for row in rows):
            raise_alarm(connection, Alarm.HL7_UNREAD, now, sentence(_DETAIL))
        return replies

    def _newest(self, connection: Connection, appointment_ids: set[str]) -> dict[str, tuple[datetime, datetime]]:
        """The place of the newest message about each appointment."""
        newest: dict[str, tuple[datetime, datetime]] = {}
        for row in self._about.among(connection, list(appointment_ids)) if appointment_ids else ():
            if row.state in _IN_ORDER and row.sent_at is not None:
                place = place_in_order(row.sent_at, row.received_at)
                newest[row.appointment_id] = max(place, newest.get(row.appointment_id, place))
        return newest


def _keys(vault: Vault, received: Received) -> tuple[str, str]:
    """The key of what the message repeats, and the key under which it is stored.

    A message that could not be read may come again: as a whole, or after the mapping is corrected. So only the same
    bytes are a repetition of it.
    """
    message = received.message
    key = vault.hash(message.key) if message.segments is not None else ""
    if key and not received.fault:
        return key, key
    unread = vault.hash("unread\x1f" + message.raw.decode("latin-1"))
    return key or unread, unread


def place_in_order(sent_at: datetime, received_at: datetime) -> tuple[datetime, datetime]:
    """The sort key of the messages about an appointment.

    The time of a sender whose clock is ahead orders its own messages, but keeps no later message out.
    """
    return changed_at(sent_at, received_at), sent_at


def _row(
    vault: Vault, received: Received, key: str, newest: dict[str, tuple[datetime, datetime]], now: datetime
) -> dict[str, object]:
    message, state = received.message, received.state
    appointment_id = (received.cells or {}).get("appointment_id", "")[:100] or None
    if state is MessageState.WAITING and appointment_id and received.sent_at:
        place = place_in_order(received.sent_at, now)
        if newest.get(appointment_id, place) > place:
            state = MessageState.STALE
        else:
            newest[appointment_id] = place
    is_waiting, is_unread = state is MessageState.WAITING, state is MessageState.UNREAD
    return {
        "key_hash": key,
        "sender": message.header.application,
        "event": message.header.event[:10],
        "received_at": now,
        "sent_at": received.sent_at,
        "appointment_id": appointment_id,
        "state": state,
        "fault": received.fault or None,
        "place": received.reply.place or None,
        "reason": json.dumps(received.sentences) if received.sentences else None,
        "row_sealed": vault.seal(json.dumps(received.cells)) if is_waiting else None,
        "message_sealed": vault.seal(base64.b64encode(message.raw).decode()) if is_unread else None,
    }


def is_unread() -> ColumnElement[bool]:
    """Condition of the messages that are work items. Written out, so that SQLite uses the partial index."""
    return hl7_message.c.state == literal_column(f"'{MessageState.UNREAD}'")


def unread_messages(connection: Connection, *, after: int = 0, limit: int | None = None) -> list[UnreadMessage]:
    """The messages that staff must handle, oldest first. after: the id of the last one of the page before."""
    names = ("id", "received_at", "sender", "event", "appointment_id", "fault", "place", "reason")
    is_open = is_unread() & hl7_message.c.done_at.is_(None) & (hl7_message.c.id > after)
    query = select(*(hl7_message.c[name] for name in names)).where(is_open).order_by(hl7_message.c.id).limit(limit)
    return [
        UnreadMessage(id_, at, sender, event, appointment_id, fault or "", place or "", _explanation(fault, reason))
        for id_, at, sender, event, appointment_id, fault, place, reason in connection.execute(query)
    ]


def is_unread_message(connection: Connection, message_id: int) -> bool:
    """Whether there is a work item with this id, handled or not."""
    query = select(hl7_message.c.id).where(hl7_message.c.id == message_id, is_unread())
    return connection.execute(query).first() is not None


def _explanation(fault: str | None, reason: str | None) -> str:
    if reason:
        return " ".join(filled((template, values)) for template, values in json.loads(reason))
    text = next((reply.text for known, reply in FAULTS.items() if known == fault), "")
    return text or f"The message has a fault called {fault}."


def open_message(connection: Connection, vault: Vault, message_id: int) -> bytes | None:
    """An unread message as it was received; None if there is none with this id. Raises UnknownKey."""
    query = select(hl7_message.c.message_sealed, hl7_message.c.row_sealed).where(
        hl7_message.c.id == message_id, hl7_message.c.state == MessageState.UNREAD
    )
    row = connection.execute(query).first()
    if row is None:
        return None
    if row.message_sealed:
        return base64.b64decode(vault.open(row.message_sealed))
    return vault.open(row.row_sealed).encode() if row.row_sealed else b""


def complete(connection: Connection, message_ids: Iterable[int], by: str, now: datetime) -> int:
    """Mark unread messages as handled, and return how many were open."""
    is_open = hl7_message.c.done_at.is_(None) & is_unread()
    done = update(hl7_message).where(hl7_message.c.id.in_(list(message_ids)), is_open)
    count = connection.execute(done.values(done_at=now, done_by=by[:200])).rowcount
    settle_alarm(connection, now)
    return int(count)


def settle_alarm(connection: Connection, now: datetime) -> None:
    """Raise the alarm if a message is open, and clear it if none is."""
    is_open = hl7_message.c.done_at.is_(None) & is_unread()
    if connection.execute(select(hl7_message.c.id).where(is_open).limit(1)).first():
        raise_alarm(connection, Alarm.HL7_UNREAD, now, sentence(_DETAIL))
    else:
        clear_alarm(connection, Alarm.HL7_UNREAD, now)
