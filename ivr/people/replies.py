"""What a patient answers to a reminder: that she comes, or that she wants another time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select, update

from ivr.ledger import Vault
from ivr.ledger.tables import appointment, person
from ivr.people.keywords import Answer

# The answer of a stranger whose number a visit was given.
NOT_HERS = "not_hers"


@dataclass(frozen=True)
class Visit:
    """An appointment that stands and is ahead. starts_at is in UTC; timezone is the site's."""

    id: int
    starts_at: datetime
    timezone: str
    site: str
    language: str | None


def answer_next_visit(connection: Connection, vault: Vault, phone: str, now: datetime, answer: Answer) -> Visit | None:
    """Keep an answer with the person's next standing appointment; None when there is none ahead."""
    row = connection.execute(
        select(
            appointment.c.id,
            appointment.c.starts_at,
            appointment.c.timezone,
            appointment.c.site,
            appointment.c.language,
        )
        .join(person, person.c.id == appointment.c.person_id)
        .where(
            person.c.phone_hash == vault.hash(phone),
            appointment.c.status == "booked",
            appointment.c.starts_at > now,
            appointment.c.answer.is_distinct_from(NOT_HERS),
        )
        .order_by(appointment.c.starts_at)
        .limit(1)
    ).first()
    if row is None:
        return None
    connection.execute(
        update(appointment).where(appointment.c.id == row.id).values(answer=answer, answered_at=now, updated_at=now)
    )
    return Visit(row.id, row.starts_at, row.timezone, row.site, row.language)


def not_hers(connection: Connection, vault: Vault, phone: str, now: datetime) -> int:
    """The number is not the patient's: no more texts about the visits that it was given for. Returns how many."""
    # The answer stays with the visit, so that the same file again does not bring the texts back.
    owner = select(person.c.id).where(person.c.phone_hash == vault.hash(phone)).scalar_subquery()
    changed = connection.execute(
        update(appointment)
        .where(appointment.c.person_id == owner, appointment.c.starts_at > now)
        .values(answer=NOT_HERS, answered_at=now, next_due_at=None, updated_at=now)
    )
    return int(changed.rowcount)
