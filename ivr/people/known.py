"""What is known about somebody who texts, read at once: opted out or not, her language, what she texted before."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import String, bindparam, func, literal, select

from ivr.ledger import Ledger, LedgerAway
from ivr.ledger.swift import Question
from ivr.ledger.tables import appointment, incoming_text, person
from ivr.people.incoming import MOST, IncomingTexts, Received

_newest_language = (
    select(appointment.c.language)
    .where(appointment.c.person_id == person.c.id, appointment.c.language.is_not(None))
    .order_by(appointment.c.updated_at.desc(), appointment.c.id.desc())
    .limit(1)
    .scalar_subquery()
)
# One row at least, whoever it is; one for each of her latest texts. A statement costs more than what it finds.
_asked = select(bindparam("phone_hash", type_=String).label("phone_hash")).subquery()
_latest = (
    select(incoming_text)
    .where(incoming_text.c.phone_hash == bindparam("phone_hash"))
    .order_by(incoming_text.c.at.desc())
    .limit(MOST)
    .subquery()
)
_everything = select(
    person.c.opted_out_at,
    func.coalesce(person.c.language, _newest_language).label("language"),
    *(_latest.c[name] for name in ("id", "at", "asked", "outcome", "replies_sealed")),
).select_from(
    _asked.outerjoin(person, person.c.phone_hash == _asked.c.phone_hash).outerjoin(_latest, literal(value=True))
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


class Knowledge:
    """What one web process can tell about numbers."""

    def __init__(self, ledger: Ledger, texts: IncomingTexts) -> None:
        self._question = Question(ledger, _everything)
        self._texts = texts

    def of(self, phone_hash: str, now: datetime) -> Known:
        """What is known about a number, by its keyed hash."""
        try:
            rows = self._question.ask(phone_hash=phone_hash)
        except LedgerAway:
            return Known(self._texts.of(phone_hash, [], now), away=True)
        written = [row for row in rows if row.id]
        past = self._texts.of(phone_hash, written, now)
        return Known(past, rows[0].language, rows[0].opted_out_at, first=not written and not past)
