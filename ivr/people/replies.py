"""Stores replies to a reminder: a confirmation, a request for another time, or a wrong number."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import Connection, select, update

from ivr.ledger import Vault
from ivr.ledger.tables import appointment, person, text
from ivr.people.keywords import ReminderAnswer
from ivr.people.persons import get_or_create_persons
from ivr.people.work_items import add_work_item

# The stored answer for a number that is not the patient's.
WRONG_NUMBER = "not_hers"
# How long a bare yes counts as an answer to a reminder.
REPLY_WINDOW = timedelta(hours=72)
ReplyResult = Literal["answered", "which", "cancelled", "past", "none"]


@dataclass(frozen=True)
class PatientAppointment:
    """An appointment of a number. starts_at: UTC. timezone: the site's."""

    id: int
    person_id: int
    starts_at: datetime
    timezone: str
    site: str
    language: str | None
    status: str


@dataclass(frozen=True)
class ReplyOutcome:
    """appointments: the one answered, those to choose from if the result is `which`, else none; the result says why."""

    result: ReplyResult
    appointments: tuple[PatientAppointment, ...] = ()


def record_reply(
    connection: Connection, vault: Vault, phone: str, now: datetime, answer: ReminderAnswer, which: int | None = None
) -> ReplyOutcome:
    """Store the answer to the upcoming appointment. which: its number, from 1, if there are several."""
    appointments = _appointments(connection, vault, phone)
    upcoming = _upcoming(appointments, now)
    if not upcoming:
        cancelled = any(each.status == "cancelled" and each.starts_at > now for each in appointments)
        return ReplyOutcome("cancelled" if cancelled else "past" if appointments else "none")
    if len(upcoming) > 1 and not (which and 1 <= which <= len(upcoming)):
        return ReplyOutcome("which", tuple(upcoming))
    answered = upcoming[(which or 1) - 1 if len(upcoming) > 1 else 0]
    connection.execute(
        update(appointment)
        .where(appointment.c.id == answered.id)
        .values(answer=answer, answered_at=now, updated_at=now)
    )
    if answer == "change":
        add_work_item(connection, "change", answered.person_id, answered.id, now)
    return ReplyOutcome("answered", (answered,))


def note_possible_cancellation(connection: Connection, vault: Vault, phone: str, now: datetime) -> bool:
    """Add work items after CANCEL, which opts out but may have meant an appointment. False: none is upcoming."""
    upcoming = _upcoming(_appointments(connection, vault, phone), now)
    for each in upcoming:
        add_work_item(connection, "cancel", each.person_id, each.id, now)
    return bool(upcoming)


def mark_wrong_number(connection: Connection, vault: Vault, phone: str, now: datetime) -> int:
    """Stop the reminders to a number that is not the patient's. Returns the count of upcoming appointments."""
    person_id = get_or_create_persons(connection, vault, [phone], now)[phone]
    upcoming = (appointment.c.person_id == person_id) & (appointment.c.starts_at > now)
    ids = list(connection.execute(select(appointment.c.id).where(upcoming)).scalars())
    # The answer stays with the appointment, so that importing the same file again does not resume the reminders.
    connection.execute(
        update(appointment)
        .where(appointment.c.id.in_(ids))
        .values(answer=WRONG_NUMBER, answered_at=now, next_due_at=None, updated_at=now)
    )
    for appointment_row in ids or [None]:
        add_work_item(connection, "wrong-number", person_id, appointment_row, now)
    return len(ids)


def last_reminder_step(connection: Connection, vault: Vault, phone: str, now: datetime) -> str | None:
    """Return the step id of the last reminder sent to this number within REPLY_WINDOW."""
    last = (
        select(text.c.step)
        .join(person, person.c.id == text.c.person_id)
        .where(
            person.c.phone_hash == vault.hash(phone),
            text.c.appointment_id.is_not(None),
            text.c.state.in_(("handed_over", "delivered", "no_receipt", "uncertain")),
            text.c.claimed_at > now - REPLY_WINDOW,
        )
        .order_by(text.c.claimed_at.desc())
        .limit(1)
    )
    step: str | None = connection.execute(last).scalar_one_or_none()
    return step


def _appointments(connection: Connection, vault: Vault, phone: str) -> list[PatientAppointment]:
    """Return a number's appointments, soonest first, except those whose patient has another number."""
    columns = (appointment.c[field.name] for field in fields(PatientAppointment))
    rows = connection.execute(
        select(*columns)
        .join(person, person.c.id == appointment.c.person_id)
        .where(person.c.phone_hash == vault.hash(phone), appointment.c.answer.is_distinct_from(WRONG_NUMBER))
        .order_by(appointment.c.starts_at, appointment.c.id)
    )
    return [PatientAppointment(*row) for row in rows]


def _upcoming(appointments: list[PatientAppointment], now: datetime) -> list[PatientAppointment]:
    return [each for each in appointments if each.status == "booked" and each.starts_at > now]
