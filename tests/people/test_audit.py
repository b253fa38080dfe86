"""The audit log: entries stay as they are, and name nobody."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import delete, select, update
from sqlalchemy.exc import DBAPIError

from ivr.ledger import Vault
from ivr.ledger.tables import audit_entry
from ivr.people.audit import KEYS, Actor, AuditKind, entries_since, person_id, record
from ivr.people.persons import get_or_create_persons
from tests.support.clinic import NOW

ANN = Actor("infoline", 990, "ann")


def add(ledger, kind=AuditKind.PERSON_READ, now=NOW, **details):
    with ledger.write() as connection:
        record(connection, ANN, kind, now, **details)


def entries(ledger, since=NOW):
    with ledger.read() as connection:
        return entries_since(connection, since)


def test_an_entry_says_who_did_what_and_when(ledger):
    add(ledger, person=7)
    add(ledger, AuditKind.CALLBACKS_READ, NOW + timedelta(hours=1), callbacks=[3, 4])
    first, second = entries(ledger)
    assert (first.at, first.actor, first.kind, first.details) == (NOW, ANN, "person_read", {"person": 7})
    assert second.details == {"callbacks": [3, 4]}
    assert entries(ledger, NOW + timedelta(minutes=1)) == [second]


@pytest.mark.parametrize("statement", [update(audit_entry).values(actor="x"), delete(audit_entry)])
def test_the_database_refuses_to_change_or_delete_an_entry(ledger, statement):
    add(ledger, person=7)
    with pytest.raises(DBAPIError, match="append-only"), ledger.write() as connection:
        connection.execute(statement)
    assert len(entries(ledger)) == 1


@pytest.mark.parametrize("details", [{}, {"phone": 1}, {"person": 1, "batch": 2}])
def test_an_entry_has_exactly_the_details_of_its_kind(ledger, details):
    with pytest.raises(ValueError, match="person_read needs the details"):
        add(ledger, **details)
    assert entries(ledger) == []


def test_every_kind_declares_its_details_and_fits_its_column():
    assert set(KEYS) == set(AuditKind)
    assert max(map(len, AuditKind)) <= audit_entry.c.kind.type.length


def test_a_person_is_named_by_the_id_in_the_database(ledger):
    vault, phone = Vault([b"k" * 32]), "+16035550101"
    with ledger.write() as connection:
        stored = get_or_create_persons(connection, vault, [phone], NOW)[phone]
        assert person_id(connection, vault, phone) == stored
        assert person_id(connection, vault, "+16035550102") is None
        assert connection.execute(select(audit_entry.c.id)).all() == []
