"""An encrypted on-disk queue of writes that arrive while the database is down.

One folder per machine, shared by its processes. File names sort in the order of arrival: a write that waited for the
database is spooled after later ones.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError

from ivr import log
from ivr.ledger import Ledger, LedgerUnavailable, Vault
from ivr.ledger.vault import UnknownKey, sealed_key_id

# Applies one spooled write: its time of arrival (UTC) and its data.
Handler = Callable[[Connection, Vault, datetime, dict[str, Any]], Any]
REPLAY_SECONDS = 1.0
# Begins the name of a file that could not be applied.
_SET_ASIDE = ".unreadable-"


class Spool:
    """The spool in one folder. handlers: how to apply each kind of write."""

    def __init__(self, folder: Path, ledger: Ledger, vault: Vault, handlers: Mapping[Any, Handler]) -> None:
        self._folder, self._ledger, self._vault, self._handlers = folder, ledger, vault, handlers

    def save(self, kind: str, at: datetime, **data: Any) -> bool:
        """Store a write until the database is back. data: JSON values. Returns False if the disk failed too."""
        sealed = self._vault.seal(json.dumps({"kind": kind, "at": at.isoformat(), "told": data}))
        arrived_ns = round(at.timestamp() * 1e6) * 1000
        name = f"{arrived_ns:020d}-{time.time_ns():020d}-{secrets.token_hex(4)}"
        partial = self._folder / f".{name}"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with partial.open("wb") as file:
                file.write(sealed)
                file.flush()
                os.fsync(file.fileno())
            partial.rename(self._folder / name)
            _sync(self._folder)
        except OSError as error:
            log.get_logger().error("spool_write_failed", kind=kind, reason=error.strerror)
            return False
        log.get_logger().warning("write_spooled", kind=kind)
        return True

    def watch(self, stopping: threading.Event) -> None:
        """Start a daemon thread that replays the spool whenever the database is up, until the process stops."""
        threading.Thread(target=self._replay_until, args=(stopping,), name="spool", daemon=True).start()

    def _replay_until(self, stopping: threading.Event) -> None:
        while not stopping.wait(REPLAY_SECONDS):
            try:
                self.replay()
            except LedgerUnavailable:
                continue
            except Exception:  # noqa: BLE001 - the thread must outlive any failed replay
                log.get_logger().exception("spool_replay_failed")

    def replay(self) -> int:
        """Apply all spooled writes in order, in one process at a time, and return how many.

        Raises LedgerUnavailable, and other errors of the database itself. A file that cannot be read, or whose write is
        refused because of its values, is set aside so that it does not block later ones.
        """
        if not self._folder.is_dir() or not self._files():
            return 0
        with (self._folder / ".lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return 0
            applied = 0
            for path in self._files():
                try:
                    self._apply(path)
                except Exception as error:  # noqa: BLE001 - whatever is wrong with one file, later ones must not wait
                    if _is_of_database(error):
                        raise
                    log.get_logger().error("spool_file_set_aside", file=path.name, reason=type(error).__name__)
                    path.rename(path.with_name(f"{_SET_ASIDE}{path.name}"))
                    continue
                path.unlink()
                applied += 1
            return applied

    def reseal(self) -> int:
        """Encrypt all spooled writes with the newest key, and return how many were encrypted with another one.

        Raises OSError. A file that needs a missing key stays as it is.
        """
        if not self._folder.is_dir():
            return 0
        resealed = 0
        with (self._folder / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            for path in [*self._files(), *self._folder.glob(f"{_SET_ASIDE}*")]:
                sealed = path.read_bytes()
                if sealed_key_id(sealed) == self._vault.newest_key_id:
                    continue
                with suppress(UnknownKey):
                    partial = path.with_name(f".{secrets.token_hex(8)}")
                    partial.write_bytes(self._vault.seal(self._vault.open(sealed)))
                    partial.rename(path)
                    # One that was set aside because its key was missing can be applied now.
                    path.rename(path.with_name(path.name.removeprefix(_SET_ASIDE)))
                    resealed += 1
        return resealed

    def waiting(self) -> int:
        """The number of spooled writes on this machine, those that were set aside included."""
        try:
            names = [path.name for path in self._folder.iterdir()]
        except OSError:
            return 0
        return sum(not name.startswith(".") or name.startswith(_SET_ASIDE) for name in names)

    def _files(self) -> list[Path]:
        return sorted(path for path in self._folder.iterdir() if not path.name.startswith("."))

    def _apply(self, path: Path) -> None:
        record = json.loads(self._vault.open(path.read_bytes()))
        with self._ledger.write() as connection:
            self._ledger.exclusive_lock(connection)
            handler = self._handlers[record["kind"]]
            handler(connection, self._vault, datetime.fromisoformat(record["at"]), record["told"])


def _sync(folder: Path) -> None:
    """Make a rename in a folder survive a loss of power."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _is_of_database(error: Exception) -> bool:
    """Return whether an error would also prevent other writes, such as an outage or a table that is not upgraded."""
    if isinstance(error, DBAPIError):
        return not isinstance(error, (DataError, IntegrityError))
    return isinstance(error, (LedgerUnavailable, OSError))
