"""Receipts: what the carrier reports about a text later. Only forward, never back, twice does no harm."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, select

from ivr.carrier.twilio.errors import CLASSES, ErrorClass
from ivr.carrier.twilio.statuses import STATE_BY_STATUS
from ivr.ledger import Ledger, Vault
from ivr.ledger.tables import text
from ivr.reminders.alarms import Alarm, clear_alarm, raise_alarm
from ivr.reminders.outbox.results import MOST_AT_ONCE, record_error_code
from ivr.reminders.outbox.states import TextState, record_sids, transition

NO_RECEIPT_AFTER = timedelta(days=3)


@dataclass(frozen=True)
class Receipt:
    """What the carrier tells about a text.

    attempt: from the callback's address. status: the carrier's word. sid: its id of the text, or empty. code: an error.
    """

    attempt: str
    status: str
    sid: str
    code: int | None

    @property
    def meaning(self) -> str | None:
        return STATE_BY_STATUS.get(self.status)

    @property
    def refuses_us(self) -> bool:
        """Whether it tells of an error that would meet every text of our sender."""
        failed = self.meaning in ("undelivered", "failed") and self.code is not None
        return failed and CLASSES.get(self.code or 0) is ErrorClass.STOP


def apply_receipt(ledger: Ledger, vault: Vault, receipt: Receipt, now: datetime) -> bool:
    """Take a receipt in. False: we know nothing of that attempt.

    It may come before our own record of the hand-over, and settles an uncertain text at once. One that refuses us stops
    the sending, until a text that was tried since has arrived.
    """
    with ledger.write() as connection:
        if receipt.refuses_us:
            # Alarms are raised in the turnstile, and that comes before any row.
            ledger.exclusive_lock(connection)
        return apply_receipt_in(connection, vault, receipt, now)


def apply_receipt_in(connection: Connection, vault: Vault, receipt: Receipt, now: datetime) -> bool:
    """The same within a transaction; for one that refuses us it has passed the turnstile."""
    row = connection.execute(select(text).where(text.c.attempt == receipt.attempt)).first()
    if row is None:
        return False
    if receipt.sid:
        record_sids(connection, {row.id: receipt.sid})
    if receipt.meaning is not None:
        code, reason = receipt.code, f"error_{receipt.code}" if receipt.code else None
        if transition(connection, [row.id], TextState(receipt.meaning), now, reason, error_code=code):
            record_error_code(connection, vault, row.person_id, code, now)
    if receipt.refuses_us:
        told = f"The networks refuse our texts: error {receipt.code}."
        raise_alarm(connection, Alarm.DELIVERY_STOPPED, now, told)
    elif receipt.meaning == "delivered":
        clear_alarm(connection, Alarm.DELIVERY_STOPPED, row.claimed_at)
    return True


def close_without_receipt(ledger: Ledger, now: datetime) -> int:
    """Handed-over texts of which nothing was heard for three days. Returns how many."""
    quiet = select(text.c.id).where(text.c.state == TextState.HANDED_OVER, text.c.claimed_at < now - NO_RECEIPT_AFTER)
    quiet = quiet.limit(MOST_AT_ONCE)
    with ledger.read() as connection:
        ids = list(connection.execute(quiet).scalars())
    if not ids:
        return 0
    with ledger.write() as connection:
        return len(transition(connection, ids, TextState.NO_RECEIPT, now))
