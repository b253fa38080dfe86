"""Receipts: the carrier's later reports on a text. They only move it forward, and may be repeated."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, select

from ivr.carrier.twilio.errors import CLASSES, ErrorClass
from ivr.carrier.twilio.statuses import STATE_BY_STATUS
from ivr.i18n import N_, sentence
from ivr.ledger import Ledger, Vault
from ivr.ledger.tables import text
from ivr.reminders.alarms import Alarm, clear_alarm, raise_alarm
from ivr.reminders.outbox.results import MAX_IDS, record_error_code
from ivr.reminders.outbox.text_states import TextState, record_sids, transition

NO_RECEIPT_AFTER = timedelta(days=3)


@dataclass(frozen=True)
class Receipt:
    """The carrier's report on a text, spooled under these field names.

    attempt: from the callback's URL. status: the carrier's word. sid: its id for the text, or empty. code: an error.
    """

    attempt: str
    status: str
    sid: str
    code: int | None

    @property
    def state(self) -> str | None:
        """The state that the status means; None for an unknown status."""
        return STATE_BY_STATUS.get(self.status)

    @property
    def refuses_sender(self) -> bool:
        """Whether the error applies to every text from our sender."""
        failed = self.state in ("undelivered", "failed") and self.code is not None
        return failed and CLASSES.get(self.code or 0) is ErrorClass.STOP


@dataclass(frozen=True)
class AppliedReceipt:
    """delay: seconds from the claim to this receipt if it settled the text; None if it was not the last word."""

    delay: float | None


_NETWORKS_REFUSE = N_("The networks refuse our texts: error {code}.")
_FINAL = frozenset({"delivered", "undelivered", "failed"})


def apply_receipt(ledger: Ledger, vault: Vault, receipt: Receipt, now: datetime) -> AppliedReceipt | None:
    """Record a receipt. Returns None if no text has its attempt.

    A receipt may arrive before we record the hand-over, and settles an uncertain text. If it refuses our sender,
    sending stops until a later text is delivered.
    """
    with ledger.write() as connection:
        if receipt.refuses_sender:
            # Alarms are raised under the exclusive lock, which must come before any row lock.
            ledger.exclusive_lock(connection)
        return apply_receipt_in(connection, vault, receipt, now)


def apply_receipt_in(connection: Connection, vault: Vault, receipt: Receipt, now: datetime) -> AppliedReceipt | None:
    """Like `apply_receipt`, in a transaction that holds the exclusive lock if the receipt refuses our sender."""
    row = connection.execute(select(text).where(text.c.attempt == receipt.attempt)).first()
    if row is None:
        return None
    settled = apply_to_text(connection, vault, row, receipt, now) and receipt.state in _FINAL
    return AppliedReceipt((now - row.claimed_at).total_seconds() if settled and row.claimed_at else None)


def apply_to_text(
    connection: Connection, vault: Vault, row: Row[Any], receipt: Receipt, now: datetime, reason: str | None = None
) -> bool:
    """Record a receipt about a text, given its row. Returns whether its state changed.

    reason: to record unless the receipt has an error. The transaction holds the exclusive lock if the receipt refuses
    our sender.
    """
    if receipt.sid:
        record_sids(connection, {row.id: receipt.sid})
    changed = False
    if receipt.state is not None:
        code = receipt.code
        reason = f"error_{code}" if code else reason
        changed = bool(transition(connection, [row.id], TextState(receipt.state), now, reason, error_code=code))
        if changed:
            record_error_code(connection, vault, row.person_id, code, now)
    if receipt.refuses_sender:
        raise_alarm(connection, Alarm.DELIVERY_STOPPED, now, sentence(_NETWORKS_REFUSE, code=str(receipt.code)))
    elif receipt.state == "delivered":
        clear_alarm(connection, Alarm.DELIVERY_STOPPED, row.claimed_at)
    return changed


def close_without_receipt(ledger: Ledger, now: datetime) -> int:
    """Give up on handed-over texts that have had no receipt for three days. Returns how many."""
    old = select(text.c.id).where(text.c.state == TextState.HANDED_OVER, text.c.claimed_at < now - NO_RECEIPT_AFTER)
    with ledger.read() as connection:
        ids = list(connection.execute(old.limit(MAX_IDS)).scalars())
    if not ids:
        return 0
    with ledger.write() as connection:
        return len(transition(connection, ids, TextState.NO_RECEIPT, now))
