"""The spool of what callers and senders ask for: opt-outs, replies, call-backs and receipts."""

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


def _stop(connection: Connection, vault: Vault, at: datetime, data: dict[str, Any]) -> None:
    if not persons.consent_changed_since(connection, vault, data["phone"], at):
        persons.opt_out(connection, vault, data["phone"], at, data["source"], data["evidence"])
    if data.get("cancel"):
        replies.note_possible_cancellation(connection, vault, data["phone"], at)


def _start(connection: Connection, vault: Vault, at: datetime, data: dict[str, Any]) -> None:
    if not persons.consent_changed_since(connection, vault, data["phone"], at):
        persons.opt_in(connection, vault, data["phone"], at, data["source"], data["evidence"])


def _answer(connection: Connection, vault: Vault, at: datetime, data: dict[str, Any]) -> None:
    replies.record_reply(connection, vault, data["phone"], at, data["answer"], data["which"])


def _wrong_number(connection: Connection, vault: Vault, at: datetime, data: dict[str, Any]) -> None:
    replies.mark_wrong_number(connection, vault, data["phone"], at)


def _callback(connection: Connection, vault: Vault, at: datetime, data: dict[str, Any]) -> None:
    save_callback(connection, vault, CallbackRequest(**data), at)


_HANDLERS: dict[str, Handler] = {
    "stop": _stop,
    "start": _start,
    "answer": _answer,
    "wrong_number": _wrong_number,
    "callback": _callback,
}


def open_spool(var_dir: Path, ledger: Ledger, vault: Vault, receipt: Handler | None = None) -> Spool:
    """Return this machine's spool in VAR_DIR/kept. receipt: how to apply a status callback."""
    return Spool(var_dir / "kept", ledger, vault, {**_HANDLERS, **({"receipt": receipt} if receipt else {})})
