"""Which language a person speaks with the line: what she chose, else what her appointment says."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, func, select, update

from ivr.ledger import Vault
from ivr.ledger.tables import appointment, person
from ivr.people.persons import meet


def spoken_with(connection: Connection, vault: Vault, phone: str) -> str | None:
    """The language of a person by number (E.164); None when nothing tells."""
    newest = (
        select(appointment.c.language)
        .where(appointment.c.person_id == person.c.id, appointment.c.language.is_not(None))
        .order_by(appointment.c.updated_at.desc(), appointment.c.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    found: str | None = connection.execute(
        select(func.coalesce(person.c.language, newest)).where(person.c.phone_hash == vault.hash(phone))
    ).scalar_one_or_none()
    return found


def remember_language(connection: Connection, vault: Vault, phone: str, language: str, now: datetime) -> None:
    """From now on this person is spoken with in `language`."""
    someone = meet(connection, vault, [phone], now)[phone]
    connection.execute(update(person).where(person.c.id == someone).values(language=language))
