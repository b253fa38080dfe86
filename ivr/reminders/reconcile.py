"""Uncertain texts: look in the carrier's own log before anything is sent again.

A text with the same number, sender and body, made since the claim and not one of ours already, is the one.
Two empty looks, some time apart, and it is planned anew.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, select, update

from ivr.carrier.client import UNREACHABLE, Carrier, Found
from ivr.carrier.statuses import MEANING
from ivr.ledger import Ledger, Vault
from ivr.ledger.tables import person, text
from ivr.reminders.handover import plan_again
from ivr.reminders.texts import TextState, move

BEFORE_CLAIM = timedelta(seconds=60)
LOOKS = 2


def uncertain_due(ledger: Ledger, now: datetime, reconcile_seconds: float) -> list[int]:
    """The ids of uncertain texts that may be looked for now."""
    wait = now - timedelta(seconds=reconcile_seconds)
    with ledger.read() as connection:
        rows = connection.execute(
            select(text.c.id).where(
                text.c.state == TextState.UNCERTAIN,
                text.c.claimed_at <= wait,
                text.c.looked_at.is_(None) | (text.c.looked_at <= wait),
            )
        )
        return list(rows.scalars())


def reconcile(ledger: Ledger, vault: Vault, carrier: Carrier, ids: list[int], now: datetime) -> dict[str, int]:
    """Look for texts in the carrier's log. Returns how many were found, given back to the plan, or wait still."""
    counts = {"found": 0, "planned": 0, "waiting": 0}
    for number in ids:
        counts[_reconcile_one(ledger, vault, carrier, number, now)] += 1
    return counts


def _reconcile_one(ledger: Ledger, vault: Vault, carrier: Carrier, number: int, now: datetime) -> str:
    with ledger.read() as connection:
        row = connection.execute(
            select(text, person.c.phone_sealed).join(person, person.c.id == text.c.person_id).where(text.c.id == number)
        ).one()
    if row.state != TextState.UNCERTAIN:
        return "found"
    since = row.claimed_at - BEFORE_CLAIM
    try:
        log = list(carrier.find(vault.open(row.phone_sealed), since))
    except UNREACHABLE:
        return "waiting"
    alike = [found for found in log if _is_it(found, row, carrier, vault)]
    return _settle(ledger, row, alike, now)


def _is_it(found: Found, row: Row[Any], carrier: Carrier, vault: Vault) -> bool:
    return (
        carrier.is_ours(found)
        and vault.hash(found.body) == row.body_hash
        and found.created_at >= row.claimed_at - BEFORE_CLAIM
    )


def _settle(ledger: Ledger, row: Row[Any], alike: list[Found], now: datetime) -> str:
    with ledger.write() as connection:
        taken = select(text.c.sid).where(text.c.sid.in_([found.sid for found in alike]), text.c.id != row.id)
        known = set(connection.execute(taken).scalars())
        for found in alike:
            if found.sid not in known:
                state = TextState(MEANING.get(found.status, "handed_over"))
                values = {"sid": found.sid, "error_code": found.error_code}
                move(connection, [row.id], state, now, "reconciled", **values)
                return "found"
        looks = row.looks + 1
        if looks >= LOOKS:
            plan_again(connection, [row], now, now, "not_at_carrier")
            return "planned"
        connection.execute(update(text).where(text.c.id == row.id).values(looks=looks, looked_at=now))
        return "waiting"
