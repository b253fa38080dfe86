"""Persons, identified by phone number: their language, and their consent to texts with its evidence."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from typing import Any, Literal

from sqlalchemy import Connection, Dialect, Integer, String, bindparam, insert, select, update

from ivr.ledger import Vault
from ivr.ledger.prepared_sql import BulkInsert, BulkLookup, PreparedStatement
from ivr.ledger.tables import opt_out_event, person
from ivr.ledger.types import UtcDateTime
from ivr.people.webhooks import EventKind, appointments_ahead, publish

# Where a change of consent came from. page: a web page. staff: entered by staff at the person's request.
ConsentSource = Literal["text", "call", "page", "carrier", "staff"]
ConsentKind = Literal["stop", "start"]

_PERSON_ID = bindparam("person_id", type_=Integer)
_LOCK = PreparedStatement(select(person.c.id).where(person.c.id == _PERSON_ID).with_for_update(key_share=True))
_LATER = PreparedStatement(
    select(opt_out_event.c.id)
    .join(person, person.c.id == opt_out_event.c.person_id)
    .where(
        person.c.phone_hash == bindparam("phone_hash", type_=String),
        opt_out_event.c.at > bindparam("since", type_=UtcDateTime),
    )
    .limit(1)
)
# By whether the person opts out.
_CHANGE = {
    out: PreparedStatement(
        update(person)
        .where(
            person.c.id == _PERSON_ID, person.c.opted_out_at.is_(None) if out else person.c.opted_out_at.is_not(None)
        )
        .values(opted_out_at=bindparam("opted_out_at", type_=UtcDateTime))
    )
    for out in (True, False)
}
_EVENT = PreparedStatement(
    insert(opt_out_event).values(
        {name: bindparam(name) for name in ("person_id", "at", "kind", "source", "evidence_sealed")}
    )
)


class PersonRegistry:
    """Looks up many persons at once with prepared SQL."""

    def __init__(self, dialect: Dialect, vault: Vault) -> None:
        self._vault = vault
        columns = (person.c.phone_hash, person.c.id, person.c.opted_out_at, person.c.erased_at)
        self._select = BulkLookup(dialect, person.c.phone_hash, *columns)
        # Another process may create the same person at the same moment.
        self._insert = BulkInsert(dialect, person, ("phone_hash", "phone_sealed", "created_at"), ignore_conflicts=True)

    def find(self, connection: Connection, phones: Iterable[str]) -> tuple[dict[str, int], set[str]]:
        """Return the person id by number (E.164) for the known numbers, and the numbers that opted out."""
        phone_by_hash = {self._vault.hash(phone): phone for phone in phones}
        return _by_phone(phone_by_hash, self._select.among(connection, list(phone_by_hash)))

    def get_or_create(
        self, connection: Connection, phones: Iterable[str], now: datetime
    ) -> tuple[dict[str, int], set[str]]:
        """Insert the persons that are new, and return the same as `find` for all numbers.

        A number that was deleted is stored again; an opt-out stays.
        """
        phone_by_hash = {self._vault.hash(phone): phone for phone in phones}
        rows = self._select.among(connection, list(phone_by_hash))
        known = {row.phone_hash for row in rows}
        for row in rows:
            if row.erased_at is not None:
                restored = {"phone_sealed": self._vault.seal(phone_by_hash[row.phone_hash]), "created_at": now}
                connection.execute(update(person).where(person.c.id == row.id).values(**restored, erased_at=None))
        new = {hashed: phone for hashed, phone in phone_by_hash.items() if hashed not in known}
        sealed = self._vault.seal_all(list(new.values()))
        self._insert.execute_values(connection, ((key, number, now) for key, number in zip(new, sealed, strict=True)))
        return _by_phone(phone_by_hash, [*rows, *(self._select.among(connection, list(new)) if new else ())])


def _by_phone(phone_by_hash: dict[str, str], rows: list[Any]) -> tuple[dict[str, int], set[str]]:
    ids = {phone_by_hash[row.phone_hash]: row.id for row in rows}
    return ids, {phone_by_hash[row.phone_hash] for row in rows if row.opted_out_at is not None}


@lru_cache(4)
def _registry(dialect: Dialect, vault: Vault) -> PersonRegistry:
    return PersonRegistry(dialect, vault)


def get_or_create_persons(connection: Connection, vault: Vault, phones: list[str], now: datetime) -> dict[str, int]:
    """Insert the persons that are new, and return each person id by number (E.164)."""
    return _registry(connection.dialect, vault).get_or_create(connection, phones, now)[0]


def opt_out(
    connection: Connection, vault: Vault, phone: str, now: datetime, source: ConsentSource, evidence: str
) -> bool:
    """Send no more texts to this number. evidence: the words of the request. Returns False if already opted out."""
    person_id = _locked_person(connection, vault, phone, now)
    return opt_out_person(connection, vault, person_id, now, source, evidence)


def opt_out_person(
    connection: Connection, vault: Vault, person_id: int, now: datetime, source: ConsentSource, evidence: str
) -> bool:
    """Do what `opt_out` does, given a person id."""
    return _change_consent(connection, vault, person_id, now, source, evidence, out=True)


def opt_in(
    connection: Connection, vault: Vault, phone: str, now: datetime, source: ConsentSource, evidence: str
) -> bool:
    """Revoke an opt-out. Returns False if there is none."""
    person_id = _locked_person(connection, vault, phone, now)
    return _change_consent(connection, vault, person_id, now, source, evidence, out=False)


def _locked_person(connection: Connection, vault: Vault, phone: str, now: datetime) -> int:
    """The id of the person, whom nothing deletes until the transaction ends: a change of consent must not get lost."""
    while True:
        person_id = get_or_create_persons(connection, vault, [phone], now)[phone]
        # On SQLite, nobody else writes during this transaction.
        if connection.dialect.name == "sqlite" or _LOCK.rows(connection, person_id=person_id):
            return person_id


def erased_values(vault: Vault, now: datetime) -> dict[str, Any]:
    """The columns of a person whose number is deleted, and of whom only the hash and the consent stay."""
    return {"phone_sealed": vault.seal(""), "language": None, "landline": False, "erased_at": now}


def consent_changed_since(connection: Connection, vault: Vault, phone: str, since: datetime) -> bool:
    """Return whether this number has asked to opt out or in since then."""
    return bool(_LATER.rows(connection, phone_hash=vault.hash(phone), since=since))


def remember_language(connection: Connection, vault: Vault, phone: str, language: str, now: datetime) -> None:
    """Use `language` with this number from now on."""
    person_id = get_or_create_persons(connection, vault, [phone], now)[phone]
    connection.execute(update(person).where(person.c.id == person_id).values(language=language))


def set_language(connection: Connection, person_id: int, language: str | None) -> None:
    """Use `language` with this person from now on; None: that of their newest appointment."""
    connection.execute(update(person).where(person.c.id == person_id).values(language=language))


def _change_consent(  # noqa: PLR0913 - one row's columns
    connection: Connection,
    vault: Vault,
    person_id: int,
    now: datetime,
    source: ConsentSource,
    evidence: str,
    *,
    out: bool,
) -> bool:
    if not _CHANGE[out].run(connection, person_id=person_id, opted_out_at=now if out else None):
        return False
    record_consent_request(connection, vault, person_id, now, "stop" if out else "start", source, evidence)
    if out:
        publish(
            connection,
            EventKind.OPTED_OUT,
            now,
            lambda: [{"appointment_ids": appointments_ahead(connection, person_id, now)}],
        )
    return True


def record_consent_request(  # noqa: PLR0913 - one row's columns
    connection: Connection,
    vault: Vault,
    person_id: int,
    at: datetime,
    kind: ConsentKind,
    source: ConsentSource,
    evidence: str,
) -> None:
    """Store the evidence of a request to opt out or in."""
    sealed = vault.seal(evidence[:1000])
    event = {"person_id": person_id, "at": at, "kind": kind, "source": source, "evidence_sealed": sealed}
    _EVENT.run(connection, **event)
