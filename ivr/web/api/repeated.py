"""The table of requests that a client may repeat: what is stored of each, for a day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, delete, insert, select, update

from ivr.ledger import Vault
from ivr.ledger.tables import api_request

KEPT = timedelta(days=1)
# An import that runs longer has probably ended with its process: a client that repeats the request starts another one.
# If both run, the first to go live counts.
LEASE = timedelta(minutes=2)


@dataclass(frozen=True)
class RequestName:
    """What a client calls a request. key_id: of its API key. name: a keyed hash of its Idempotency-Key."""

    key_id: int
    name: str

    @property
    def is_stored(self) -> ColumnElement[bool]:
        return (api_request.c.key_id == self.key_id) & (api_request.c.name_hash == self.name)


def find(connection: Connection, asked: RequestName, now: datetime) -> Row[Any] | None:
    """The stored request; None if it is too old, or if its process must have died before it did anything."""
    row = connection.execute(select(api_request).where(asked.is_stored)).first()
    if row is None or now - row.started_at >= KEPT:
        return None
    has_died = row.answer_sealed is None and row.import_sealed is None and now - row.started_at >= LEASE
    return None if has_died else row


def add(connection: Connection, asked: RequestName, content: str, now: datetime) -> None:
    """Store a request that begins, in place of one that `find` does not return.

    Raises IntegrityError if another process stores the same request at this moment.
    """
    is_old = api_request.c.started_at <= now - KEPT
    has_died = (
        asked.is_stored
        & (api_request.c.started_at <= now - LEASE)
        & api_request.c.answer_sealed.is_(None)
        & api_request.c.import_sealed.is_(None)
    )
    connection.execute(delete(api_request).where(is_old | has_died))
    values = {"key_id": asked.key_id, "name_hash": asked.name, "content_hash": content, "started_at": now}
    connection.execute(insert(api_request).values(values))


def store_answer(connection: Connection, asked: RequestName, sealed: bytes) -> None:
    connection.execute(update(api_request).where(asked.is_stored).values(answer_sealed=sealed))


def forget(connection: Connection, asked: RequestName) -> None:
    """Let the client start over, unless something was imported."""
    connection.execute(delete(api_request).where(asked.is_stored, api_request.c.import_sealed.is_(None)))


def store_import(connection: Connection, vault: Vault, asked: RequestName, imported: str) -> bool:
    """Store what a request imports, in the transaction in which that goes live.

    Returns False if the same request has imported it already.
    """
    is_first = api_request.c.import_sealed.is_(None) & api_request.c.answer_sealed.is_(None)
    values = {"import_sealed": vault.seal(imported)}
    return bool(connection.execute(update(api_request).where(asked.is_stored, is_first).values(values)).rowcount)


def stored_import(connection: Connection, vault: Vault, asked: RequestName) -> str | None:
    """What a request has imported; None if nothing yet."""
    sealed = connection.execute(select(api_request.c.import_sealed).where(asked.is_stored)).scalar()
    return vault.open(sealed) if sealed else None
