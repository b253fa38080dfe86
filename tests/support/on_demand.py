"""Requested texts for tests: a caller asks for a topic, and a worker claims it."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import update

from ivr.ledger.tables import person, text
from ivr.people.persons import opt_in, opt_out
from ivr.reminders.outbox.on_demand import OnDemandResult, RequestLimits, TextRequest, claim_on_demand, request_text
from tests.support.clinic import NOW

JANE = "+16035550101"
CALL, OTHER_CALL = "CA" + "1" * 32, "CA" + "2" * 32
REQUEST = TextRequest(JANE, "cancer", "en", CALL, "token 1")
LIMITS = RequestLimits(per_number=8, per_hour=200)
LATER = NOW + timedelta(minutes=1)


def ask(clinic, request=REQUEST, now=NOW, limits=LIMITS) -> OnDemandResult:
    with clinic.ledger.write() as connection:
        return request_text(connection, clinic.vault, request, now, limits)


def claim(clinic, now=NOW, limit=500, **more):
    return claim_on_demand(clinic.ledger, clinic.vault, clinic.content, now, limit, **more)


def store_jane(clinic, **values):
    """Store Jane as a person with these column values."""
    with clinic.ledger.write() as connection:
        opt_in(connection, clinic.vault, JANE, NOW, "text", "START")
        connection.execute(update(person).values(**values))


def opt_jane_out(clinic):
    with clinic.ledger.write() as connection:
        opt_out(connection, clinic.vault, JANE, NOW, "text", "STOP")


def requested_texts(clinic):
    return clinic.all(text, text.c.asked_in.is_not(None))


def the_text(clinic):
    (text_row,) = requested_texts(clinic)
    return text_row
