"""Stores replies to a reminder: a confirmation, a request for another time, or a wrong number."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import Connection, String, bindparam, delete, insert, select, update

from ivr.ledger import Vault
from ivr.ledger.prepared_sql import PreparedStatement
from ivr.ledger.tables import appointment, appointment_change, offered_choice, person, text
from ivr.people.keywords import ReminderAnswer
from ivr.people.persons import get_or_create_persons
from ivr.people.webhooks import Data, EventKind, publish
from ivr.people.work_items import add_work_item

# The stored answer for a number that is not the patient's.
WRONG_NUMBER = "not_hers"
# What an answer begins with among the changes of its appointment.
ANSWERED = "answer:"
# How long a bare yes counts as an answer to a reminder, and a number names an appointment of the last list.
REPLY_WINDOW = timedelta(hours=72)
MAX_CHOICES = 4
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


_OF_NUMBER = PreparedStatement(
    select(*(appointment.c[field.name] for field in fields(PatientAppointment)))
    .join(person, person.c.id == appointment.c.person_id)
    .where(
        person.c.phone_hash == bindparam("phone_hash", type_=String),
        appointment.c.answer.is_distinct_from(WRONG_NUMBER),
    )
    .order_by(appointment.c.starts_at, appointment.c.id)
)


@dataclass(frozen=True)
class ReplyOutcome:
    """appointments: the answered one, those to choose from if the result is `which`, else none; the result says why.

    Appointments at one time and site are one choice, represented by the first.
    """

    result: ReplyResult
    appointments: tuple[PatientAppointment, ...] = ()


# Appointments of one number at one time and site: they are answered together.
Choice = tuple[PatientAppointment, ...]


def record_reply(  # noqa: PLR0913 - a spooled reply has no list to remember
    connection: Connection,
    vault: Vault,
    phone: str,
    now: datetime,
    answer: ReminderAnswer,
    which: int | None = None,
    *,
    offers: bool = True,
) -> ReplyOutcome:
    """Store the answer to the upcoming appointment.

    which: a number, from 1, of the list that was last texted to the sender. offers: whether the list of a `which`
    result is texted now, so that later replies refer to it.
    """
    appointments = _appointments(connection, vault, phone)
    choices = _choices([each for each in appointments if _is_upcoming(each, now)])
    result = _without_choice(appointments, now) if not choices else "which"
    chosen = choices[0] if len(choices) == 1 else None
    if which and choices:
        chosen, result = _listed_choice(connection, appointments, which, now, only=chosen)
    if chosen:
        _store_answer(connection, chosen, answer, now)
        return ReplyOutcome("answered", chosen[:1])
    if result != "which":
        return ReplyOutcome(result)
    if offers:
        _remember_choices(connection, choices[:MAX_CHOICES], now)
    elif answer == "change":
        # The sender was promised that it is passed on, and nobody asks which one they mean.
        add_work_item(connection, "change", choices[0][0].person_id, None, now)
    return ReplyOutcome("which", tuple(choice[0] for choice in choices[:MAX_CHOICES]))


def _listed_choice(
    connection: Connection, appointments: list[PatientAppointment], which: int, now: datetime, only: Choice | None
) -> tuple[Choice | None, ReplyResult]:
    """Return what a number means in the last list, or why it cannot be answered.

    only: the answer if no list was ever texted.
    """
    persons = {each.person_id for each in appointments}
    row = connection.execute(select(offered_choice).where(offered_choice.c.person_id.in_(persons))).first()
    if row is None:
        return only, "which"
    listed = json.loads(row.choices)
    if row.at <= now - REPLY_WINDOW or which > len(listed):
        return None, "which"
    ids, starts_at = listed[which - 1]
    chosen = tuple(each for each in appointments if each.id in ids)
    if len(chosen) < len(ids) or any(each.starts_at.isoformat() != starts_at for each in chosen):
        return None, "which"
    upcoming = tuple(each for each in chosen if _is_upcoming(each, now))
    return (upcoming, "which") if upcoming else (None, _without_choice(chosen, now))


def _choices(upcoming: list[PatientAppointment]) -> list[Choice]:
    by_place: dict[object, list[PatientAppointment]] = {}
    for each in upcoming:
        by_place.setdefault((each.starts_at, each.site, each.timezone), []).append(each)
    return [tuple(choice) for choice in by_place.values()]


def _remember_choices(connection: Connection, choices: list[Choice], now: datetime) -> None:
    person_id = choices[0][0].person_id
    listed = [[[each.id for each in choice], choice[0].starts_at.isoformat()] for choice in choices]
    connection.execute(delete(offered_choice).where(offered_choice.c.person_id == person_id))
    connection.execute(insert(offered_choice).values(person_id=person_id, at=now, choices=json.dumps(listed)))


def _store_answer(connection: Connection, chosen: Choice, answer: ReminderAnswer, now: datetime) -> None:
    values = {"answer": answer, "answered_at": now, "updated_at": now}
    ids = [each.id for each in chosen]
    connection.execute(update(appointment).where(appointment.c.id.in_(ids)).values(values))
    _keep_in_history(connection, ids, answer, now)
    if answer == "change":
        for each in chosen:
            add_work_item(connection, "change", each.person_id, each.id, now)
    kind = EventKind.CHANGE_ASKED if answer == "change" else EventKind.CONFIRMED
    publish(connection, kind, now, lambda: _answered(connection, chosen))


def _keep_in_history(connection: Connection, ids: Sequence[int], answer: str, now: datetime) -> None:
    """The appointment itself has only the last answer, and none after it has moved."""
    rows = [{"appointment_id": each, "at": now, "source": "", "what": ANSWERED + answer} for each in ids]
    connection.execute(insert(appointment_change), rows)


def _answered(connection: Connection, chosen: Choice) -> list[Data]:
    """The data of events about answered appointments."""
    rows = select(appointment.c.appointment_id).where(appointment.c.id.in_([each.id for each in chosen]))
    return [{"appointment_id": appointment_id} for appointment_id in connection.execute(rows).scalars()]


def _without_choice(appointments: Sequence[PatientAppointment], now: datetime) -> ReplyResult:
    """Return why none of these appointments can be answered."""
    if any(each.status == "cancelled" and each.starts_at > now for each in appointments):
        return "cancelled"
    return "past" if appointments else "none"


def note_possible_cancellation(connection: Connection, vault: Vault, phone: str, now: datetime) -> bool:
    """Add work items after CANCEL, which opts out but may have meant an appointment. False: none is upcoming."""
    upcoming = [each for each in _appointments(connection, vault, phone) if _is_upcoming(each, now)]
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
    if ids:
        _keep_in_history(connection, ids, WRONG_NUMBER, now)
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
    rows = _OF_NUMBER.rows(connection, phone_hash=vault.hash(phone))
    return [PatientAppointment(**vars(row)) for row in rows]


def _is_upcoming(each: PatientAppointment, now: datetime) -> bool:
    return each.status == "booked" and each.starts_at > now
