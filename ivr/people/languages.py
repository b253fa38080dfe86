"""The language that a person chose."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, update

from ivr.ledger import Vault
from ivr.ledger.tables import person
from ivr.people.persons import get_or_create_persons


def remember_language(connection: Connection, vault: Vault, phone: str, language: str, now: datetime) -> None:
    """Use `language` with this number from now on."""
    person_id = get_or_create_persons(connection, vault, [phone], now)[phone]
    connection.execute(update(person).where(person.c.id == person_id).values(language=language))
