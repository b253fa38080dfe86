"""The writes of callers, senders and receipts, and how to apply each at once or from the spool."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import Connection

from ivr.ledger import Ledger, Vault
from ivr.ledger.spool import Handler, Spool
from ivr.people import persons, replies
from ivr.people.callbacks import CallbackRequest, save_callback

SpoolKind = Literal["stop", "start", "answer", "wrong_number", "callback", "receipt"]


def _stop(connection: Connection, vault: Vault, at: datetime, data: dict[str, Any]) -> bool:
    changed = persons.opt_out(connection, vault, data["phone"], at, data["source"], data["evidence"])
    if data.get("cancel"):
        replies.note_possible_cancellation(connection, vault, data["phone"], at)
    return changed


def _start(connection: Connection, vault: Vault, at: datetime, data: dict[str, Any]) -> bool:
    return persons.opt_in(connection, vault, data["phone"], at, data["source"], data["evidence"])


def _answer(connection: Connection, vault: Vault, at: datetime, data: dict[str, Any]) -> replies.ReplyOutcome:
    return replies.record_reply(connection, vault, data["phone"], at, data["answer"], data["which"])


def _wrong_number(connection: Connection, vault: Vault, at: datetime, data: dict[str, Any]) -> int:
    return replies.mark_wrong_number(connection, vault, data["phone"], at)


def _callback(connection: Connection, vault: Vault, at: datetime, data: dict[str, Any]) -> None:
    save_callback(connection, vault, CallbackRequest(**data), at)


# How to apply each kind at once. Replays do the same, except that a newer change of consent wins.
WRITES: dict[SpoolKind, Handler] = {
    "stop": _stop,
    "start": _start,
    "answer": _answer,
    "wrong_number": _wrong_number,
    "callback": _callback,
}


def _replay_stop(connection: Connection, vault: Vault, at: datetime, data: dict[str, Any]) -> None:
    if not persons.consent_changed_since(connection, vault, data["phone"], at):
        _stop(connection, vault, at, data)
    elif data.get("cancel"):
        replies.note_possible_cancellation(connection, vault, data["phone"], at)


def _replay_start(connection: Connection, vault: Vault, at: datetime, data: dict[str, Any]) -> None:
    if not persons.consent_changed_since(connection, vault, data["phone"], at):
        _start(connection, vault, at, data)


def open_spool(var_dir: Path, ledger: Ledger, vault: Vault, receipt: Handler | None = None) -> Spool:
    """Return this machine's spool, in VAR_DIR/kept. receipt: applies a status callback."""
    handlers: dict[SpoolKind, Handler] = {**WRITES, "stop": _replay_stop, "start": _replay_start}
    if receipt:
        handlers["receipt"] = receipt
    return Spool(var_dir / "kept", ledger, vault, handlers)
