"""Encrypts all stored data again with the newest key, so that older keys can be removed from PHONE_KEY."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Column, Connection, LargeBinary, delete, func, select, update

from ivr import clock
from ivr.ledger.engine import Ledger
from ivr.ledger.keys import SEALED_COLUMNS, key_mark, recorded_keys, used_keys
from ivr.ledger.marks import set_mark
from ivr.ledger.tables import mark
from ivr.ledger.vault import KEY_ID_BYTES, UnknownKey, Vault, sealed_key_id

PER_TRANSACTION = 500
# A process with an older PHONE_KEY, or a missing key, may keep a run from completing.
RETRY_AFTER = timedelta(minutes=10)
_RESEALED, _INCOMPLETE = "resealed", "-"


@dataclass
class ResealReport:
    """resealed: the number of values. unreadable: how many values need a missing key, by its id. in_use: the ids of
    older keys that still encrypt data, which a process with an older PHONE_KEY has just written. retired: those of keys
    that were required until this run, and encrypt nothing now. is_finished: False if the run was stopped."""

    resealed: int = 0
    is_finished: bool = True
    unreadable: Counter[str] = field(default_factory=Counter)
    in_use: set[str] = field(default_factory=set)
    retired: list[str] = field(default_factory=list)

    @property
    def is_complete(self) -> bool:
        """Whether the newest key encrypts everything."""
        return self.is_finished and not self.unreadable and not self.in_use


def reseal(
    ledger: Ledger,
    vault: Vault,
    progress: Callable[[int], None] = lambda _count: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> ResealReport:
    """Reseal in short transactions. After an interruption, the next run continues. progress: gets the count so far.

    should_stop: asked before each transaction. Keys that encrypt nothing afterwards are no longer required. Raises
    LedgerUnavailable.
    """
    report = ResealReport()
    for table, column in SEALED_COLUMNS:
        key: Column[Any] = next(iter(table.primary_key))
        last: Any = None
        while True:
            if should_stop():
                report.is_finished = False
                return report
            with ledger.write() as connection:
                rows = _older(connection, key, column, vault, last)
                for row_id, sealed in rows:
                    _reseal_value(connection, (key, row_id), (column, sealed), vault, report)
            if not rows:
                break
            last = rows[-1][0]
            progress(report.resealed)
    with ledger.write() as connection:
        used = used_keys(connection) - {vault.newest_key_id}
        report.in_use = used & set(vault.key_ids.split())
        report.retired = sorted(recorded_keys(connection) - used - {vault.newest_key_id})
        _delete_marks(connection, report.retired)
        # A process that still had an older key in front may have retired this one.
        set_mark(connection, key_mark(vault.newest_key_id), clock.now())
    return report


def reseal_is_due(ledger: Ledger, vault: Vault, now: datetime) -> bool:
    """Whether a worker should reseal: PHONE_KEY has a new key, and no run since has made the older ones unused."""
    with ledger.read() as connection:
        row = connection.execute(select(mark.c.value, mark.c.at).where(mark.c.name == _RESEALED)).first()
    if row is None or row.value not in (vault.newest_key_id, f"{vault.newest_key_id}{_INCOMPLETE}"):
        return True
    return bool(row.value.endswith(_INCOMPLETE) and row.at <= now - RETRY_AFTER)


def record_reseal(connection: Connection, vault: Vault, report: ResealReport, now: datetime) -> None:
    """Record a finished run, for `reseal_is_due`."""
    value = vault.newest_key_id + ("" if report.is_complete else _INCOMPLETE)
    set_mark(connection, _RESEALED, now, value)


def values_by_key(ledger: Ledger) -> dict[str, int]:
    """How many values each key encrypts, by its id. Reads every encrypted value."""
    counts: Counter[str] = Counter()
    with ledger.read() as connection:
        for _, column in SEALED_COLUMNS:
            key_id = func.substr(column, 1, KEY_ID_BYTES, type_=LargeBinary)
            query = select(key_id, func.count()).where(column.is_not(None)).group_by(key_id)
            for value, count in connection.execute(query):
                counts[bytes(value).hex()] += count
    return dict(counts)


def forget_lost_keys(ledger: Ledger, vault: Vault) -> set[str]:
    """No longer require the keys that the vault lacks, and return their ids. Data that needs them stays unreadable."""
    with ledger.write() as connection:
        lost = recorded_keys(connection) - set(vault.key_ids.split())
        _delete_marks(connection, lost)
    return lost


def _older(
    connection: Connection, key: Column[Any], column: Column[Any], vault: Vault, last: Any
) -> list[tuple[Any, bytes]]:
    """The next values that are not encrypted with the newest key, each with the id of its row, in the order of ids."""
    key_id = func.substr(column, 1, KEY_ID_BYTES, type_=LargeBinary)
    query = select(key, column).where(column.is_not(None), key_id != bytes.fromhex(vault.newest_key_id))
    if last is not None:
        query = query.where(key > last)
    return [(row[0], row[1]) for row in connection.execute(query.order_by(key).limit(PER_TRANSACTION))]


def _reseal_value(
    connection: Connection,
    row: tuple[Column[Any], Any],
    value: tuple[Column[Any], bytes],
    vault: Vault,
    report: ResealReport,
) -> None:
    (key, row_id), (column, sealed) = row, value
    try:
        plaintext = vault.open(sealed)
    except UnknownKey:
        report.unreadable[sealed_key_id(sealed)] += 1
        return
    # On PostgreSQL, another process may have replaced the value since it was read.
    change = update(column.table).where(key == row_id, column == sealed).values({column.name: vault.seal(plaintext)})
    report.resealed += connection.execute(change).rowcount


def _delete_marks(connection: Connection, key_ids: Iterable[str]) -> None:
    connection.execute(delete(mark).where(mark.c.name.in_([key_mark(key_id) for key_id in key_ids])))
