"""Receipts: what the carrier reports about a text later. Only forward, never back, twice does no harm."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select

from ivr.carrier.errors import CLASSES, ErrorClass
from ivr.carrier.statuses import MEANING
from ivr.ledger import Ledger, Vault
from ivr.ledger.tables import text
from ivr.reminders.alarms import Alarm, clear_alarm, raise_alarm
from ivr.reminders.handover import MOST_AT_ONCE, note_code
from ivr.reminders.texts import TextState, move, note_sids

NO_RECEIPT_AFTER = timedelta(days=3)


def take_receipt(
    ledger: Ledger, vault: Vault, attempt: str, status: str, sid: str, code: int | None, now: datetime
) -> bool:
    """Take a receipt in. attempt: from the callback's address. False: we know nothing of that attempt.

    A receipt may come before our own record of the hand-over, and settles an uncertain text at once. One that tells of
    an error which would meet every text stops the sending, until a text that was tried since has arrived.
    """
    meaning = MEANING.get(status)
    refused = code is not None and meaning in ("undelivered", "failed") and CLASSES.get(code) is ErrorClass.STOP
    with ledger.write() as connection:
        if refused:
            ledger.turnstile(connection)
        row = connection.execute(select(text).where(text.c.attempt == attempt)).first()
        if row is None:
            return False
        if sid:
            note_sids(connection, {row.id: sid})
        if meaning is not None:
            reason = f"error_{code}" if code else None
            moved = move(connection, [row.id], TextState(meaning), now, reason, error_code=code)
            if moved:
                note_code(connection, vault, row.person_id, code, now)
        if refused:
            raise_alarm(connection, Alarm.DELIVERY_STOPPED, now, f"The networks refuse our texts: error {code}.")
        elif meaning == "delivered":
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
        return len(move(connection, ids, TextState.NO_RECEIPT, now))
