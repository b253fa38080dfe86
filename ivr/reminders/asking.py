"""Whether the last reminder to a number asked something, so that a bare yes answers it."""

from __future__ import annotations

from datetime import datetime

from ivr.ledger import Ledger, LedgerUnavailable, Vault
from ivr.line.content.loader import Content
from ivr.people.replies import last_reminder_step


def asks(ledger: Ledger, vault: Vault, content: Content, phone: str, now: datetime) -> bool:
    """Whether the last text of the last 72 hours was of a step with `asks: true`. False with the ledger away."""
    try:
        with ledger.read() as connection:
            step = last_reminder_step(connection, vault, phone, now)
    except LedgerUnavailable:
        return False
    return any(one.id == step and one.asks for one in content.config.reminders.plan)
