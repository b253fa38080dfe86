"""The profile of a sender: consent, language and recent texts, read together before each reply."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import String, bindparam, func, literal, select, true

from ivr.ledger import Ledger, LedgerUnavailable
from ivr.ledger.breaker import CircuitBreaker
from ivr.ledger.prepared_sql import PreparedQueries
from ivr.ledger.tables import appointment, incoming_text, person
from ivr.ledger.types import UtcDateTime
from ivr.people.inbound.incoming import LOOK_BACK, MAX_TEXTS, AnsweredText, IncomingTextLog

_newest_language = (
    select(appointment.c.language)
    .where(appointment.c.person_id == person.c.id, appointment.c.language.is_not(None))
    .order_by(appointment.c.updated_at.desc(), appointment.c.id.desc())
    .limit(1)
    .scalar_subquery()
)
_phone_hash = bindparam("phone_hash", type_=String)
_log_columns = [incoming_text.c[name] for name in ("id", "at", "asked", "outcome", "replies_sealed")]
_recent_texts = (
    select(*_log_columns)
    .where(incoming_text.c.phone_hash == _phone_hash)
    .order_by(incoming_text.c.at.desc())
    .limit(MAX_TEXTS)
)
_recent = _recent_texts.subquery("recent")
# One statement: a row for each recent text, and one row without a text if there is none.
_one = select(literal(1).label("one")).subquery("one")
_person_and_recent_texts = select(
    person.c.id.label("person_id"),
    person.c.opted_out_at,
    func.coalesce(person.c.language, _newest_language.correlate(person)).label("language"),
    *_recent.c,
).select_from(_one.outerjoin(person, person.c.phone_hash == _phone_hash).outerjoin(_recent, true()))
# A sender's machine may send more texts within LOOK_BACK than MAX_TEXTS; the answers are what limits it.
_answered_texts = _recent_texts.where(
    incoming_text.c.at > bindparam("since", type_=UtcDateTime), incoming_text.c.replies_sealed.is_not(None)
)


@dataclass(frozen=True)
class SenderProfile:
    """recent: newest first. language: the one chosen, else the newest appointment's. is_new: has never texted before.

    is_person: whether the database has the number, as it has that of everybody with an appointment. Without the
    database, only `recent` is known, and `is_known` is False.
    """

    recent: list[AnsweredText]
    language: str | None = None
    opted_out_at: datetime | None = None
    is_new: bool = False
    is_person: bool = False
    is_known: bool = True


class ProfileReader:
    """Reads profiles for one web process."""

    def __init__(self, ledger: Ledger, texts: IncomingTextLog) -> None:
        self._query = PreparedQueries(ledger, _person_and_recent_texts)
        self._answered = PreparedQueries(ledger, _answered_texts)
        self._texts = texts
        self._breaker = CircuitBreaker()

    def profile(self, phone_hash: str, now: datetime, text_id: str = "") -> SenderProfile:
        """Return the profile for the keyed hash of a number. text_id: of a text that may have come before."""
        if not self._breaker.admits():
            return self.without_database(phone_hash, now, text_id)
        try:
            (found,) = self._query.fetch(phone_hash=phone_hash)
            rows = [row for row in found if row.id is not None]
            answered = self._older_answers(phone_hash, now) if len(rows) == MAX_TEXTS else ()
        except LedgerUnavailable:
            self._breaker.trip()
            return self.without_database(phone_hash, now, text_id)
        self._breaker.reset()
        recent = self._texts.recent(phone_hash, [*rows, *answered], now, text_id)
        known = found[0]
        is_new, is_person = not rows and not recent, known.person_id is not None
        return SenderProfile(recent, known.language, known.opted_out_at, is_new=is_new, is_person=is_person)

    def _older_answers(self, phone_hash: str, now: datetime) -> Sequence[Any]:
        """Return the answered texts among those before the newest MAX_TEXTS, and among these."""
        (answered,) = self._answered.fetch(phone_hash=phone_hash, since=now - LOOK_BACK)
        return answered

    def without_database(self, phone_hash: str, now: datetime, text_id: str = "") -> SenderProfile:
        """Return what this process remembers of a number."""
        return SenderProfile(self._texts.recent(phone_hash, [], now, text_id), is_known=False)
