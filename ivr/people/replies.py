"""Replies to a reminder: a confirmation, a request for another time, or a wrong number."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Connection, select, update

from ivr.ledger import Vault
from ivr.ledger.tables import appointment, person, text
from ivr.people.keywords import ReminderAnswer
from ivr.people.persons import get_or_create_persons
from ivr.people.work_items import add_work_item

# The stored answer when the number is not the patient's.
WRONG_NUMBER = "not_hers"
# How long after a reminder a bare yes still answers it.
REPLY_WINDOW = timedelta(hours=72)
ReplyResult = Literal["answered", "which", "cancelled", "past", "none"]


@dataclass(frozen=True)
class UpcomingAppointment:
    """An appointment. starts_at: UTC. timezone: the site's."""

    id: int
    person_id: int
    starts_at: datetime
    timezone: str
    site: str
    language: str | None


@dataclass(frozen=True)
class ReplyOutcome:
    """result: answered (appointments has that one), which (it has those to choose from), or why there is none."""

    result: ReplyResult
    appointments: tuple[UpcomingAppointment, ...] = ()


def record_reply(
    connection: Connection, vault: Vault, phone: str, now: datetime, answer: ReminderAnswer, which: int | None = None
) -> ReplyOutcome:
    """Store an answer with the one booked appointment ahead. which: counts them from 1, if there are several."""
    rows = _appointments(connection, vault, phone)
    ahead = [row for row in rows if row.status == "booked" and row.starts_at > now]
    if not ahead:
        return ReplyOutcome(_why_none(rows, now))
    if len(ahead) > 1 and not (which and 1 <= which <= len(ahead)):
        return ReplyOutcome("which", tuple(_appointment(row) for row in ahead))
    answered = _appointment(ahead[(which or 1) - 1 if len(ahead) > 1 else 0])
    connection.execute(
        update(appointment)
        .where(appointment.c.id == answered.id)
        .values(answer=answer, answered_at=now, updated_at=now)
    )
    if answer == "change":
        add_work_item(connection, "change", answered.person_id, answered.id, now)
    return ReplyOutcome("answered", (answered,))


def note_possible_cancellation(connection: Connection, vault: Vault, phone: str, now: datetime) -> bool:
    """Add work items after the text CANCEL, which opts out but may have meant an appointment. False: none is ahead."""
    ahead = [row for row in _appointments(connection, vault, phone) if row.status == "booked" and row.starts_at > now]
    for row in ahead:
        add_work_item(connection, "cancel", row.person_id, row.id, now)
    return bool(ahead)


def mark_wrong_number(connection: Connection, vault: Vault, phone: str, now: datetime) -> int:
    """Stop reminders of this number's appointments, which are not the patient's. Returns how many are ahead."""
    person_id = get_or_create_persons(connection, vault, [phone], now)[phone]
    ahead = (appointment.c.person_id == person_id) & (appointment.c.starts_at > now)
    ids = list(connection.execute(select(appointment.c.id).where(ahead)).scalars())
    # The answer is stored with the appointment, so that importing the same file again does not bring the texts back.
    connection.execute(
        update(appointment)
        .where(appointment.c.id.in_(ids))
        .values(answer=WRONG_NUMBER, answered_at=now, next_due_at=None, updated_at=now)
    )
    for appointment_row in ids or [None]:
        add_work_item(connection, "wrong-number", person_id, appointment_row, now)
    return len(ids)


def last_reminder_step(connection: Connection, vault: Vault, phone: str, now: datetime) -> str | None:
    """Return the plan's step of the last reminder to this number within REPLY_WINDOW."""
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


def _appointments(connection: Connection, vault: Vault, phone: str) -> list[Any]:
    """Return the rows of a number's appointments, soonest first, without those of a wrong number."""
    columns = (appointment.c[name] for name in ("id", "person_id", "starts_at", "timezone", "site", "language"))
    right_number = appointment.c.answer.is_distinct_from(WRONG_NUMBER)
    return list(
        connection.execute(
            select(*columns, appointment.c.status)
            .join(person, person.c.id == appointment.c.person_id)
            .where(person.c.phone_hash == vault.hash(phone), right_number)
            .order_by(appointment.c.starts_at, appointment.c.id)
        )
    )


def _why_none(rows: list[Any], now: datetime) -> ReplyResult:
    if any(row.status == "cancelled" and row.starts_at > now for row in rows):
        return "cancelled"
    return "past" if rows else "none"


def _appointment(row: Any) -> UpcomingAppointment:
    return UpcomingAppointment(row.id, row.person_id, row.starts_at, row.timezone, row.site, row.language)
