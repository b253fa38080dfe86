"""When the plan changes, every appointment ahead is looked at again by the new one."""

from __future__ import annotations

import hashlib
from datetime import datetime

from sqlalchemy import delete, func, insert, select, update

from ivr.ledger import Ledger
from ivr.ledger.tables import appointment, batch, mark
from ivr.line.content.config import ReminderRules

TOGETHER = 2000
_PLAN = "plan"


def replan(ledger: Ledger, rules: ReminderRules, now: datetime) -> int:
    """Have all appointments ahead looked at now, if the next looks at them were set by other rules. Returns how many.

    In short transactions. When it dies half-way, or two do it at once, it is done again, which does no harm: a look
    only sets the next one.
    """
    rules_now = hashlib.sha256(rules.model_dump_json(by_alias=True).encode()).hexdigest()
    with ledger.read() as connection:
        if connection.execute(select(mark.c.value).where(mark.c.name == _PLAN)).scalar() == rules_now:
            return 0
        first, last = connection.execute(select(func.min(appointment.c.id), func.max(appointment.c.id))).one()
    looked_at = 0
    for start in range(first or 0, (last or -1) + 1, TOGETHER):
        looked_at += _look_again(ledger, start, now)
    with ledger.write() as connection:
        ledger.exclusive_lock(connection)
        connection.execute(delete(mark).where(mark.c.name == _PLAN))
        connection.execute(insert(mark).values(name=_PLAN, value=rules_now, at=now))
    return looked_at


def _look_again(ledger: Ledger, start: int, now: datetime) -> int:
    sent_from = select(batch.c.id).where(batch.c.cancelled_at.is_(None))
    ahead = (
        appointment.c.id.between(start, start + TOGETHER - 1),
        appointment.c.status == "booked",
        appointment.c.channel == "text",
        appointment.c.starts_at > now,
        appointment.c.next_due_at.is_(None) | (appointment.c.next_due_at > now),
        appointment.c.batch_id.in_(sent_from),
    )
    with ledger.write() as connection:
        # A claim under way has read these by the plan before, and would put its own next look in place of ours.
        ledger.exclusive_lock(connection)
        return int(connection.execute(update(appointment).where(*ahead).values(next_due_at=now)).rowcount)
