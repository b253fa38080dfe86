"""Who wants to be called back: kept for the staff who dial, until they say that it is done."""

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
    """A call-back as a caller asks for it.

    phone: E.164. entry: the directory entry that should call. topic: what she was hearing about.
    call: the carrier's id of the call; request: its token for this request. Both are kept as keyed hashes only.
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
    """A call-back that nobody has made yet. asked_at is in UTC; phone is E.164."""

    id: int
    phone: str
    language: str
    entry: str
    topic: str | None
    wished: str
    asked_at: datetime


def save_callback(connection: Connection, vault: Vault, wish: CallbackRequest, now: datetime) -> None:
    """Write a wish down. Asked again in the same call, for the same entry, it takes the place of the first."""
    asked = {
        "person_id": get_or_create_persons(connection, vault, [wish.phone], now)[wish.phone],
        "language": wish.language,
        "topic": wish.topic,
        "wished": wish.wished,
        "request": vault.hash(wish.request) if wish.request else None,
    }
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    row = dialect.insert(callback).values(**asked, call=vault.hash(wish.call), entry=wish.entry, asked_at=now)
    # Asked anew, it waits anew; the same request once more leaves what is done done.
    replayed = callback.c.request == row.excluded.request
    done = {name: case((replayed, callback.c[name]), else_=None) for name in ("done_at", "done_by")}
    connection.execute(row.on_conflict_do_update(index_elements=["call", "entry"], set_={**asked, **done}))


def pending_callbacks(connection: Connection, vault: Vault) -> list[PendingCallback]:
    """The call-backs that are still to be made, oldest first.

    Raises KeyError when a number was sealed with a key that we no longer have.
    """
    columns = (callback.c[name] for name in ("id", "language", "entry", "topic", "wished", "asked_at"))
    rows = connection.execute(
        select(*columns, person.c.phone_sealed)
        .join(person, person.c.id == callback.c.person_id)
        .where(callback.c.done_at.is_(None))
        .order_by(callback.c.asked_at, callback.c.id)
    )
    return [
        PendingCallback(
            row.id, vault.open(row.phone_sealed), row.language, row.entry, row.topic, row.wished, row.asked_at
        )
        for row in rows
    ]


def complete_callback(connection: Connection, number: int, by: str, now: datetime) -> bool:
    """The call-back of this id was made. by: who says so. False: none of that id waits."""
    waits = (callback.c.id == number) & callback.c.done_at.is_(None)
    return bool(connection.execute(update(callback).where(waits).values(done_at=now, done_by=by[:200])).rowcount)
