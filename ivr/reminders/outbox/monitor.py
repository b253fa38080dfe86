"""Alarms about events that are overdue: a backlog, missing receipts, a silent clock process."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, exists, func, insert, select, update

from ivr.i18n import N_, Sentence, sentence
from ivr.ledger import Ledger
from ivr.ledger.tables import appointment, batch, mark, text, text_move, text_was_fetched
from ivr.reminders.alarms import MAX_RETRY_DELAY, Alarm, clear_alarm, raise_alarm, raised
from ivr.reminders.outbox.text_states import TextState

BACKLOG_AFTER = timedelta(minutes=10)
# RECEIPTS_MISSING: of at least MIN_TEXTS texts between these two ages, more than MAX_MISSING have no receipt.
RECEIPT_AGES = (timedelta(hours=6), timedelta(minutes=15))
MAX_MISSING = 0.5
MIN_TEXTS = 20
# How long an alarm about a limit stays. It is raised again, and logged again, if the limit is still reached.
CAPPED_FOR = timedelta(hours=1)
_CAPPED = (
    Alarm.REQUESTED_TEXTS_CAPPED,
    Alarm.ANSWERED_TEXTS_CAPPED,
    Alarm.CALLS_CAPPED,
    Alarm.TRANSFERS_CAPPED,
    Alarm.CALLBACKS_CAPPED,
)
_SILENT = N_("The clock process is silent: start `infoline clock`.")
_BACKLOG = N_(
    "Texts have waited for over ten minutes: check that `infoline worker` runs and that the carrier responds."
)
_RECEIPTS_MISSING = N_(
    "{percent} percent of the texts of the last hours have no receipt: check that PUBLIC_URL can be reached."
)
_CLOCK = "clock"
# A clock process that has never reported may be starting with the process that misses it.
FIRST_BEAT_WITHIN = timedelta(minutes=5)


@dataclass(frozen=True)
class ClockWatch:
    """What a process goes by that watches the clock. silent_seconds: how long the clock may be silent. started: when
    this process started."""

    silent_seconds: float
    started: datetime

    def is_silent(self, ledger: Ledger, now: datetime) -> bool | None:
        """None while the clock has never reported, and may still start."""
        age = clock_age(ledger, now)
        if age is not None:
            return age > self.silent_seconds
        return True if now - self.started > FIRST_BEAT_WITHIN else None


def beat(ledger: Ledger, now: datetime) -> None:
    """Record that the clock process is alive."""
    with ledger.write() as connection:
        heartbeat = update(mark).where(mark.c.name == _CLOCK).values(at=now)
        if not connection.execute(heartbeat).rowcount:
            ledger.exclusive_lock(connection)
            if not connection.execute(heartbeat).rowcount:
                connection.execute(insert(mark).values(name=_CLOCK, value="", at=now))


def clock_age(ledger: Ledger, now: datetime) -> float | None:
    """Seconds since the last heartbeat of a clock process; None if there was none."""
    with ledger.read() as connection:
        last = connection.execute(select(mark.c.at).where(mark.c.name == _CLOCK)).scalar()
    return (now - last).total_seconds() if last else None


def watch(ledger: Ledger, now: datetime, clock_watch: ClockWatch | None = None) -> None:
    """Raise or clear the alarms of this module. clock_watch: None in the clock itself."""
    is_silent = clock_watch.is_silent(ledger, now) if clock_watch else None
    with ledger.read() as connection:
        problems = dict(_problems(connection, now))
        alarms = raised(connection)
    checked = {Alarm.BACKLOG, Alarm.RECEIPTS_MISSING}
    checked |= {name for name in _CAPPED if name in alarms and alarms[name] <= now - CAPPED_FOR}
    if is_silent is not None:
        checked.add(Alarm.CLOCK_SILENT)
    if is_silent:
        problems[Alarm.CLOCK_SILENT] = sentence(_SILENT)
    if not any((name in problems) != (name in alarms) for name in checked):
        return
    with ledger.write() as connection:
        ledger.exclusive_lock(connection)
        for name in checked:
            if name in problems:
                raise_alarm(connection, name, now, problems[name])
            else:
                clear_alarm(connection, name, now)


def _problems(connection: Connection, now: datetime) -> Iterator[tuple[Alarm, Sentence]]:
    if connection.execute(select(_waiting_since(now - BACKLOG_AFTER))).scalar():
        yield Alarm.BACKLOG, sentence(_BACKLOG)
    missing = _missing_receipts(connection, now)
    if missing > MAX_MISSING:
        yield Alarm.RECEIPTS_MISSING, sentence(_RECEIPTS_MISSING, percent=round(missing * 100))


def _waiting_since(moment: datetime) -> ColumnElement[bool]:
    """Whether a text that may be sent has been due, or has failed, since a moment."""
    can_send = (batch.c.id == appointment.c.batch_id) & batch.c.live_at.is_not(None) & batch.c.paused.is_(False)
    requested = text.c.asked_in.is_not(None) & (text.c.state == TextState.PLANNED) & (text.c.retry_at <= moment)
    due = exists().where(appointment.c.next_due_at <= moment, can_send)
    # A failed attempt makes the appointment due again within the longest back-off; quiet hours put it off for longer.
    soon = moment + BACKLOG_AFTER + MAX_RETRY_DELAY
    retried = exists().where(appointment.c.id == text.c.appointment_id, appointment.c.next_due_at <= soon, can_send)
    planned = (text.c.state == TextState.PLANNED) & (text.c.asked_in.is_not(None) | retried)
    unfinished = planned | text.c.state.in_((TextState.CLAIMED, TextState.UNCERTAIN))
    first_claim = (text_move.c.text_id == text.c.id) & (text_move.c.to_state == TextState.CLAIMED)
    failing = exists().where(unfinished, exists().where(first_claim, text_move.c.at <= moment))
    return due | exists().where(requested) | failing


def _missing_receipts(connection: Connection, now: datetime) -> float:
    """The share of recently handed-over texts without a receipt; 0 if there are too few texts."""
    oldest, newest = (now - age for age in RECEIPT_AGES)
    recent = text.c.claimed_at.between(oldest, newest)
    states = (TextState.HANDED_OVER, TextState.DELIVERED, TextState.UNDELIVERED)
    query = select(text.c.state, func.count()).where(text.c.state.in_(states), recent).group_by(text.c.state)
    by_state: dict[str, int] = {row[0]: row[1] for row in connection.execute(query)}
    total = sum(by_state.values())
    if total < MIN_TEXTS:
        return 0.0
    # That the carrier was asked for a status does not mean that it can reach us.
    fetched = connection.execute(select(func.count()).select_from(text).where(text_was_fetched, recent)).scalar_one()
    return (by_state.get(TextState.HANDED_OVER, 0) + fetched) / total


def oldest_due(ledger: Ledger, now: datetime) -> float:
    """Seconds that the oldest due appointment has waited; 0 if none is due."""
    due = select(appointment.c.next_due_at).join(batch, batch.c.id == appointment.c.batch_id)
    due = due.where(appointment.c.next_due_at <= now, batch.c.live_at.is_not(None), batch.c.paused.is_(False))
    with ledger.read() as connection:
        since = connection.execute(due.order_by(appointment.c.next_due_at).limit(1)).scalar()
    return (now - since).total_seconds() if since else 0.0
