"""How many texts were ever claimed, counted in the ledger and remembered outside it: a ledger that knows of fewer than
was once counted is a backup that was put back, and would send again what has gone out since.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from redis import Redis
from sqlalchemy import Connection, delete, insert, select, update

from ivr import queues
from ivr.clock import now as clock_now
from ivr.ledger.tables import mark

_MARK = "claims"
_KEY = "infoline:claims"


@dataclass(frozen=True)
class SendCount:
    """epoch: drawn by lot when a ledger begins, or after it was reconciled; count: texts claimed since."""

    epoch: str
    count: int


def send_count(connection: Connection) -> SendCount:
    """The ledger's own count, begun at nought the first time. Within the turnstile."""
    told = connection.execute(select(mark.c.value).where(mark.c.name == _MARK)).scalar()
    if told is None:
        return begin_epoch(connection)
    epoch, _, count = str(told).partition(":")
    return SendCount(epoch, int(count))


def increase_send_count(connection: Connection, before: SendCount, claimed: int) -> SendCount:
    """Count some more."""
    after = SendCount(before.epoch, before.count + claimed)
    connection.execute(update(mark).where(mark.c.name == _MARK).values(value=f"{after.epoch}:{after.count}"))
    return after


def begin_epoch(connection: Connection) -> SendCount:
    """What is remembered outside says nothing about this ledger any more."""
    begun = SendCount(secrets.token_hex(8), 0)
    connection.execute(delete(mark).where(mark.c.name == _MARK))
    connection.execute(insert(mark).values(name=_MARK, value=f"{begun.epoch}:0", at=clock_now()))
    return begun


class RestoreGuard:
    """What is remembered outside the ledger: in VAR_DIR, and where all workers see it, in the queue server."""

    def __init__(self, var_dir: Path, queue: Redis) -> None:
        self._file = var_dir / "claims.json"
        self._queue = queue

    def read(self) -> Mapping[str, int]:
        """The highest count seen of each epoch. To be read before the ledger's own, which only grows meanwhile."""
        seen = self._of_file()
        with suppress(*queues.UNAVAILABLE):
            for key, count in self._queue.hgetall(_KEY).items():
                epoch = key.decode() if isinstance(key, bytes) else key
                seen[epoch] = max(seen.get(epoch, 0), int(count))
        return seen

    def note(self, reached: SendCount) -> None:
        """Remember a count that was committed. What cannot be kept is no loss: it only makes us see less."""
        seen = self._of_file()
        if seen.get(reached.epoch, -1) < reached.count:
            with suppress(OSError):
                self._file.parent.mkdir(parents=True, exist_ok=True)
                draft = self._file.with_name(f".claims.{secrets.token_hex(8)}")
                draft.write_text(json.dumps({**seen, reached.epoch: reached.count}))
                draft.replace(self._file)
        with suppress(*queues.UNAVAILABLE):
            self._queue.hset(_KEY, reached.epoch, max(reached.count, int(self._queue.hget(_KEY, reached.epoch) or 0)))

    def _of_file(self) -> dict[str, int]:
        try:
            seen = json.loads(self._file.read_text())
            return {str(epoch): int(count) for epoch, count in seen.items()}
        except (OSError, ValueError, TypeError, AttributeError):
            return {}
