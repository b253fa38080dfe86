"""Statements made ready once and given straight to the driver, where the library's part costs more than the store's."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from functools import lru_cache
from operator import itemgetter
from types import SimpleNamespace
from typing import Any

from sqlalchemy import Column, Connection, Dialect, Select, Table
from sqlalchemy.types import TypeEngine

from ivr.ledger.engine import Ledger, LedgerUnavailable, as_away, first_line
from ivr.ledger.types import UtcDateTime

_KEPT = 10_000
_Convert = Callable[[Any], Any]


class PreparedQueries:
    """SELECTs that are compiled once and asked together, straight of the driver, for a turn that waits for it alone.

    Each is its own snapshot. A tenth of the time that a transaction and the same statements take on SQLite (20 and
    237 us): the rest was the library's and its pool's, not the store's.
    """

    def __init__(self, ledger: Ledger, *statements: Select[Any]) -> None:
        self._engine = ledger.engine
        self._errors: type[Exception] = ledger.engine.dialect.loaded_dbapi.Error
        self._asked = [_Question(ledger.engine.dialect, statement) for statement in statements]
        # SQLite's connections cost nothing to keep, and so each thread has its own; a server's are shared.
        self._own = threading.local() if ledger.is_sqlite else None

    def ask(self, **values: Any) -> list[list[Any]]:
        """The rows of each, with the statement's columns as their fields. Raises LedgerAway."""
        try:
            with as_away(), self._connected() as connection:
                cursor = connection.cursor()
                return [question.rows(cursor, values) for question in self._asked]
        except self._errors as error:
            if self._own:
                self._own.connection = None
            raise LedgerUnavailable(f"The ledger does not answer: {first_line(error)}") from error

    def _connected(self) -> AbstractContextManager[Any]:
        if self._own is None:
            return closing(self._engine.raw_connection())
        connection = getattr(self._own, "connection", None)
        if connection is None:
            pooled = self._engine.raw_connection()
            connection = self._own.connection = pooled.dbapi_connection
            pooled.detach()
        return nullcontext(connection)


class _Question:
    def __init__(self, dialect: Dialect, statement: Select[Any]) -> None:
        compiled = statement.compile(dialect=dialect)
        self._words = str(compiled)
        # What is asked for has no value yet; the rest is the statement's own.
        self._values = {name: None if bind.required else bind.value for name, bind in compiled.binds.items()}
        self._order = compiled.positiontup
        columns = list(statement.selected_columns)
        self._names = [str(column.key) for column in columns]
        read = (column.type.dialect_impl(dialect).result_processor(dialect, None) for column in columns)
        self._read = [(at, processor) for at, processor in enumerate(read) if processor]

    def rows(self, cursor: Any, values: dict[str, Any]) -> list[Any]:
        told = {**self._values, **values}
        cursor.execute(self._words, told if self._order is None else [told[name] for name in self._order])
        return [self._made(row) for row in cursor.fetchall()]

    def _made(self, row: Any) -> Any:
        values = list(row)
        for at, processor in self._read:
            values[at] = processor(values[at])
        return SimpleNamespace(**dict(zip(self._names, values, strict=True)))


class BulkInsert:
    """INSERT of many rows into some columns of a table; each moment is converted once, however often it stands."""

    def __init__(self, dialect: Dialect, table: Table, columns: Sequence[str], *, unless_there: bool = False) -> None:
        mark = "?" if dialect.name == "sqlite" else "%s"
        quoted = [dialect.identifier_preparer.quote(name) for name in columns]
        self._words = f"INSERT INTO {table.name} ({', '.join(quoted)}) VALUES ({', '.join([mark] * len(columns))})"  # noqa: S608 - names of our own tables
        if unless_there:
            self._words += " ON CONFLICT DO NOTHING"
        self._pick = itemgetter(*columns)
        converts = [_conversion(table.c[name].type, dialect) for name in columns]
        self._converts = [(at, convert) for at, convert in enumerate(converts) if convert]

    def many(self, connection: Connection, rows: Iterable[dict[str, Any]]) -> None:
        """Insert rows that hold the columns, whatever else they hold."""
        values = [self._converted(row) for row in rows]
        if values:
            connection.exec_driver_sql(self._words, values)

    def _converted(self, row: dict[str, Any]) -> tuple[Any, ...]:
        values = list(self._pick(row))
        for at, convert in self._converts:
            values[at] = convert(values[at])
        return tuple(values)


class BulkLookup:
    """The rows of a table whose words in one column are among many, in one statement that never changes."""

    def __init__(self, dialect: Dialect, key: Column[Any], *columns: Column[Any]) -> None:
        self._is_sqlite = dialect.name == "sqlite"
        among = "IN (SELECT value FROM json_each(?))" if self._is_sqlite else "= ANY(%s)"
        names = ", ".join(column.name for column in columns)
        self._words = f"SELECT {names} FROM {key.table.name} WHERE {key.name} {among}"  # noqa: S608 - our own names

    def among(self, connection: Connection, words: Sequence[str]) -> list[Any]:
        told = json.dumps(words) if self._is_sqlite else list(words)
        return list(connection.exec_driver_sql(self._words, (told,)).all())


def _conversion(kind: TypeEngine[Any], dialect: Dialect) -> _Convert | None:
    """How a value is given to the driver; it takes all but moments as they are."""
    convert = kind.dialect_impl(dialect).bind_processor(dialect) if isinstance(kind, UtcDateTime) else None
    return lru_cache(_KEPT)(convert) if convert else None
