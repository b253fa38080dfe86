"""Copies all data of a ledger into an empty one, on either kind of database."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection, LargeBinary, Table, func, insert, select
from sqlalchemy.exc import DataError, IntegrityError

from ivr.ledger.engine import Ledger, first_line
from ivr.ledger.tables import metadata

ROWS_AT_ONCE = 1000


class CopyError(Exception):
    """Nothing was copied; the message says why."""


def copy_ledger(
    source: Ledger, target: Ledger, progress: Callable[[str], object] = lambda _table: None
) -> dict[str, int]:
    """Create the target's tables and copy every row, in one transaction. Returns the number of rows of each table.

    Nobody else may write to either. progress: gets the name of each table. Raises CopyError or LedgerUnavailable.
    """
    target.upgrade()
    copied: dict[str, int] = {}
    with source.read() as reading, target.write() as writing:
        target.prepare_bulk_write(writing)
        _refuse_data(target, writing)
        for table in metadata.sorted_tables:
            progress(table.name)
            _copy(table, reading, writing)
            copied[table.name] = _count(table, reading)
            if _count(table, writing) != copied[table.name]:
                raise CopyError(f"The table {table.name} changed meanwhile: stop the line, and try again.")
            if not target.is_sqlite:
                _continue_ids(table, writing)
    return copied


def _refuse_data(target: Ledger, writing: Connection) -> None:
    filled = [table.name for table in metadata.sorted_tables if _count(table, writing)]
    if filled:
        raise CopyError(f"{target.address} holds data ({', '.join(filled)}): name an empty database.")


def _copy(table: Table, reading: Connection, writing: Connection) -> None:
    rows = reading.execution_options(yield_per=_rows_at_once(table)).execute(select(table)).mappings()
    for part in rows.partitions():
        try:
            writing.execute(insert(table), [dict(row) for row in part])
        except (DataError, IntegrityError) as error:
            raise CopyError(
                f"The new database does not accept a row of the table {table.name} ({first_line(error)}): report it."
            ) from error


def _rows_at_once(table: Table) -> int:
    """One if a row may have megabytes, as a release with its recordings has."""
    files = (column for column in table.columns if isinstance(column.type, LargeBinary))
    return ROWS_AT_ONCE if all(column.name.endswith("_sealed") for column in files) else 1


def _count(table: Table, connection: Connection) -> int:
    return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


def _continue_ids(table: Table, writing: Connection) -> None:
    """Have PostgreSQL give new rows ids above those that were copied."""
    key = table.autoincrement_column
    if key is None:
        return
    highest = select(func.max(key)).scalar_subquery()
    sequence = func.pg_get_serial_sequence(f'"{table.name}"', key.name)
    writing.execute(select(func.setval(sequence, highest)))
