"""Texts as callers ask for them, for tests."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import update

from ivr.ledger.tables import person, text
from ivr.people.persons import opt_in, opt_out
from ivr.reminders.outbox.on_demand import Asked, TextWish, ask_for_text, claim_asked
from tests.support.clinic import NOW

JANE = "+16035550101"
CALL, OTHER_CALL = "CA" + "1" * 32, "CA" + "2" * 32
WISH = TextWish(JANE, "cancer", "en", CALL, "token 1")
LATER = NOW + timedelta(minutes=1)


def ask(house, wish=WISH, now=NOW) -> Asked:
    with house.ledger.write() as connection:
        return ask_for_text(connection, house.vault, wish, now)


def claim(house, now=NOW, limit=500, **more):
    return claim_asked(house.ledger, house.vault, house.content, now, limit, **more)


def know(house, **values):
    """What is known about Jane."""
    with house.ledger.write() as connection:
        opt_in(connection, house.vault, JANE, NOW, "text", "START")
        connection.execute(update(person).values(**values))


def stop_her(house):
    with house.ledger.write() as connection:
        opt_out(connection, house.vault, JANE, NOW, "text", "STOP")


def asked(house):
    return house.all(text, text.c.asked_in.is_not(None))


def the_text(house):
    (one,) = asked(house)
    return one
