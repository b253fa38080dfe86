"""Detects a restored backup: claims are counted in the database, and the count is remembered outside it.

A database with a lower count than remembered is a backup, and would repeat the texts sent since it was made.
"""

from __future__ import annotations

import fcntl
import json
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from redis import Redis
from sqlalchemy import Connection, delete, insert, select, update

from ivr import queues
from ivr.clock import now as clock_now
from ivr.i18n import N_
from ivr.ledger.tables import mark

# The alarm LEDGER_RESTORED, however the restore was detected.
RESTORED = N_(
    "A backup of the database was restored, which lacks the texts since then. Nothing is sent until"
    " `infoline reminders reconcile --since` is run with the time of the backup."
)
_MARK = "claims"
_KEY = "infoline:claims"
_RAISE_COUNT = (Path(__file__).parent / "raise_count.lua").read_text()


@dataclass(frozen=True)
class SendCount:
    """epoch: a random id, new for each database and after each restore. count: texts claimed in it."""

    epoch: str
    count: int


def send_count(connection: Connection) -> SendCount:
    """The count in the database, which starts at zero. The caller holds the exclusive lock."""
    stored = stored_count(connection)
    return stored[0] if stored else begin_epoch(connection)


def stored_count(connection: Connection) -> tuple[SendCount, datetime] | None:
    """The count in the database, and when its epoch began; None before the first import or claim."""
    row = connection.execute(select(mark.c.value, mark.c.at).where(mark.c.name == _MARK)).first()
    if row is None:
        return None
    epoch, _, count = str(row.value).partition(":")
    return SendCount(epoch, int(count)), row.at


def increase_send_count(connection: Connection, before: SendCount, claimed: int) -> SendCount:
    after = SendCount(before.epoch, before.count + claimed)
    connection.execute(update(mark).where(mark.c.name == _MARK).values(value=f"{after.epoch}:{after.count}"))
    return after


def begin_epoch(connection: Connection) -> SendCount:
    """Start a new count, so that counts remembered outside no longer apply to this database."""
    new = SendCount(secrets.token_hex(8), 0)
    connection.execute(delete(mark).where(mark.c.name == _MARK))
    connection.execute(insert(mark).values(name=_MARK, value=f"{new.epoch}:0", at=clock_now()))
    return new


class RestoreGuard:
    """The counts remembered outside the database: in VAR_DIR, and for all workers in the queue server."""

    def __init__(self, var_dir: Path, queue: Redis) -> None:
        self._file = var_dir / "claims.json"
        self._queue = queue

    def read(self) -> Mapping[str, int]:
        """The highest count of each epoch. Read it before the database's count, which may grow in between."""
        counts = self._read_file()
        with suppress(*queues.UNAVAILABLE):
            for key, count in self._queue.hgetall(_KEY).items():
                epoch = key.decode() if isinstance(key, bytes) else key
                counts[epoch] = max(counts.get(epoch, 0), int(count))
        return counts

    def remember(self, reached: SendCount) -> None:
        """Remember a committed count, unless a higher one is remembered: several processes may do this at once.

        Failures are ignored: a lower count only makes a restore harder to detect.
        """
        with suppress(OSError), self._file_lock():
            counts = self._read_file()
            if counts.get(reached.epoch, -1) < reached.count:
                draft = self._file.with_name(f".claims.{secrets.token_hex(8)}")
                draft.write_text(json.dumps({**counts, reached.epoch: reached.count}))
                draft.replace(self._file)
        with suppress(*queues.UNAVAILABLE):
            self._queue.eval(_RAISE_COUNT, 1, _KEY, reached.epoch, str(reached.count))

    @contextmanager
    def _file_lock(self) -> Iterator[None]:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with self._file.with_name("claims.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _read_file(self) -> dict[str, int]:
        try:
            counts = json.loads(self._file.read_text())
            return {str(epoch): int(count) for epoch, count in counts.items()}
        except (OSError, ValueError, TypeError, AttributeError):
            return {}
