"""Uncertain texts: search the carrier's log before anything is sent again.

A message matches if it has the text's number, sender and body, was created within a day before the claim or later, and
belongs to no other text. After two searches without a match, some time apart, the text is planned again.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, and_, func, select, update

from ivr.carrier.twilio.client import UNREACHABLE, Carrier, LoggedMessage
from ivr.ledger import Ledger, Vault
from ivr.ledger.tables import person, text
from ivr.ledger.vault import UnknownKey
from ivr.reminders.alarms import raise_missing_key
from ivr.reminders.outbox.results import record_error_code, reschedule
from ivr.reminders.outbox.text_states import TextState, record_sids, state_at_carrier, transition

# How far the carrier's clock may be behind ours.
CLOCK_TOLERANCE = timedelta(seconds=60)
# Our own clock may have been hours ahead when the text was claimed; an older text with the same words has its own sid.
SEARCH_BACK = timedelta(days=1)
SEARCHES = 2


def uncertain_due(ledger: Ledger, now: datetime, reconcile_seconds: float, most: int | None = None) -> list[int]:
    """The ids of up to `most` uncertain texts that may be searched for now, longest waiting first."""
    since = func.coalesce(text.c.looked_at, text.c.claimed_at)
    due = select(text.c.id).where(_due(now, reconcile_seconds)).order_by(since, text.c.id).limit(most)
    with ledger.read() as connection:
        return list(connection.execute(due).scalars())


def _due(now: datetime, reconcile_seconds: float) -> Any:
    before = now - timedelta(seconds=reconcile_seconds)
    return and_(
        text.c.state == TextState.UNCERTAIN,
        text.c.claimed_at <= before,
        text.c.looked_at.is_(None) | (text.c.looked_at <= before),
    )


def reconcile_uncertain(
    ledger: Ledger, vault: Vault, carrier: Carrier, ids: list[int], now: datetime, reconcile_seconds: float
) -> dict[str, int]:
    """Search for texts in the carrier's log. Returns how many were found, are planned again, or still wait.

    A text may be in several jobs: a job that runs too soon after another search skips it.
    """
    counts = {"found": 0, "planned": 0, "waiting": 0}
    for text_id in ids:
        with ledger.read() as connection:
            query = select(text, person.c.phone_sealed).join(person, person.c.id == text.c.person_id)
            row = connection.execute(query.where(text.c.id == text_id, _due(now, reconcile_seconds))).first()
        counts[_reconcile_one(ledger, vault, carrier, row, now) if row else "waiting"] += 1
    return counts


def _reconcile_one(ledger: Ledger, vault: Vault, carrier: Carrier, row: Row[Any], now: datetime) -> str:
    since = row.claimed_at - SEARCH_BACK
    try:
        messages = list(carrier.find(vault.open(row.phone_sealed), since))
    except UNREACHABLE:
        return "waiting"
    except UnknownKey:
        with ledger.write() as connection:
            ledger.exclusive_lock(connection)
            raise_missing_key(connection, vault, now)
        return "waiting"
    matches = [
        message
        for message in messages
        if carrier.is_ours(message) and vault.hash(message.body) == row.body_hash and message.created_at >= since
    ]
    return _settle(ledger, vault, row, matches, now)


def _settle(ledger: Ledger, vault: Vault, row: Row[Any], matches: list[LoggedMessage], now: datetime) -> str:
    with ledger.write() as connection:
        ledger.exclusive_lock(connection)
        # Meanwhile another process may have settled the text, searched for it, or claimed it again.
        unchanged = select(text.c.id).where(
            text.c.id == row.id,
            text.c.state == TextState.UNCERTAIN,
            text.c.attempt == row.attempt,
            text.c.looks == row.looks,
        )
        if not connection.execute(unchanged).first():
            return "waiting"
        taken = select(text.c.sid).where(text.c.sid.in_([message.sid for message in matches]), text.c.id != row.id)
        taken_sids = set(connection.execute(taken).scalars())
        for message in matches:
            if message.sid not in taken_sids:
                state, code = state_at_carrier(message.status), message.error_code
                transition(connection, [row.id], state, now, "reconciled", error_code=code)
                record_sids(connection, {row.id: message.sid})
                record_error_code(connection, vault, row.person_id, code, now)
                return "found"
        searches = row.looks + 1
        if searches >= SEARCHES:
            reschedule(connection, row, now, now, "not_at_carrier")
            return "planned"
        connection.execute(update(text).where(text.c.id == row.id).values(looks=searches, looked_at=now))
        return "waiting"
