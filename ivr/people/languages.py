"""Which language a person chose to speak with the line."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, update

from ivr.ledger import Vault
from ivr.ledger.tables import person
from ivr.people.persons import get_or_create_persons


def remember_language(connection: Connection, vault: Vault, phone: str, language: str, now: datetime) -> None:
    """From now on this person is spoken with in `language`."""
    someone = get_or_create_persons(connection, vault, [phone], now)[phone]
    connection.execute(update(person).where(person.c.id == someone).values(language=language))
