"""Texts as callers ask for them, for tests."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import update

from ivr.ledger.tables import person, text
from ivr.people.persons import opt_in, opt_out
from ivr.reminders.outbox.on_demand import OnDemandResult, TextRequest, claim_on_demand, request_text
from tests.support.clinic import NOW

JANE = "+16035550101"
CALL, OTHER_CALL = "CA" + "1" * 32, "CA" + "2" * 32
WISH = TextRequest(JANE, "cancer", "en", CALL, "token 1")
LATER = NOW + timedelta(minutes=1)


def ask(clinic, wish=WISH, now=NOW) -> OnDemandResult:
    with clinic.ledger.write() as connection:
        return request_text(connection, clinic.vault, wish, now)


def claim(clinic, now=NOW, limit=500, **more):
    return claim_on_demand(clinic.ledger, clinic.vault, clinic.content, now, limit, **more)


def know(clinic, **values):
    """What is known about Jane."""
    with clinic.ledger.write() as connection:
        opt_in(connection, clinic.vault, JANE, NOW, "text", "START")
        connection.execute(update(person).values(**values))


def stop_her(clinic):
    with clinic.ledger.write() as connection:
        opt_out(connection, clinic.vault, JANE, NOW, "text", "STOP")


def asked(clinic):
    return clinic.all(text, text.c.asked_in.is_not(None))


def the_text(clinic):
    (one,) = asked(clinic)
    return one
