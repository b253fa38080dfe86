"""What should have happened and did not: a backlog, missing receipts, a silent clock."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, exists, func, insert, select, update

from ivr.ledger import Ledger
from ivr.ledger.tables import appointment, batch, mark, text, text_move
from ivr.reminders.alarms import LONGEST_WAIT, Alarm, clear_alarm, raise_alarm, raised
from ivr.reminders.outbox.states import TextState

LONGEST_BACKLOG = timedelta(minutes=10)
# Of what was handed over in these hours, and long enough ago, more than this share has had no receipt.
RECEIPTS_WITHIN = (timedelta(hours=6), timedelta(minutes=15))
MOST_MISSING = 0.5
FEWEST_TEXTS = 20
CLOCK = "clock"


def beat(ledger: Ledger, now: datetime) -> None:
    """The clock process is alive."""
    with ledger.write() as connection:
        mine = update(mark).where(mark.c.name == CLOCK).values(at=now)
        if not connection.execute(mine).rowcount:
            ledger.exclusive_lock(connection)
            if not connection.execute(mine).rowcount:
                connection.execute(insert(mark).values(name=CLOCK, value="", at=now))


def clock_age(ledger: Ledger, now: datetime) -> float | None:
    """Seconds since a clock process was last heard of; None when none ever was."""
    with ledger.read() as connection:
        last = connection.execute(select(mark.c.at).where(mark.c.name == CLOCK)).scalar()
    return (now - last).total_seconds() if last else None


def watch(ledger: Ledger, now: datetime, clock_seconds: float | None = None) -> None:
    """Raise and clear the alarms that tell of something which should have happened.

    clock_seconds: how long a clock process may be silent; None for the clock process itself, which is not.
    """
    age = None if clock_seconds is None else clock_age(ledger, now)
    with ledger.read() as connection:
        wrong = dict(_wrong(connection, now))
        standing = raised(connection).keys()
    looked_at = {Alarm.BACKLOG, Alarm.RECEIPTS_MISSING}
    if clock_seconds is not None:
        looked_at.add(Alarm.CLOCK_SILENT)
        if age is not None and age > clock_seconds:
            wrong[Alarm.CLOCK_SILENT] = "No clock process was heard of for a while: start `infoline clock`."
    if not any((name in wrong) != (name in standing) for name in looked_at):
        return
    with ledger.write() as connection:
        ledger.exclusive_lock(connection)
        for name in looked_at:
            if name in wrong:
                raise_alarm(connection, name, now, wrong[name])
            else:
                clear_alarm(connection, name, now)


def _wrong(connection: Connection, now: datetime) -> Iterator[tuple[Alarm, str]]:
    if connection.execute(select(_waits_since(now - LONGEST_BACKLOG))).scalar():
        told = "Texts wait for over ten minutes: see whether `infoline worker` runs, and whether the carrier answers."
        yield Alarm.BACKLOG, told
    share = _without_receipt(connection, now)
    if share > MOST_MISSING:
        told = f"{share:.0%} of the texts of the last hours have had no receipt: see whether PUBLIC_URL is reached."
        yield Alarm.RECEIPTS_MISSING, told


def _waits_since(moment: datetime) -> ColumnElement[bool]:
    """Whether something has been due since a moment that nobody holds back."""
    sent_from = (batch.c.id == appointment.c.batch_id) & batch.c.live_at.is_not(None) & batch.c.paused.is_(False)
    asked = text.c.asked_in.is_not(None) & (text.c.state == TextState.PLANNED) & (text.c.retry_at <= moment)
    due = exists().where(appointment.c.next_due_at <= moment, sent_from)
    # What is tried in vain: each try is due anew, a while from now; in quiet hours it is not.
    soon = moment + LONGEST_BACKLOG + LONGEST_WAIT
    again = exists().where(appointment.c.id == text.c.appointment_id, appointment.c.next_due_at <= soon, sent_from)
    planned = (text.c.state == TextState.PLANNED) & (text.c.asked_in.is_not(None) | again)
    under_way = planned | text.c.state.in_((TextState.CLAIMED, TextState.UNCERTAIN))
    first_tried = (text_move.c.text_id == text.c.id) & (text_move.c.to_state == TextState.CLAIMED)
    in_vain = exists().where(under_way, exists().where(first_tried, text_move.c.at <= moment))
    return due | exists().where(asked) | in_vain


def _without_receipt(connection: Connection, now: datetime) -> float:
    """The share of lately handed over texts that no receipt has come for; 0 when they are few."""
    oldest, newest = (now - ago for ago in RECEIPTS_WITHIN)
    lately = text.c.claimed_at.between(oldest, newest)
    ends = (TextState.HANDED_OVER, TextState.DELIVERED, TextState.UNDELIVERED)
    counted = select(text.c.state, func.count()).where(text.c.state.in_(ends), lately).group_by(text.c.state)
    by_state: dict[str, int] = {row[0]: row[1] for row in connection.execute(counted)}
    total = sum(by_state.values())
    return by_state.get(TextState.HANDED_OVER, 0) / total if total >= FEWEST_TEXTS else 0.0


def oldest_due(ledger: Ledger, now: datetime) -> float:
    """For how many seconds what is due has waited at the longest; 0 when nothing is due."""
    waits = select(appointment.c.next_due_at).join(batch, batch.c.id == appointment.c.batch_id)
    waits = waits.where(appointment.c.next_due_at <= now, batch.c.live_at.is_not(None), batch.c.paused.is_(False))
    with ledger.read() as connection:
        since = connection.execute(waits.order_by(appointment.c.next_due_at).limit(1)).scalar()
    return (now - since).total_seconds() if since else 0.0
