"""Messages in the database. One is committed here before it is acknowledged, and applied later, so that a crash in
between neither loses it nor applies it twice."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Dialect, case, update
from sqlalchemy.dialects import postgresql, sqlite

from ivr.feeds.hl7.acks import ACCEPTED, Reply
from ivr.feeds.hl7.message import Message
from ivr.feeds.hl7.rows import Cells
from ivr.feeds.unread import UNREAD, FeedKind, raise_unread, settle_alarms
from ivr.i18n import Sentence
from ivr.ledger import Vault
from ivr.ledger.prepared_sql import BulkInsert, BulkLookup
from ivr.ledger.tables import hl7_message
from ivr.reminders.imports.change_order import changed_at

_SETTLED_FOR = timedelta(days=1)
"""How long a work item of many messages stays done while more of them come."""
_RESENT_WITHIN = timedelta(days=1)
"""How long after a message its control id names the same one: senders count anew when their numbers are used up."""
_IN_ORDER = ("waiting", "applied")
_COLUMNS = (
    *("key_hash", "sender", "event", "received_at", "sent_at", "appointment_id", "state", "fault", "place", "reason"),
    *("row_sealed", "message_sealed"),
)


class MessageState(StrEnum):
    WAITING = "waiting"  # to be applied
    APPLIED = "applied"
    IGNORED = "ignored"  # of a site or a type without reminders
    STALE = "stale"  # something newer about the same appointment came first
    UNREAD = UNREAD  # a work item


@dataclass(frozen=True)
class Received:
    """A message, its row, and its reply. cells: None if it is ignored or not readable. fault: a code, if not readable.

    sent_at: MSH-7 in UTC. sentences: the fault in words, which hold nothing of the message.
    """

    message: Message
    reply: Reply
    cells: Cells | None = None
    fault: str = ""
    sent_at: datetime | None = None
    sentences: Sequence[Sentence] = field(default=())

    @property
    def shares_item(self) -> bool:
        """Whether all messages of the sender with this fault are one work item. After AR the sender still has each
        message, and a feed that is set up wrong must not fill the list."""
        return self.reply.code == "AR"

    @property
    def state(self) -> MessageState:
        if self.fault:
            return MessageState.UNREAD
        return MessageState.IGNORED if self.cells is None else MessageState.WAITING


class Inbox:
    """Stores messages with prepared SQL: a sender waits for each group of them."""

    def __init__(self, dialect: Dialect, vault: Vault) -> None:
        self._vault = vault
        known = (hl7_message.c[name] for name in ("key_hash", "sent_at", "received_at", "state"))
        self._known = BulkLookup(dialect, hl7_message.c.key_hash, *known)
        columns = (hl7_message.c[name] for name in ("appointment_id", "sent_at", "received_at", "state"))
        self._about = BulkLookup(dialect, hl7_message.c.appointment_id, *columns)
        # Another process may store the same message at the same moment.
        self._insert = BulkInsert(dialect, hl7_message, _COLUMNS, ignore_conflicts=True)

    def store(self, connection: Connection, received: Sequence[Received], now: datetime) -> list[Reply]:
        """Add messages, except repeated ones, and return the reply to each."""
        keys = [_keys(self._vault, each) for each in received]
        wanted = list({key for pair in keys for key in pair})
        known = {row.key_hash: vars(row) for row in self._known.among(connection, wanted)}
        newest = self._newest(connection, {each.cells["appointment_id"] for each in received if each.cells})
        rows, replies, shared = [], [], list[Received]()
        for each, (key, own_key) in zip(received, keys, strict=True):
            if each.message.segments is not None and key in known and _is_repeated(each, known[key], newest, now):
                replies.append(ACCEPTED)
                continue
            replies.append(each.reply)
            if each.shares_item:
                shared.append(each)
            elif own_key not in known or not each.fault:
                if own_key in known:
                    self._release_key(connection, known[own_key])
                known[own_key] = row = _row(self._vault, each, own_key, newest, now)
                rows.append(row)
        self._insert.execute(connection, rows)
        if any(row["state"] == MessageState.UNREAD for row in rows):
            raise_unread(connection, FeedKind.HL7, now)
        if shared:
            self._count(connection, shared, now)
        return replies

    def _release_key(self, connection: Connection, before: dict[str, Any]) -> None:
        """Give an earlier message another key, because a new one has the same content and control id."""
        key = before["key_hash"]
        # If it came with the same group, it is not stored yet.
        before["key_hash"] = self._vault.hash(f"{key}\x1f{before['sent_at']}\x1f{before['received_at']}")
        released = update(hl7_message).where(hl7_message.c.key_hash == key)
        connection.execute(released.values(key_hash=before["key_hash"]))

    def _count(self, connection: Connection, shared: Sequence[Received], now: datetime) -> None:
        """Count messages in the work items of their senders and faults. One that staff have completed opens again
        after a day."""
        items: dict[str, list[Received]] = {}
        for each in shared:
            header = each.message.header
            key = self._vault.hash("\x1f".join(("shared", header.application, header.facility, each.fault)))
            items.setdefault(key, []).append(each)
        insert = (sqlite if connection.dialect.name == "sqlite" else postgresql).insert
        is_settled = hl7_message.c.done_at > now - _SETTLED_FOR
        for key, messages in items.items():
            row = {**_row(self._vault, messages[0], key, {}, now), "times": len(messages)}
            changes = {
                "times": hl7_message.c.times + len(messages),
                "received_at": now,
                **{name: case((is_settled, hl7_message.c[name]), else_=None) for name in ("done_at", "done_by")},
            }
            counted = insert(hl7_message).values(row)
            connection.execute(counted.on_conflict_do_update(index_elements=[hl7_message.c.key_hash], set_=changes))
        settle_alarms(connection, now)

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
    content is a repetition of it.
    """
    message = received.message
    key = vault.hash(message.key) if message.segments is not None else ""
    if key and not received.fault:
        return key, key
    unread = vault.hash("unread\x1f" + message.content)
    return key or unread, unread


def _is_repeated(
    received: Received, before: dict[str, Any], newest: dict[str, tuple[datetime, datetime]], now: datetime
) -> bool:
    """Whether a message is an earlier one that was sent again, given that they share sender, control id and content.

    With another time, it is one within a day and unless the feed has said something newer about the appointment: an
    appointment may be booked, cancelled, and booked again by a sender that makes the control id of the appointment's.
    """
    if received.sent_at == before["sent_at"]:
        return True
    if before["received_at"] <= now - _RESENT_WITHIN:
        return False
    place = place_in_order(before["sent_at"], before["received_at"])
    is_newest = newest.get(_appointment_id(received) or "", place) <= place
    return is_newest or before["state"] == MessageState.STALE


def _appointment_id(received: Received) -> str | None:
    return (received.cells or {}).get("appointment_id", "")[:100] or None


def place_in_order(sent_at: datetime, received_at: datetime) -> tuple[datetime, datetime]:
    """The sort key of the messages about an appointment.

    The time of a sender whose clock is ahead orders its own messages, but keeps no later message out.
    """
    return changed_at(sent_at, received_at), sent_at


def _row(
    vault: Vault, received: Received, key: str, newest: dict[str, tuple[datetime, datetime]], now: datetime
) -> dict[str, object]:
    message, state = received.message, received.state
    appointment_id = _appointment_id(received)
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
