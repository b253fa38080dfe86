"""The writes of callers, senders and receipts, and how to apply each at once or from the spool."""

from __future__ import annotations

from collections.abc import Callable
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
    if data.get("cancel"):
        replies.note_possible_cancellation(connection, vault, data["phone"], at)
    return _change_consent(persons.opt_out, connection, vault, at, data)


def _start(connection: Connection, vault: Vault, at: datetime, data: dict[str, Any]) -> bool:
    return _change_consent(persons.opt_in, connection, vault, at, data)


def _change_consent(
    change: Callable[..., bool], connection: Connection, vault: Vault, at: datetime, data: dict[str, Any]
) -> bool:
    """Change consent unless a later request has: a text may wait for the database while a later one is replayed."""
    phone = data["phone"]
    if persons.consent_changed_since(connection, vault, phone, at):
        return False
    return change(connection, vault, phone, at, data["source"], data["evidence"])


def _answer(connection: Connection, vault: Vault, at: datetime, data: dict[str, Any]) -> replies.ReplyOutcome:
    return replies.record_reply(connection, vault, data["phone"], at, data["answer"], data["which"])


def _wrong_number(connection: Connection, vault: Vault, at: datetime, data: dict[str, Any]) -> int:
    return replies.mark_wrong_number(connection, vault, data["phone"], at)


def _callback(connection: Connection, vault: Vault, at: datetime, data: dict[str, Any]) -> None:
    save_callback(connection, vault, CallbackRequest(**data), at)


# How to apply each kind at once. Replays do the same, but record each request about consent, and ask nothing.
WRITES: dict[SpoolKind, Handler] = {
    "stop": _stop,
    "start": _start,
    "answer": _answer,
    "wrong_number": _wrong_number,
    "callback": _callback,
}


def _replay_stop(connection: Connection, vault: Vault, at: datetime, data: dict[str, Any]) -> None:
    if not _stop(connection, vault, at, data):
        _record_request("stop", connection, vault, at, data)


def _replay_start(connection: Connection, vault: Vault, at: datetime, data: dict[str, Any]) -> None:
    if not _start(connection, vault, at, data):
        _record_request("start", connection, vault, at, data)


def _replay_answer(connection: Connection, vault: Vault, at: datetime, data: dict[str, Any]) -> None:
    replies.record_reply(connection, vault, data["phone"], at, data["answer"], data["which"], offers=False)


def _record_request(
    kind: persons.ConsentKind, connection: Connection, vault: Vault, at: datetime, data: dict[str, Any]
) -> None:
    """Record a request that changed nothing: an earlier one may still be waiting for the database, and must not win."""
    person_id = persons.get_or_create_persons(connection, vault, [data["phone"]], at)[data["phone"]]
    persons.record_consent_request(connection, vault, person_id, at, kind, data["source"], data["evidence"])


def open_spool(var_dir: Path, ledger: Ledger, vault: Vault, receipt: Handler | None = None) -> Spool:
    """Return this machine's spool, in VAR_DIR/kept. receipt: applies a status callback."""
    handlers: dict[SpoolKind, Handler] = {
        **WRITES,
        "stop": _replay_stop,
        "start": _replay_start,
        "answer": _replay_answer,
    }
    if receipt:
        handlers["receipt"] = receipt
    return Spool(var_dir / "kept", ledger, vault, handlers)
