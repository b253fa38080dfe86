"""Uncertain texts: look in the carrier's own log before anything is sent again.

A text with the same number, sender and body, made since the claim and not one of ours already, is the one.
Two empty looks, some time apart, and it is planned anew.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, and_, func, select, update

from ivr.carrier.twilio.client import UNREACHABLE, Carrier, LoggedMessage
from ivr.carrier.twilio.statuses import STATE_BY_STATUS
from ivr.ledger import Ledger, Vault
from ivr.ledger.tables import person, text
from ivr.reminders.alarms import raise_missing_key
from ivr.reminders.outbox.results import record_error_code, reschedule
from ivr.reminders.outbox.states import TextState, record_sids, transition

BEFORE_CLAIM = timedelta(seconds=60)
LOOKS = 2


def uncertain_due(ledger: Ledger, now: datetime, reconcile_seconds: float, most: int | None = None) -> list[int]:
    """The ids of uncertain texts that may be looked for now, longest waiting first, `most` at the most."""
    waits_since = func.coalesce(text.c.looked_at, text.c.claimed_at)
    due = select(text.c.id).where(_due(now, reconcile_seconds)).order_by(waits_since, text.c.id).limit(most)
    with ledger.read() as connection:
        return list(connection.execute(due).scalars())


def _due(now: datetime, reconcile_seconds: float) -> Any:
    wait = now - timedelta(seconds=reconcile_seconds)
    return and_(
        text.c.state == TextState.UNCERTAIN,
        text.c.claimed_at <= wait,
        text.c.looked_at.is_(None) | (text.c.looked_at <= wait),
    )


def reconcile(
    ledger: Ledger, vault: Vault, carrier: Carrier, ids: list[int], now: datetime, reconcile_seconds: float
) -> dict[str, int]:
    """Look for texts in the carrier's log. Returns how many were found, given back to the plan, or wait still.

    The same text may stand in several jobs; whichever comes too soon after a look leaves it alone.
    """
    counts = {"found": 0, "planned": 0, "waiting": 0}
    for number in ids:
        with ledger.read() as connection:
            due = _due(now, reconcile_seconds)
            row = connection.execute(_uncertain.where(text.c.id == number, due)).first()
        counts[_reconcile_one(ledger, vault, carrier, row, now) if row else "waiting"] += 1
    return counts


_uncertain = select(text, person.c.phone_sealed).join(person, person.c.id == text.c.person_id)


def _reconcile_one(ledger: Ledger, vault: Vault, carrier: Carrier, row: Row[Any], now: datetime) -> str:
    since = row.claimed_at - BEFORE_CLAIM
    try:
        log = list(carrier.find(vault.open(row.phone_sealed), since))
    except UNREACHABLE:
        return "waiting"
    except KeyError:
        with ledger.write() as connection:
            ledger.exclusive_lock(connection)
            raise_missing_key(connection, vault, now)
        return "waiting"
    alike = [found for found in log if _is_it(found, row, carrier, vault)]
    return _settle(ledger, vault, row, alike, now)


def _is_it(found: LoggedMessage, row: Row[Any], carrier: Carrier, vault: Vault) -> bool:
    return (
        carrier.is_ours(found)
        and vault.hash(found.body) == row.body_hash
        and found.created_at >= row.claimed_at - BEFORE_CLAIM
    )


def _settle(ledger: Ledger, vault: Vault, row: Row[Any], alike: list[LoggedMessage], now: datetime) -> str:
    with ledger.write() as connection:
        ledger.exclusive_lock(connection)
        # While we asked, somebody else may have settled it, or looked as well, or even claimed it anew.
        same = select(text.c.id).where(
            text.c.id == row.id,
            text.c.state == TextState.UNCERTAIN,
            text.c.attempt == row.attempt,
            text.c.looks == row.looks,
        )
        if not connection.execute(same).first():
            return "waiting"
        taken = select(text.c.sid).where(text.c.sid.in_([found.sid for found in alike]), text.c.id != row.id)
        known = set(connection.execute(taken).scalars())
        for found in alike:
            if found.sid not in known:
                state = TextState(STATE_BY_STATUS.get(found.status, "handed_over"))
                transition(connection, [row.id], state, now, "reconciled", error_code=found.error_code)
                record_sids(connection, {row.id: found.sid})
                record_error_code(connection, vault, row.person_id, found.error_code, now)
                return "found"
        looks = row.looks + 1
        if looks >= LOOKS:
            reschedule(connection, row, now, now, "not_at_carrier")
            return "planned"
        connection.execute(update(text).where(text.c.id == row.id).values(looks=looks, looked_at=now))
        return "waiting"
