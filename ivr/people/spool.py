"""What must not be lost while the ledger is away: kept on disk, sealed, and entered later in its order.

Files of one machine in VAR_DIR/kept, named so that their order is the order in which they came.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import threading
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import Connection

from ivr import log
from ivr.ledger import Ledger, LedgerUnavailable, Vault
from ivr.people import persons, replies
from ivr.people.callbacks import CallbackRequest, save_callback

SpoolKind = Literal["stop", "start", "answer", "wrong_number", "callback", "receipt"]
Enter = Callable[[Connection, Vault, datetime, dict[str, Any]], None]
ENTER_SECONDS = 1.0


def _stop(connection: Connection, vault: Vault, at: datetime, told: dict[str, Any]) -> None:
    if not persons.consent_changed_since(connection, vault, told["phone"], at):
        persons.opt_out(connection, vault, told["phone"], at, told["source"], told["evidence"])
    if told.get("cancel"):
        replies.note_possible_cancellation(connection, vault, told["phone"], at)


def _start(connection: Connection, vault: Vault, at: datetime, told: dict[str, Any]) -> None:
    if not persons.consent_changed_since(connection, vault, told["phone"], at):
        persons.opt_in(connection, vault, told["phone"], at, told["source"], told["evidence"])


def _answer(connection: Connection, vault: Vault, at: datetime, told: dict[str, Any]) -> None:
    replies.record_reply(connection, vault, told["phone"], at, told["answer"], told["which"])


def _wrong_number(connection: Connection, vault: Vault, at: datetime, told: dict[str, Any]) -> None:
    replies.mark_wrong_number(connection, vault, told["phone"], at)


def _callback(connection: Connection, vault: Vault, at: datetime, told: dict[str, Any]) -> None:
    save_callback(connection, vault, CallbackRequest(**told), at)


_ENTER: dict[str, Enter] = {
    "stop": _stop,
    "start": _start,
    "answer": _answer,
    "wrong_number": _wrong_number,
    "callback": _callback,
}


class Spool:
    """One machine's folder of what waits for the ledger. receipt: how the carrier's receipts are entered."""

    def __init__(self, var_dir: Path, ledger: Ledger, vault: Vault, receipt: Enter | None = None) -> None:
        self._folder = var_dir / "kept"
        self._ways = {**_ENTER, **({"receipt": receipt} if receipt else {})}
        self._ledger, self._vault = ledger, vault

    def keep(self, kind: SpoolKind, at: datetime, **told: Any) -> bool:
        """Keep something until the ledger is back. False: the disk refused it too, and nothing may be promised."""
        sealed = self._vault.seal(json.dumps({"kind": kind, "at": at.isoformat(), "told": told}))
        name = f"{time.time_ns():020d}-{secrets.token_hex(4)}"
        draft = self._folder / f".{name}"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with draft.open("wb") as file:
                file.write(sealed)
                file.flush()
                os.fsync(file.fileno())
            draft.rename(self._folder / name)
        except OSError as error:
            log.get_logger().error("not_kept_on_disk", kind=kind, reason=error.strerror)
            return False
        log.get_logger().warning("kept_on_disk", kind=kind)
        return True

    def watch(self) -> None:
        """Enter what waits as soon as the ledger is back, for as long as the process lives."""
        threading.Thread(target=self._follow, name="kept", daemon=True).start()

    def _follow(self) -> None:
        pause = threading.Event()
        while not pause.wait(ENTER_SECONDS):
            try:
                self.enter()
            except LedgerUnavailable:
                continue
            except Exception:  # noqa: BLE001 - what cannot be entered now must not end the watching
                log.get_logger().exception("kept_not_entered")

    def enter(self) -> int:
        """Enter all that waits, in order, one process at a time. Returns how much. Raises LedgerAway."""
        if not self._folder.is_dir() or not self._waiting():
            return 0
        with (self._folder / ".lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return 0
            entered = 0
            for path in self._waiting():
                try:
                    self._enter(path)
                except (KeyError, ValueError, TypeError):
                    # Sealed with a key that is gone, or damaged: it must not hold back what came after it.
                    log.get_logger().exception("kept_not_readable", file=path.name)
                    path.rename(path.with_name(f".unreadable-{path.name}"))
                    continue
                path.unlink()
                entered += 1
            return entered

    def _waiting(self) -> list[Path]:
        return sorted(path for path in self._folder.iterdir() if not path.name.startswith("."))

    def _enter(self, path: Path) -> None:
        told = json.loads(self._vault.open(path.read_bytes()))
        with self._ledger.write() as connection:
            self._ledger.exclusive_lock(connection)
            self._ways[told["kind"]](connection, self._vault, datetime.fromisoformat(told["at"]), told["told"])
