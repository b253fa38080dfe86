"""What is known about somebody who texts, read at once: opted out or not, her language, what she texted before."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, func, select

from ivr.ledger import Ledger, LedgerAway
from ivr.ledger.tables import appointment, person
from ivr.people.incoming import IncomingTexts, Received, ever_texted

_newest_language = (
    select(appointment.c.language)
    .where(appointment.c.person_id == person.c.id, appointment.c.language.is_not(None))
    .order_by(appointment.c.updated_at.desc(), appointment.c.id.desc())
    .limit(1)
    .scalar_subquery()
)
_somebody = select(person.c.opted_out_at, func.coalesce(person.c.language, _newest_language).label("language")).where(
    person.c.phone_hash == bindparam("phone_hash")
)


@dataclass(frozen=True)
class Known:
    """language: what she chose, else what her newest appointment says. past: her texts of the last hours, newest
    first. first: she never texted before. away: the ledger did not answer, and the rest is a guess.
    """

    past: list[Received]
    language: str | None = None
    opted_out_at: datetime | None = None
    first: bool = False
    away: bool = False


def known_about(ledger: Ledger, texts: IncomingTexts, phone_hash: str, now: datetime) -> Known:
    """What is known about a number, by its keyed hash."""
    try:
        with ledger.read() as connection:
            someone = connection.execute(_somebody, {"phone_hash": phone_hash}).first()
            past = texts.of(connection, phone_hash, now)
            first = not past and not ever_texted(connection, phone_hash)
    except LedgerAway:
        return Known(texts.of(None, phone_hash, now), away=True)
    if someone is None:
        return Known(past, first=first)
    return Known(past, someone.language, someone.opted_out_at, first)
