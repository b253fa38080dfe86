"""What the work list reads about HL7 messages that could not be read."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, Select, func, select

from ivr.feeds.unread import is_unread
from ivr.ledger.tables import console_user, hl7_message
from ivr.web.console.people.queries import MAX_ID

_NAMES = ("id", "received_at", "sender", "event", "appointment_id", "fault", "place", "reason", "times", "note_sealed")
_COLUMNS = [hl7_message.c[name] for name in (*_NAMES, "claimed_by", "claimed_at", "done_at", "done_by")]


def messages() -> Select[Any]:
    """The messages, handled or not; `by` is the name of the user who has taken one."""
    query = select(*_COLUMNS, console_user.c.name.label("by")).select_from(hl7_message)
    return query.outerjoin(console_user, console_user.c.id == hl7_message.c.claimed_by).where(is_unread())


def pending_messages() -> Select[Any]:
    """The oldest first."""
    return messages().where(hl7_message.c.done_at.is_(None)).order_by(hl7_message.c.id)


def count_pending(connection: Connection) -> int:
    query = select(func.count()).select_from(hl7_message).where(is_unread(), hl7_message.c.done_at.is_(None))
    return connection.execute(query).scalar_one()


def message(connection: Connection, message_id: int) -> Row[Any] | None:
    """One of them; None if there is none."""
    if message_id > MAX_ID:
        return None
    return connection.execute(messages().where(hl7_message.c.id == message_id)).first()
