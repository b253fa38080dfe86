"""Finding duplicates within a file, in memory that does not grow with the file."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Sequence


class TempDiskFull(Exception):
    """The disk that holds temporary files is full."""


class DuplicateTracker:
    """Records the row in which each value first appeared, as keyed hashes in a temporary file."""

    def __init__(self) -> None:
        # With an empty name, SQLite makes a temporary database and deletes it when it is closed.
        self._store = sqlite3.connect("", isolation_level=None)
        for statement in ("PRAGMA journal_mode=OFF", "PRAGMA synchronous=OFF", "PRAGMA cache_size=-4000", "BEGIN"):
            self._store.execute(statement)
        self._store.execute("CREATE TABLE seen (hash INTEGER PRIMARY KEY, row INTEGER NOT NULL)")
        self._salt = secrets.token_hex(16)

    def first_rows(self, values: Sequence[tuple[str, int]]) -> list[int]:
        """For each (value, row), the row in which the value first appeared. At most 30,000 values, in row order.

        Raises TempDiskFull.
        """
        try:
            return self._first_rows(values)
        except sqlite3.OperationalError:
            raise TempDiskFull from None

    def _first_rows(self, values: Sequence[tuple[str, int]]) -> list[int]:
        # A str's hash is SipHash; the secret salt keeps it secret even if PYTHONHASHSEED is known.
        salt = self._salt
        hashes = [hash(salt + value) for value, _ in values]
        query = f"SELECT hash, row FROM seen WHERE hash IN ({','.join('?' * len(hashes))})"  # noqa: S608 - placeholders only
        known: dict[int, int] = dict(self._store.execute(query, hashes))
        new = {}
        for hashed, (_, row) in zip(hashes, values, strict=True):
            if hashed not in known:
                known[hashed] = new[hashed] = row
        self._store.executemany("INSERT INTO seen VALUES (?, ?)", new.items())
        return [known[hashed] for hashed in hashes]
