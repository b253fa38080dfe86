"""Call-back requests: stored for a caller, completed by a staff member."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, case, select, update
from sqlalchemy.dialects import postgresql, sqlite

from ivr.ledger import Vault
from ivr.ledger.tables import callback, person
from ivr.line.callflow.states import TimeOfDay
from ivr.people.persons import get_or_create_persons


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


def save_callback(connection: Connection, vault: Vault, request: CallbackRequest, now: datetime) -> None:
    """Store a request. A second one in the same call for the same entry replaces the first."""
    values = {
        "person_id": get_or_create_persons(connection, vault, [request.phone], now)[request.phone],
        "language": request.language,
        "topic": request.topic,
        "wished": request.wished,
        "request": vault.hash(request.request) if request.request else None,
    }
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    row = dialect.insert(callback).values(**values, call=vault.hash(request.call), entry=request.entry, asked_at=now)
    # A new request reopens a completed one; Twilio's retry of the same request does not.
    is_retry = callback.c.request == row.excluded.request
    done = {name: case((is_retry, callback.c[name]), else_=None) for name in ("done_at", "done_by")}
    connection.execute(row.on_conflict_do_update(index_elements=["call", "entry"], set_={**values, **done}))


def pending_callbacks(connection: Connection, vault: Vault) -> list[PendingCallback]:
    """Return the call backs to make, oldest first. Raises UnknownKey for a number sealed with a lost key."""
    columns = (callback.c[name] for name in ("language", "entry", "topic", "wished", "asked_at"))
    rows = connection.execute(
        select(callback.c.id, person.c.phone_sealed, *columns)
        .join(person, person.c.id == callback.c.person_id)
        .where(callback.c.done_at.is_(None))
        .order_by(callback.c.asked_at, callback.c.id)
    )
    return [PendingCallback(id_, vault.open(sealed), *rest) for id_, sealed, *rest in rows]


def complete_callback(connection: Connection, callback_id: int, by: str, now: datetime) -> bool:
    """Mark a call back as made. by: a staff member's name. Returns False if no pending one has this id."""
    pending = (callback.c.id == callback_id) & callback.c.done_at.is_(None)
    return bool(connection.execute(update(callback).where(pending).values(done_at=now, done_by=by[:200])).rowcount)
