"""What is remembered about a number: who it is, opted out or not, and why."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, Dialect, insert, select, update

from ivr.ledger import Vault
from ivr.ledger.prepared_sql import BulkInsert, BulkLookup
from ivr.ledger.tables import opt_out_event, person

# page: the person herself, on a web page. staff: somebody at the hospital, whom she told.
Source = Literal["text", "call", "page", "carrier", "staff"]


class PersonRegistry:
    """Who is behind numbers, for one store."""

    def __init__(self, dialect: Dialect, vault: Vault) -> None:
        self._vault = vault
        self._find = BulkLookup(dialect, person.c.phone_hash, person.c.phone_hash, person.c.id, person.c.opted_out_at)
        # Another process may meet the same person at the same moment.
        self._add = BulkInsert(dialect, person, ("phone_hash", "phone_sealed", "created_at"), unless_there=True)

    def find(self, connection: Connection, phones: Iterable[str]) -> tuple[dict[str, int], set[str]]:
        """The ids of the persons behind numbers (E.164) that are known, by number; and the numbers that opted out."""
        hashes = {self._vault.hash(phone): phone for phone in phones}
        return _by_phone(hashes, self._find.among(connection, list(hashes)))

    def meet(self, connection: Connection, phones: Iterable[str], now: datetime) -> tuple[dict[str, int], set[str]]:
        """The same for all numbers: who is new is written down."""
        hashes = {self._vault.hash(phone): phone for phone in phones}
        rows = self._find.among(connection, list(hashes))
        known = {row.phone_hash for row in rows}
        new = [hashed for hashed in hashes if hashed not in known]
        self._add.many(
            connection,
            [
                {"phone_hash": hashed, "phone_sealed": self._vault.seal(hashes[hashed]), "created_at": now}
                for hashed in new
            ],
        )
        return _by_phone(hashes, [*rows, *(self._find.among(connection, new) if new else ())])


def _by_phone(hashes: dict[str, str], rows: list[Any]) -> tuple[dict[str, int], set[str]]:
    ids = {hashes[row.phone_hash]: row.id for row in rows}
    return ids, {hashes[row.phone_hash] for row in rows if row.opted_out_at is not None}


def get_or_create_persons(connection: Connection, vault: Vault, phones: list[str], now: datetime) -> dict[str, int]:
    """The ids of the persons behind numbers (E.164), by number; who is new is written down."""
    return PersonRegistry(connection.dialect, vault).meet(connection, phones, now)[0]


def opt_out(connection: Connection, vault: Vault, phone: str, now: datetime, source: Source, evidence: str) -> bool:
    """Never again begin a text to this number. evidence: the words that asked. False: it was so already."""
    someone = get_or_create_persons(connection, vault, [phone], now)[phone]
    return _record(connection, vault, someone, now, source, evidence, out=True)


def opt_out_person(
    connection: Connection, vault: Vault, someone: int, now: datetime, source: Source, evidence: str
) -> bool:
    """The same for a person whose id is known."""
    return _record(connection, vault, someone, now, source, evidence, out=True)


def opt_in(connection: Connection, vault: Vault, phone: str, now: datetime, source: Source, evidence: str) -> bool:
    """Take an opt-out back. False: there was none."""
    someone = get_or_create_persons(connection, vault, [phone], now)[phone]
    return _record(connection, vault, someone, now, source, evidence, out=False)


def consent_changed_since(connection: Connection, vault: Vault, phone: str, at: datetime) -> bool:
    """Whether this number asked for an end of texts, or took that back, after a moment."""
    later = (
        select(opt_out_event.c.id)
        .join(person, person.c.id == opt_out_event.c.person_id)
        .where(person.c.phone_hash == vault.hash(phone), opt_out_event.c.at > at)
    )
    return connection.execute(later).first() is not None


def _record(  # noqa: PLR0913 - one row's columns
    connection: Connection,
    vault: Vault,
    someone: int,
    now: datetime,
    source: Source,
    evidence: str,
    *,
    out: bool,
) -> bool:
    where = person.c.opted_out_at.is_(None) if out else person.c.opted_out_at.is_not(None)
    changed = connection.execute(
        update(person).where(person.c.id == someone, where).values(opted_out_at=now if out else None)
    )
    if not changed.rowcount:
        return False
    connection.execute(
        insert(opt_out_event).values(
            person_id=someone,
            at=now,
            kind="stop" if out else "start",
            source=source,
            evidence_sealed=vault.seal(evidence[:1000]),
        )
    )
    return True
