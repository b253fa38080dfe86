"""The profile of a sender in one statement: the same as from a question for each part of it."""

from __future__ import annotations

from datetime import timedelta
from itertools import product

import pytest
from sqlalchemy import event, insert

from ivr.ledger.tables import appointment, batch, incoming_text, person
from ivr.people.inbound.incoming import MAX_TEXTS, IncomingTextLog
from ivr.people.profile import ProfileReader
from tests.support.clinic import NOW

CHOSEN = ("no person", None, "es")
# The languages of the person's appointments, the one that was changed last at the end.
BOOKED = ((), (None,), ("en",), ("es", "en"), ("es", None))
TEXTS = (0, 1, 3)
OPTED_OUT = (None, NOW - timedelta(days=1))


@pytest.fixture
def reader(ledger, vault):
    return ProfileReader(ledger, IncomingTextLog(ledger, vault))


def add_sender(connection, name: str, chosen: str | None, booked, texts: int, opted_out_at) -> None:
    if chosen != "no person":
        values = {"phone_sealed": b"x", "language": chosen, "opted_out_at": opted_out_at, "created_at": NOW}
        person_id = connection.execute(insert(person).values(phone_hash=name, **values).returning(person.c.id)).scalar()
        batch_id = connection.execute(insert(batch).values(created_at=NOW, filename="a").returning(batch.c.id)).scalar()
        for number, language in enumerate(booked):
            values = {"person_id": person_id, "batch_id": batch_id, "starts_at": NOW, "timezone": "UTC"}
            values |= {"site": "elliot", "channel": "text", "status": "booked", "created_at": NOW}
            changed_at = NOW + timedelta(minutes=number)
            values |= {"appointment_id": f"{name}-{number}", "language": language, "updated_at": changed_at}
            connection.execute(insert(appointment).values(values))
    for number in range(texts):
        add_text(connection, name, number)


def add_text(connection, name: str, minutes: float, replies: bytes | None = None) -> None:
    at = NOW - timedelta(minutes=minutes)
    values = {"phone_hash": name, "at": at, "outcome": f"outcome {minutes}", "replies_sealed": replies}
    connection.execute(insert(incoming_text).values(id=f"{name} {minutes}", asked="", **values))


def test_each_combination_of_what_is_known_about_a_sender_is_read(ledger, reader):
    cases = {f"sender {number}": case for number, case in enumerate(product(CHOSEN, BOOKED, TEXTS, OPTED_OUT))}
    with ledger.write() as connection:
        for name, case in cases.items():
            add_sender(connection, name, *case)
    found, expected = {}, {}
    for name, (chosen, booked, texts, opted_out_at) in cases.items():
        profile = reader.profile(name, NOW)
        found[name] = (profile.language, profile.opted_out_at, len(profile.recent), profile.is_new, profile.is_known)
        is_person = chosen != "no person"
        booked_language = next((language for language in reversed(booked) if language), None)
        language = (chosen or booked_language) if is_person else None
        expected[name] = (language, opted_out_at if is_person else None, texts, texts == 0, True)
    assert found == expected


def test_the_recent_texts_are_the_newest_first_and_those_of_the_sender_alone(ledger, reader):
    with ledger.write() as connection:
        for minutes in (3, 1, 2):
            add_text(connection, "ann", minutes)
        add_text(connection, "bob", 0)
    assert [text.outcome for text in reader.profile("ann", NOW).recent] == ["outcome 1", "outcome 2", "outcome 3"]


def test_a_profile_takes_one_statement(ledger, reader):
    with ledger.write() as connection:
        add_sender(connection, "ann", "es", ("en",), MAX_TEXTS - 1, None)
    reader.profile("ann", NOW)
    statements = []

    class Watched:
        def __init__(self, cursor):
            self._cursor = cursor

        def execute(self, sql, *parameters):
            statements.append(sql)
            return self._cursor.execute(sql, *parameters)

        def fetchall(self):
            return self._cursor.fetchall()

    queries = reader._query._queries
    assert len(queries) == 1
    original = queries[0].rows
    queries[0].rows = lambda cursor, values: original(Watched(cursor), values)
    through_sqlalchemy = []
    event.listen(ledger.engine, "before_cursor_execute", lambda *details: through_sqlalchemy.append(details[2]))
    assert reader.profile("ann", NOW).language == "es"
    assert (len(statements), through_sqlalchemy) == (1, [])
