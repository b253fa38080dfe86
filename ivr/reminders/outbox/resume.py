"""Resumes sending once the carrier accepts our account again, instead of after the next probe."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select, update

from ivr.carrier.twilio.client import Carrier
from ivr.ledger import Ledger
from ivr.ledger.tables import appointment, text
from ivr.reminders.alarms import Alarm, clear_alarm, raised
from ivr.reminders.outbox.text_states import TextState


def try_sending_again(ledger: Ledger, now: datetime) -> bool:
    """Clear SENDING_STOPPED, and make the texts that it put off due now. Returns False if it was not raised.

    If the carrier still refuses our texts, the next one raises the alarm again, and none fails.
    """
    with ledger.read() as connection:
        if Alarm.SENDING_STOPPED not in raised(connection):
            return False
    with ledger.write() as connection:
        ledger.exclusive_lock(connection)
        stopped_at = raised(connection).get(Alarm.SENDING_STOPPED)
        if stopped_at is None:
            return False
        put_off = text.c.state == TextState.PLANNED, text.c.updated_at >= stopped_at, text.c.retry_at > now
        appointments = select(text.c.appointment_id).where(*put_off, text.c.appointment_id.is_not(None))
        connection.execute(update(appointment).where(appointment.c.id.in_(appointments)).values(next_due_at=now))
        connection.execute(update(text).where(*put_off).values(retry_at=now))
        # An alarm with a time in the future comes from a clock that was wrong.
        clear_alarm(connection, Alarm.SENDING_STOPPED, max(stopped_at, now))
        return True


def resume_if_accepted(ledger: Ledger, carrier: Carrier, now: datetime) -> str | None:
    """Try sending again if the carrier accepts our credentials. Returns what to do if it refuses them, else None.

    Makes one request, and none while sending is not stopped. Raises one of UNREACHABLE.
    """
    with ledger.read() as connection:
        if Alarm.SENDING_STOPPED not in raised(connection):
            return None
    refusal = carrier.check_credentials()
    if refusal is None:
        try_sending_again(ledger, now)
    return refusal
