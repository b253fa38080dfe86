"""What is known about somebody who texts, read at once: opted out or not, her language, what she texted before."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import String, bindparam, func, select

from ivr.ledger import Ledger, LedgerUnavailable
from ivr.ledger.prepared_sql import PreparedQueries
from ivr.ledger.tables import appointment, incoming_text, person
from ivr.people.inbound.incoming import MOST, AnsweredText, IncomingTextLog

_newest_language = (
    select(appointment.c.language)
    .where(appointment.c.person_id == person.c.id, appointment.c.language.is_not(None))
    .order_by(appointment.c.updated_at.desc(), appointment.c.id.desc())
    .limit(1)
    .scalar_subquery()
)
_her = bindparam("phone_hash", type_=String)
_person = select(person.c.opted_out_at, func.coalesce(person.c.language, _newest_language).label("language")).where(
    person.c.phone_hash == _her
)
_latest = (
    select(*(incoming_text.c[name] for name in ("id", "at", "asked", "outcome", "replies_sealed")))
    .where(incoming_text.c.phone_hash == _her)
    .order_by(incoming_text.c.at.desc())
    .limit(MOST)
)


@dataclass(frozen=True)
class SenderProfile:
    """language: what she chose, else what her newest appointment says. past: her texts of the last hours, newest
    first. first: she never texted before. away: the ledger did not answer, and the rest is a guess.
    """

    past: list[AnsweredText]
    language: str | None = None
    opted_out_at: datetime | None = None
    first: bool = False
    away: bool = False


_NOBODY = SenderProfile([])


class ProfileReader:
    """What one web process can tell about numbers."""

    def __init__(self, ledger: Ledger, texts: IncomingTextLog) -> None:
        self._questions = PreparedQueries(ledger, _person, _latest)
        self._texts = texts

    def of(self, phone_hash: str, now: datetime) -> SenderProfile:
        """What is known about a number, by its keyed hash."""
        try:
            persons, written = self._questions.ask(phone_hash=phone_hash)
        except LedgerUnavailable:
            return SenderProfile(self._texts.of(phone_hash, [], now), away=True)
        past = self._texts.of(phone_hash, written, now)
        known = persons[0] if persons else _NOBODY
        return SenderProfile(past, known.language, known.opted_out_at, first=not written and not past)
