"""What a file has said already, in memory that does not grow with the file."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Sequence
from hashlib import blake2b


class TempDiskFull(Exception):
    """The disk that holds temporary files is full."""


class DuplicateTracker:
    """Where in a file something stood first. What grows is on disk, as keyed hashes, until the end."""

    def __init__(self) -> None:
        # An empty name is SQLite's own temporary file, which it deletes.
        self._store = sqlite3.connect("", isolation_level=None)
        for statement in ("PRAGMA journal_mode=OFF", "PRAGMA synchronous=OFF", "PRAGMA cache_size=-4000", "BEGIN"):
            self._store.execute(statement)
        self._store.execute("CREATE TABLE seen (key INTEGER PRIMARY KEY, at INTEGER NOT NULL)")
        self._key = secrets.token_bytes(16)

    def firsts(self, told: Sequence[tuple[str, int]]) -> list[int]:
        """Where each of some things stood first. told: what, and where it stands, in order; at most 30,000.

        Raises NoRoom.
        """
        try:
            return self._firsts(told)
        except sqlite3.OperationalError:
            raise TempDiskFull from None

    def _firsts(self, told: Sequence[tuple[str, int]]) -> list[int]:
        keys = [self._hashed(what) for what, _ in told]
        wanted = f"SELECT key, at FROM seen WHERE key IN ({','.join('?' * len(keys))})"  # noqa: S608 - marks alone
        known: dict[int, int] = dict(self._store.execute(wanted, keys))
        new = {}
        for key, (_, at) in zip(keys, told, strict=True):
            if key not in known:
                known[key] = new[key] = at
        self._store.executemany("INSERT INTO seen VALUES (?, ?)", new.items())
        return [known[key] for key in keys]

    def _hashed(self, what: str) -> int:
        return int.from_bytes(blake2b(what.encode(), digest_size=8, key=self._key).digest(), "big", signed=True)

    def close(self) -> None:
        self._store.close()
