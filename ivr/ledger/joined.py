"""A ledger whose transactions are parts of a larger one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection

from ivr.ledger.engine import Ledger, raises_unavailable


class JoinedLedger(Ledger):
    """Reads and writes within a transaction that is open: what is written counts once that is committed.

    A part that ends with an exception is undone without the others.
    """

    def __init__(self, ledger: Ledger, connection: Connection) -> None:
        super().__init__(ledger.engine)
        self._connection = connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        with raises_unavailable(), self._connection.begin_nested():
            yield self._connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        with self.write() as connection:
            yield connection
