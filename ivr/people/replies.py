"""What a patient answers to a reminder: that she comes, that she wants another time, that it is not her number."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Connection, select, update

from ivr.ledger import Vault
from ivr.ledger.tables import appointment, person, text
from ivr.people.keywords import ReminderAnswer
from ivr.people.persons import get_or_create_persons
from ivr.people.todos import add_work_item

# The answer of a stranger whose number a visit was given.
WRONG_NUMBER = "not_hers"
# How long a reminder that asks waits for a bare yes.
ASKED_WITHIN = timedelta(hours=72)
ReplyResult = Literal["answered", "which", "cancelled", "past", "none"]


@dataclass(frozen=True)
class UpcomingAppointment:
    """An appointment. starts_at is in UTC; timezone is the site's."""

    id: int
    person_id: int
    starts_at: datetime
    timezone: str
    site: str
    language: str | None


@dataclass(frozen=True)
class ReplyOutcome:
    """What became of an answer. found: answered (for the one visit), which (of these?), or why there is none."""

    found: ReplyResult
    visits: tuple[UpcomingAppointment, ...] = ()


def record_reply(
    connection: Connection, vault: Vault, phone: str, now: datetime, answer: ReminderAnswer, which: int | None = None
) -> ReplyOutcome:
    """Keep an answer with the one visit that stands and is ahead. which: counted from 1, where there are more."""
    visits = _visits(connection, vault, phone)
    ahead = [visit for visit in visits if visit.status == "booked" and visit.starts_at > now]
    if not ahead:
        return ReplyOutcome(_why_none(visits, now))
    if len(ahead) > 1 and not (which and 1 <= which <= len(ahead)):
        return ReplyOutcome("which", tuple(_visit(row) for row in ahead))
    visit = _visit(ahead[(which or 1) - 1 if len(ahead) > 1 else 0])
    connection.execute(
        update(appointment).where(appointment.c.id == visit.id).values(answer=answer, answered_at=now, updated_at=now)
    )
    if answer == "change":
        add_work_item(connection, "change", visit.person_id, visit.id, now)
    return ReplyOutcome("answered", (visit,))


def note_possible_cancellation(connection: Connection, vault: Vault, phone: str, now: datetime) -> bool:
    """She texted CANCEL, which ended her texts; if a visit is ahead, she may have meant that: schedulers look at it."""
    ahead = [row for row in _visits(connection, vault, phone) if row.status == "booked" and row.starts_at > now]
    for row in ahead:
        add_work_item(connection, "cancel", row.person_id, row.id, now)
    return bool(ahead)


def mark_wrong_number(connection: Connection, vault: Vault, phone: str, now: datetime) -> int:
    """The number is not the patient's: no more texts about the visits that it was given for. Returns how many."""
    someone = get_or_create_persons(connection, vault, [phone], now)[phone]
    hers = (appointment.c.person_id == someone) & (appointment.c.starts_at > now)
    ids = list(connection.execute(select(appointment.c.id).where(hers)).scalars())
    # The answer stays with the visit, so that the same file again does not bring the texts back.
    connection.execute(
        update(appointment)
        .where(appointment.c.id.in_(ids))
        .values(answer=WRONG_NUMBER, answered_at=now, next_due_at=None, updated_at=now)
    )
    for number in ids or [None]:
        add_work_item(connection, "wrong-number", someone, number, now)
    return len(ids)


def last_reminder_step(connection: Connection, vault: Vault, phone: str, now: datetime) -> str | None:
    """The plan's step whose text was the last that this number was sent, within 72 hours."""
    sent = (
        select(text.c.step)
        .join(person, person.c.id == text.c.person_id)
        .where(
            person.c.phone_hash == vault.hash(phone),
            text.c.appointment_id.is_not(None),
            text.c.state.in_(("handed_over", "delivered", "no_receipt", "uncertain")),
            text.c.claimed_at > now - ASKED_WITHIN,
        )
        .order_by(text.c.claimed_at.desc())
        .limit(1)
    )
    step: str | None = connection.execute(sent).scalar_one_or_none()
    return step


def _visits(connection: Connection, vault: Vault, phone: str) -> list[Any]:
    """The visits of a number, soonest first, without those that were never hers."""
    columns = (appointment.c[name] for name in ("id", "person_id", "starts_at", "timezone", "site", "language"))
    hers = (person.c.phone_hash == vault.hash(phone)) & appointment.c.answer.is_distinct_from(WRONG_NUMBER)
    return list(
        connection.execute(
            select(*columns, appointment.c.status)
            .join(person, person.c.id == appointment.c.person_id)
            .where(hers)
            .order_by(appointment.c.starts_at, appointment.c.id)
        )
    )


def _why_none(visits: list[Any], now: datetime) -> ReplyResult:
    if any(visit.status == "cancelled" and visit.starts_at > now for visit in visits):
        return "cancelled"
    return "past" if visits else "none"


def _visit(row: Any) -> UpcomingAppointment:
    return UpcomingAppointment(row.id, row.person_id, row.starts_at, row.timezone, row.site, row.language)
