"""Call-back requests: stored for a caller, completed by a staff member."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, delete, exists, func, insert, select, update

from ivr.ledger import Vault
from ivr.ledger.tables import (
    appointment,
    callback,
    offered_choice,
    opt_out_event,
    person,
    staged_change,
    text,
    todo,
)
from ivr.line.callflow.states import TimeOfDay
from ivr.people.persons import get_or_create_persons
from ivr.people.webhooks import EventKind, publish
from ivr.people.work_items import rows_after

# How long a completed request keeps its number.
NUMBER_KEPT = timedelta(days=7)
# At most this many at a time, so that nobody waits for long.
_FORGOTTEN_AT_ONCE = 500
_REFER_TO_PERSONS = (appointment, callback, offered_choice, opt_out_event, staged_change, text, todo)


@dataclass(frozen=True)
class CallbackRequest:
    """A caller's request for a call back. The field names are also the spool format: do not rename them.

    phone: E.164. entry: the directory entry that should call. topic: the last one heard. wished: the time of day.
    call, request: Twilio's call id and idempotency token, stored as keyed hashes only.
    """

    phone: str
    language: str
    entry: str
    topic: str | None
    wished: TimeOfDay
    call: str
    request: str | None = None


@dataclass(frozen=True)
class PendingCallback:
    """A call back that staff have not made yet. phone: E.164. wished: the time of day. asked_at: UTC."""

    id: int
    phone: str
    language: str
    entry: str
    topic: str | None
    wished: str
    asked_at: datetime


@dataclass(frozen=True)
class CallbackLimits:
    """The most requests for one number in 24 hours, and for all numbers in an hour: staff make the calls by hand.

    A caller can key in any number, so that somebody else's telephone rings.
    """

    per_number: int
    per_hour: int


CallbackLimit = Literal["number", "hour"]


def limit_reached(
    connection: Connection, vault: Vault, request: CallbackRequest, now: datetime, limits: CallbackLimits
) -> CallbackLimit | None:
    """Return the limit that a request would exceed; None if it only replaces one that is pending.

    Concurrent requests may exceed a limit by a few.
    """
    known = select(person.c.id).where(person.c.phone_hash == vault.hash(request.phone)).scalar_subquery()
    of_number = callback.c.person_id == known
    is_pending = of_number & (callback.c.entry == request.entry) & callback.c.done_at.is_(None)
    if connection.execute(select(callback.c.id).where(is_pending)).first():
        return None

    def count(since: datetime, *where: ColumnElement[bool]) -> int:
        query = select(func.count()).select_from(callback).where(callback.c.asked_at > since, *where)
        return int(connection.execute(query).scalar_one())

    if count(now - timedelta(days=1), of_number) >= limits.per_number:
        return "number"
    return "hour" if count(now - timedelta(hours=1)) >= limits.per_hour else None


def save_callback(connection: Connection, vault: Vault, request: CallbackRequest, now: datetime) -> None:
    """Store a request, of which each number has at most one pending for an entry.

    Another one, in the same call or in a later one, replaces it but keeps its place in the list.
    """
    person_id = get_or_create_persons(connection, vault, [request.phone], now)[request.phone]
    # Lock the person, so that concurrent requests see each other; SQLite has one writer at a time.
    connection.execute(select(person.c.id).where(person.c.id == person_id).with_for_update(key_share=True))
    call, token = vault.hash(request.call), vault.hash(request.request) if request.request else None
    of_call = connection.execute(
        select(callback).where(callback.c.call == call, callback.c.entry == request.entry).with_for_update()
    ).first()
    if of_call and token and of_call.request == token:
        return
    of_number = connection.execute(
        select(callback.c.id, callback.c.call)
        .where(callback.c.person_id == person_id, callback.c.entry == request.entry, callback.c.done_at.is_(None))
        .order_by(callback.c.asked_at, callback.c.id)
    ).first()
    values: dict[str, Any] = {"language": request.language, "topic": request.topic, "wished": request.wished}
    values |= {"person_id": person_id, "request": token}
    if of_call and of_number and of_call.id != of_number.id and of_call.done_at is None:
        # The caller has changed the number to one that already waits.
        connection.execute(delete(callback).where(callback.c.id == of_call.id))
        of_call = None
    if of_number:
        values |= {} if of_call else {"call": call}
        connection.execute(update(callback).where(callback.c.id == of_number.id).values(values))
    elif of_call:
        # A new request reopens a completed one.
        values |= {"done_at": None, "done_by": None, "claimed_by": None, "claimed_at": None}
        connection.execute(update(callback).where(callback.c.id == of_call.id).values(values))
    else:
        values |= {"call": call, "entry": request.entry, "asked_at": now}
        connection.execute(insert(callback).values(values))
    waiting = (callback.c.person_id == person_id) & (callback.c.entry == request.entry) & callback.c.done_at.is_(None)
    ids = select(callback.c.id).where(waiting)
    publish(
        connection,
        EventKind.CALLBACK_ASKED,
        now,
        lambda: [{"callback_id": row_id} for row_id in connection.execute(ids).scalars()],
    )


def pending_callbacks(
    connection: Connection, vault: Vault, *, after: int | None = None, limit: int | None = None
) -> list[PendingCallback]:
    """Return the call backs to make, oldest first. Raises UnknownKey for a number sealed with a lost key.

    after: the id of the last one of the page before. limit: the most to return.
    """
    columns = (callback.c[name] for name in ("language", "entry", "topic", "wished", "asked_at"))
    rows = connection.execute(
        select(callback.c.id, person.c.phone_sealed, *columns)
        .join(person, person.c.id == callback.c.person_id)
        .where(callback.c.done_at.is_(None), *rows_after(callback, callback.c.asked_at, after))
        .order_by(callback.c.asked_at, callback.c.id)
        .limit(limit)
    )
    return [PendingCallback(id_, vault.open(sealed), *rest) for id_, sealed, *rest in rows]


def complete_callback(connection: Connection, callback_id: int, by: str, now: datetime) -> bool:
    """Mark a call back as made. by: a staff member's name. Returns False if no pending one has this id."""
    pending = (callback.c.id == callback_id) & callback.c.done_at.is_(None)
    return bool(connection.execute(update(callback).where(pending).values(done_at=now, done_by=by[:200])).rowcount)


def forget_completed_callbacks(connection: Connection, now: datetime) -> int:
    """Take the number and the note from requests that were completed long ago. Returns how many.

    A person of whom nothing else is known is deleted.
    """
    is_old = (callback.c.done_at < now - NUMBER_KEPT) & callback.c.person_id.is_not(None)
    old = select(callback.c.id, callback.c.person_id).where(is_old).order_by(callback.c.id).limit(_FORGOTTEN_AT_ONCE)
    rows = connection.execute(old.with_for_update(skip_locked=True)).all()
    if not rows:
        return 0
    forget = update(callback).where(callback.c.id.in_([row.id for row in rows]))
    connection.execute(forget.values(person_id=None, note_sealed=None))
    unused = [~exists().where(table.c.person_id == person.c.id) for table in _REFER_TO_PERSONS]
    is_plain = person.c.language.is_(None) & person.c.opted_out_at.is_(None)
    connection.execute(delete(person).where(person.c.id.in_({row.person_id for row in rows}), is_plain, *unused))
    return len(rows)
