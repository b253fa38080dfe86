"""Records the results of hand-overs: accepted, refused, or uncertain. Expired claims become uncertain too."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, select, update

from ivr.carrier.twilio.client import Accepted, Refused
from ivr.carrier.twilio.errors import CLASSES, LANDLINE, ErrorClass
from ivr.i18n import N_, sentence
from ivr.ledger import Ledger, Vault
from ivr.ledger.tables import appointment, person, text
from ivr.people.persons import opt_out_person
from ivr.reminders.alarms import MAX_RETRY_DELAY, Alarm, clear_alarm, raise_alarm
from ivr.reminders.outbox.text_states import TextState, mark_handed_over, transition

Result = Accepted | Refused
_MAX_DOUBLINGS = 20
_REFUSED_CODE = N_("The carrier refuses our texts: error {code}.")
_REFUSED = N_("The carrier refuses our texts: {error}.")
# Ids per statement; databases limit the number of parameters.
MAX_IDS = 1000


class ResultRecorder:
    """Writes the results of hand-overs. retry_seconds: the first back-off, which doubles with each attempt."""

    def __init__(self, ledger: Ledger, vault: Vault, retry_seconds: float) -> None:
        self._ledger = ledger
        self._vault = vault
        self._retry = timedelta(seconds=retry_seconds)

    def record(self, results: Iterable[tuple[str, Result]], now: datetime) -> None:
        """Write (attempt id, result) pairs in one short transaction."""
        by_attempt = dict(results)
        if not by_attempt:
            return
        with self._ledger.write() as connection:
            self._ledger.exclusive_lock(connection)
            rows = connection.execute(select(text).where(text.c.attempt.in_(by_attempt))).all()
            accepted: dict[int, str] = {}
            for row in rows:
                result = by_attempt[row.attempt]
                if isinstance(result, Accepted):
                    accepted[row.id] = result.sid
                else:
                    self._record_refusal(connection, row, result, now)
            if accepted:
                mark_handed_over(connection, accepted, now)
                newest = max(row.claimed_at for row in rows if row.id in accepted)
                clear_alarm(connection, Alarm.SENDING_STOPPED, newest)

    def _record_refusal(self, connection: Connection, row: Row[Any], result: Refused, now: datetime) -> None:
        if result.kind is ErrorClass.UNCERTAIN:
            transition(connection, [row.id], TextState.UNCERTAIN, now, "no_answer")
        elif result.kind in (ErrorClass.TRANSIENT, ErrorClass.STOP):
            delay = min(self._retry * 2 ** min(row.tries - 1, _MAX_DOUBLINGS), MAX_RETRY_DELAY)
            reschedule(connection, row, now, now + delay, f"error_{result.code}" if result.code else "not_sent")
            if result.kind is ErrorClass.STOP:
                detail = (
                    sentence(_REFUSED_CODE, code=result.code)
                    if result.code
                    else sentence(_REFUSED, error=result.detail)
                )
                raise_alarm(connection, Alarm.SENDING_STOPPED, now, detail)
        else:
            transition(connection, [row.id], TextState.FAILED, now, f"error_{result.code}", error_code=result.code)
            record_error_code(connection, self._vault, row.person_id, result.code, now)


def reschedule(connection: Connection, row: Row[Any], now: datetime, retry_at: datetime, reason: str) -> None:
    """Plan a text again, to be retried from `retry_at` on if it is still useful then."""
    changed = transition(connection, [row.id], TextState.PLANNED, now, reason, retry_at=retry_at)
    if changed and row.appointment_id is not None:
        due_later = appointment.c.next_due_at.is_(None) | (appointment.c.next_due_at > retry_at)
        connection.execute(
            update(appointment).where(appointment.c.id == row.appointment_id, due_later).values(next_due_at=retry_at)
        )


def record_error_code(connection: Connection, vault: Vault, person_id: int, code: int | None, now: datetime) -> None:
    """Record what an error code says about a person: a landline, or an opt-out at the carrier."""
    if code == LANDLINE:
        connection.execute(update(person).where(person.c.id == person_id).values(landline=True))
    elif code is not None and CLASSES.get(code) is ErrorClass.OPTED_OUT:
        opt_out_person(connection, vault, person_id, now, "carrier", f"error {code}")


def expire_claims(ledger: Ledger, now: datetime, lease_seconds: float) -> int:
    """Make claims whose lease has expired uncertain. Returns how many."""
    is_expired = text.c.state == TextState.CLAIMED, text.c.claimed_at < now - timedelta(seconds=lease_seconds)
    with ledger.read() as connection:
        ids = list(connection.execute(select(text.c.id).where(*is_expired).limit(MAX_IDS)).scalars())
    if not ids:
        return 0
    with ledger.write() as connection:
        # A worker that records results locks texts in the order of their results: a deadlock without this lock.
        ledger.exclusive_lock(connection)
        # Meanwhile a live worker may have planned a text again and claimed it.
        still = connection.execute(select(text.c.id).where(text.c.id.in_(ids), *is_expired)).scalars()
        return len(transition(connection, still, TextState.UNCERTAIN, now, "lease_expired"))
