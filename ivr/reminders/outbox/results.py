"""Record what became of claimed texts: handed over, refused, or uncertain. And free claims that went silent."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, select, update

from ivr.carrier.twilio.client import Accepted, Refused
from ivr.carrier.twilio.errors import CLASSES, LANDLINE, ErrorClass
from ivr.ledger import Ledger, Vault
from ivr.ledger.tables import appointment, person, text
from ivr.people.persons import opt_out_person
from ivr.reminders.alarms import LONGEST_WAIT, Alarm, clear_alarm, raise_alarm
from ivr.reminders.outbox.states import TextState, mark_handed_over, transition

Result = Accepted | Refused
_DOUBLINGS = 20
# What is found silent at once: a store takes only so many ids in one statement.
MOST_AT_ONCE = 1000


class ResultRecorder:
    """Writes results of hand-overs into the ledger. retry_seconds: the first wait, doubled each time."""

    def __init__(self, ledger: Ledger, vault: Vault, retry_seconds: float) -> None:
        self._ledger = ledger
        self._vault = vault
        self._retry = timedelta(seconds=retry_seconds)

    def record(self, results: Iterable[tuple[str, Result]], now: datetime) -> None:
        """Write what became of texts, by attempt id, in one short transaction."""
        by_attempt = dict(results)
        if not by_attempt:
            return
        with self._ledger.write() as connection:
            self._ledger.exclusive_lock(connection)
            rows = connection.execute(select(text).where(text.c.attempt.in_(by_attempt))).all()
            taken: dict[int, str] = {}
            for row in rows:
                result = by_attempt[row.attempt]
                if isinstance(result, Accepted):
                    taken[row.id] = result.sid
                else:
                    self._refused(connection, row, result, now)
            if taken:
                mark_handed_over(connection, taken, now)
                clear_alarm(connection, Alarm.SENDING_STOPPED, max(row.claimed_at for row in rows if row.id in taken))

    def _refused(self, connection: Connection, row: Row[Any], result: Refused, now: datetime) -> None:
        if result.kind is ErrorClass.UNCERTAIN:
            transition(connection, [row.id], TextState.UNCERTAIN, now, "no_answer")
        elif result.kind in (ErrorClass.TRANSIENT, ErrorClass.STOP):
            wait = min(self._retry * 2 ** min(row.tries - 1, _DOUBLINGS), LONGEST_WAIT)
            reschedule(connection, row, now, now + wait, f"error_{result.code}" if result.code else "not_sent")
            if result.kind is ErrorClass.STOP:
                told = f"error {result.code}" if result.code else result.detail
                raise_alarm(connection, Alarm.SENDING_STOPPED, now, f"The carrier refused us: {told}.")
        else:
            transition(connection, [row.id], TextState.FAILED, now, f"error_{result.code}", error_code=result.code)
            record_error_code(connection, self._vault, row.person_id, result.code, now)


def reschedule(connection: Connection, row: Row[Any], now: datetime, at: datetime, reason: str) -> None:
    """Give a text back to the plan, to be tried from `at` on, if it is still of use then."""
    moved = transition(connection, [row.id], TextState.PLANNED, now, reason, retry_at=at)
    if moved and row.appointment_id is not None:
        sooner = appointment.c.next_due_at.is_(None) | (appointment.c.next_due_at > at)
        connection.execute(
            update(appointment).where(appointment.c.id == row.appointment_id, sooner).values(next_due_at=at)
        )


def record_error_code(connection: Connection, vault: Vault, person_id: int, code: int | None, now: datetime) -> None:
    """What an error code tells about a person: a landline, or an opt-out that the carrier knows of."""
    if code == LANDLINE:
        connection.execute(update(person).where(person.c.id == person_id).values(landline=True))
    elif code is not None and CLASSES.get(code) is ErrorClass.OPTED_OUT:
        opt_out_person(connection, vault, person_id, now, "carrier", f"error {code}")


def expire_claims(ledger: Ledger, now: datetime, lease_seconds: float) -> int:
    """Claims without a sign of life for longer than the lease become uncertain. Returns how many."""
    is_silent = text.c.state == TextState.CLAIMED, text.c.claimed_at < now - timedelta(seconds=lease_seconds)
    silent = select(text.c.id).where(*is_silent).limit(MOST_AT_ONCE)
    with ledger.read() as connection:
        ids = list(connection.execute(silent).scalars())
    if not ids:
        return 0
    with ledger.write() as connection:
        # Meanwhile one may have been given back, and claimed anew by somebody who is alive.
        still = connection.execute(select(text.c.id).where(text.c.id.in_(ids), *is_silent)).scalars()
        return len(transition(connection, still, TextState.UNCERTAIN, now, "lease_expired"))
