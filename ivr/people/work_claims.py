"""Who handles a call-back request or a work item: claimed by one member of staff, released, done, undone, annotated.

Each change is one UPDATE whose condition decides: two people never take the same item.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, and_, exists, or_, select, true, update

from ivr.ledger import Vault
from ivr.ledger.tables import callback, console_user, hl7_message, person, todo

MAX_NOTE = 10_000
# A claim that is older may be released by anyone: its owner may be off duty.
STALE_AFTER = timedelta(hours=8)
# How long a completed item can be put back.
UNDO_FOR = timedelta(days=7)


class WorkList(StrEnum):
    """The kinds of work, each in a table of its own. MESSAGES: of an HL7 feed, which could not be read."""

    CALLBACKS = "callbacks"
    ITEMS = "items"
    MESSAGES = "messages"

    @property
    def table(self) -> Table:
        return _TABLES[self]


_TABLES = {WorkList.CALLBACKS: callback, WorkList.ITEMS: todo, WorkList.MESSAGES: hl7_message}
# A call back is the same work as another one for the same person and office, and so on; no two messages are.
_SAME = {WorkList.CALLBACKS: ("person_id", "entry"), WorkList.ITEMS: ("person_id", "kind", "appointment_id")}


@dataclass(frozen=True)
class Claimant:
    """A member of staff. any_claim: whether they may act on items that somebody else has taken."""

    id: int
    name: str
    any_claim: bool = False


def claim(connection: Connection, work: WorkList, item_id: int, by: Claimant, now: datetime) -> bool:
    """Take an item. Returns False unless it is pending and nobody has it."""
    table = work.table
    return _change(connection, work, item_id, table.c.claimed_by.is_(None), claimed_by=by.id, claimed_at=now)


def release(connection: Connection, work: WorkList, item_id: int, by: Claimant, now: datetime) -> bool:
    """Give an item back. Returns False if somebody else has it, and it is neither old nor theirs to release."""
    table = work.table
    releasable = or_(_own(table, by), table.c.claimed_at < now - STALE_AFTER)
    may = and_(table.c.claimed_by.is_not(None), releasable)
    return _change(connection, work, item_id, may, claimed_by=None, claimed_at=None)


def complete(connection: Connection, work: WorkList, item_id: int, by: Claimant, now: datetime) -> bool:
    """Mark an item as done. Returns False if somebody else has it, or if it is done already."""
    table = work.table
    may = or_(table.c.claimed_by.is_(None), _own(table, by))
    return _change(connection, work, item_id, may, done_at=now, done_by=by.name[:200])


def reopen(connection: Connection, work: WorkList, item_id: int, by: Claimant, now: datetime) -> bool:
    """Put a completed item back on the list, and claim it for the same user.

    Returns False if it is not done, was done too long ago, or if the same work is on the list again already.
    """
    table = work.table
    is_done = (table.c.id == item_id) & (table.c.done_at > now - UNDO_FOR)
    if work in _SAME:
        owner = connection.execute(select(table.c.person_id).where(table.c.id == item_id)).scalar_one_or_none()
        if owner is None:
            return False
        # Lock the person, as adding a request does: at most one of the same kind is pending.
        connection.execute(select(person.c.id).where(person.c.id == owner).with_for_update(key_share=True))
        other = table.alias()
        same = (other.c[name].is_not_distinct_from(table.c[name]) for name in _SAME[work])
        is_done &= ~exists().where(other.c.done_at.is_(None), *same)
    values = {"done_at": None, "done_by": None, "claimed_by": by.id, "claimed_at": now}
    return bool(connection.execute(update(table).where(is_done).values(values)).rowcount)


def can_act(connection: Connection, work: WorkList, item_id: int, by: Claimant, _now: datetime) -> bool:
    """Whether an item is pending, and nobody else has it. It is locked until the transaction ends."""
    table = work.table
    may = or_(table.c.claimed_by.is_(None), _own(table, by))
    query = select(table.c.id).where(table.c.id == item_id, table.c.done_at.is_(None), may)
    return connection.execute(query.with_for_update()).first() is not None


def note_version(sealed: bytes | None) -> str:
    """Names the stored note, so that a form can tell which one it was based on. Reveals nothing about it."""
    return hashlib.sha256(sealed).hexdigest()[:16] if sealed else ""


def write_note(connection: Connection, vault: Vault, work: WorkList, item_id: int, note: str, based_on: str) -> bool:
    """Store a note; an empty one deletes it. Returns False if somebody else has changed it since `based_on`."""
    table = work.table
    is_item = table.c.id == item_id
    query = select(table.c.note_sealed).where(is_item).with_for_update()
    if note_version(connection.execute(query).scalar_one_or_none()) != based_on:
        return False
    sealed = vault.seal(note) if note else None
    return bool(connection.execute(update(table).where(is_item).values(note_sealed=sealed)).rowcount)


def claimant_name(connection: Connection, user_id: int) -> str:
    """The name of a user who has taken an item."""
    return str(connection.execute(select(console_user.c.name).where(console_user.c.id == user_id)).scalar_one())


def _own(table: Table, by: Claimant) -> ColumnElement[bool]:
    return true() if by.any_claim else table.c.claimed_by == by.id


def _change(connection: Connection, work: WorkList, item_id: int, may: ColumnElement[bool], **values: Any) -> bool:
    pending = (work.table.c.id == item_id) & work.table.c.done_at.is_(None)
    return bool(connection.execute(update(work.table).where(pending, may).values(values)).rowcount)
