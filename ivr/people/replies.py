"""What a patient answers to a reminder: that she comes, or that she wants another time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import Connection, select, update

from ivr.ledger import Vault
from ivr.ledger.tables import appointment, person

Answer = Literal["confirmed", "change"]


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
