"""Which keys the data in the ledger needs, compared with the keys in the settings.

The table `mark` holds a fingerprint of the look-up key, and the id of each key that encrypts data. Without the right
look-up key no opt-out is found, and patients who asked for no texts get them again.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, Connection, LargeBinary, Row, Table, func, select
from sqlalchemy.dialects import postgresql, sqlite

from ivr import clock, log
from ivr.ledger.engine import Ledger, LedgerUnavailable, open_ledger
from ivr.ledger.tables import mark, metadata, person
from ivr.ledger.vault import KEY_ID_BYTES, Vault

SEALED_COLUMNS: tuple[tuple[Table, Column[Any]], ...] = tuple(
    (table, column) for table in metadata.sorted_tables for column in table.columns if column.name.endswith("_sealed")
)
"""Every encrypted column: its name ends in `_sealed`."""
_HASH_KEY = "hash-key"
_PHONE_KEY = "phone-key-"
_OTHER_HASH_KEY = (
    "PHONE_KEY and PHONE_HASH_KEY do not match this database: it looks numbers up by another key, so no opt-out would"
    " be found. Put the keys in PHONE_KEY back in their former order, oldest last, or set PHONE_HASH_KEY to its former"
    " value."
)
_MISSING_KEY = (
    "PHONE_KEY lacks a key that encrypted data in this database (key id {ids}): add the key again after the newest one,"
    " and remove it only when `infoline keys rotate` says so."
)


class WrongKeys(LedgerUnavailable):
    """The keys in the settings do not fit the ledger, so that it must not be used; the message says what to do."""


def open_guarded_ledger(url: str, vault: Vault) -> Ledger:
    """Like `open_ledger`, but no transaction starts until the vault's keys are found to fit: WrongKeys otherwise.

    WrongKeys is a LedgerUnavailable: a web process goes on answering calls, and spools what it cannot write.
    """
    logged = False

    def guard(ledger: Ledger) -> None:
        nonlocal logged
        try:
            verify_keys(ledger, vault)
        except WrongKeys as error:
            if not logged:
                log.get_logger().critical("keys_rejected", reason=str(error))
            logged = True
            raise

    return open_ledger(url).guarded(guard)


def refuse_wrong_keys(url: str, vault: Vault) -> None:
    """Raise WrongKeys if the ledger answers and needs other keys. A ledger without tables takes any keys."""
    ledger = open_ledger(url)
    try:
        if ledger.has_tables():
            verify_keys(ledger, vault)
    except WrongKeys:
        raise
    except LedgerUnavailable:
        return
    finally:
        ledger.close()


def verify_keys(ledger: Ledger, vault: Vault) -> None:
    """Raise WrongKeys unless the vault fits the ledger. On first use, record the keys if they open its data."""
    with ledger.read() as connection:
        fingerprint = connection.execute(select(mark.c.value).where(mark.c.name == _HASH_KEY)).scalar()
        keys = recorded_keys(connection)
        if fingerprint is None:
            used = _check_unrecorded_data(connection, vault)
    if fingerprint is None:
        _record(ledger, {_HASH_KEY: vault.hash_key_fingerprint, **{key_mark(key_id): "" for key_id in used}})
        verify_keys(ledger, vault)
        return
    if fingerprint != vault.hash_key_fingerprint:
        raise WrongKeys(_OTHER_HASH_KEY)
    if missing := keys - set(vault.key_ids.split()):
        raise WrongKeys(_MISSING_KEY.format(ids=", ".join(sorted(missing))))
    if vault.newest_key_id not in keys:
        _record(ledger, {key_mark(vault.newest_key_id): ""})


def recorded_keys(connection: Connection) -> set[str]:
    """The ids of the keys that the settings must list."""
    names = connection.execute(select(mark.c.name).where(mark.c.name.startswith(_PHONE_KEY, autoescape=True)))
    return {name.removeprefix(_PHONE_KEY) for name in names.scalars()}


def used_keys(connection: Connection) -> set[str]:
    """The ids of the keys that encrypt the data. Reads every encrypted value."""
    ids: set[str] = set()
    for _, column in SEALED_COLUMNS:
        key_id = func.substr(column, 1, KEY_ID_BYTES, type_=LargeBinary)
        ids |= {bytes(value).hex() for value in connection.execute(select(key_id).distinct()).scalars() if value}
    return ids


def key_mark(key_id: str) -> str:
    """The name of the mark that records a key."""
    return _PHONE_KEY + key_id


def _check_unrecorded_data(connection: Connection, vault: Vault) -> set[str]:
    """Check data from before keys were recorded, and return the ids of the vault's keys that encrypt it.

    Data whose key was lost long ago must not stop the line: the alarm `key_missing` reports it.
    """
    used = used_keys(connection)
    known = used & set(vault.key_ids.split())
    sample = _readable_person(connection, known)
    if sample is None and connection.execute(select(person.c.id).limit(1)).first():
        raise WrongKeys(_MISSING_KEY.format(ids=", ".join(sorted(used - known))))
    if sample is not None and vault.hash(vault.open(sample.phone_sealed)) != sample.phone_hash:
        raise WrongKeys(_OTHER_HASH_KEY)
    return known


def _readable_person(connection: Connection, key_ids: set[str]) -> Row[Any, Any] | None:
    key_id = func.substr(person.c.phone_sealed, 1, KEY_ID_BYTES, type_=LargeBinary)
    query = select(person.c.phone_hash, person.c.phone_sealed)
    return connection.execute(query.where(key_id.in_([bytes.fromhex(name) for name in key_ids])).limit(1)).first()


def _record(ledger: Ledger, marks: dict[str, str]) -> None:
    """Add marks. One that another process has just added stays."""
    dialect = sqlite if ledger.is_sqlite else postgresql
    rows = [{"name": name, "value": value, "at": clock.now()} for name, value in marks.items()]
    with ledger.write() as connection:
        connection.execute(dialect.insert(mark).on_conflict_do_nothing(), rows)
