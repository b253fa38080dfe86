"""The states of the reminders of one step, while databases are cut off and come back."""

from __future__ import annotations

import time
from collections import Counter
from contextlib import suppress

from sqlalchemy import func, select

from ivr.ledger import Ledger, LedgerUnavailable
from ivr.ledger.tables import text
from ivr.reminders.outbox.text_states import TextState

SENT = {TextState.HANDED_OVER, TextState.DELIVERED}


def reminder_states(ledger: Ledger) -> Counter[str]:
    """How many reminders of step 2d are in each state. Waits for a database that does not answer."""
    query = select(text.c.state, func.count()).where(text.c.step == "2d").group_by(text.c.state)
    while True:
        with suppress(LedgerUnavailable), ledger.read() as connection:
            return Counter({state: count for state, count in connection.execute(query)})
        time.sleep(0.5)


def sent_count(ledger: Ledger) -> int:
    return sum(count for state, count in reminder_states(ledger).items() if state in SENT)
