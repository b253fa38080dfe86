"""The work list on both databases: claims at once, and what is forgotten."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from sqlalchemy import insert, select, update

from ivr.ledger import Vault
from ivr.ledger.keys import SEALED_COLUMNS
from ivr.ledger.reseal import reseal
from ivr.ledger.tables import callback, hl7_message, person, todo
from ivr.people import work_claims
from ivr.people.callbacks import complete_callback, forget_completed_callbacks
from ivr.people.persons import get_or_create_persons
from ivr.people.work_claims import Claimant, WorkList, write_note
from ivr.people.work_items import add_work_item, landline_item
from ivr.staff.users import Role, add_user
from tests.support.clinic import NOW, at, row
from tests.web.console.work.support import JANE, JOAN, NOTE, ask, unread_message


def staff(ledger, count=2):
    """Users of the console, as claimants."""
    with ledger.write() as connection:
        users = [
            add_user(connection, f"{number}@example.org", f"User {number}", Role.SCHEDULER, NOW).user
            for number in range(count)
        ]
    return [Claimant(user.id, user.name) for user in users]


def add_item(ledger, vault, kind="change"):
    with ledger.write() as connection:
        person_id = get_or_create_persons(connection, vault, [JANE], NOW)[JANE]
        add_work_item(connection, kind, person_id, None, NOW)
        return person_id


def add_message(ledger, vault):
    with ledger.write() as connection:
        connection.execute(insert(hl7_message).values(unread_message(vault)))


def at_once(count, action):
    """Call `action` with each number, in threads that start together, and return the results."""
    results, start = [], threading.Barrier(count)

    def run(number):
        start.wait()
        results.append(action(number))

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


@pytest.mark.parametrize("work", list(WorkList))
def test_of_two_people_who_claim_at_once_one_gets_it(ledger, vault, work):
    ask(ledger, vault)
    add_item(ledger, vault)
    add_message(ledger, vault)
    people = staff(ledger, 6)

    def take(number):
        with ledger.write() as connection:
            return work_claims.claim(connection, work, 1, people[number], NOW)

    assert sorted(at_once(6, take)) == [False] * 5 + [True]


def test_two_people_who_take_a_landline_at_once_share_one_item(ledger, vault):
    person_id = add_item(ledger, vault, "change")

    def take(_number):
        with ledger.write() as connection:
            return landline_item(connection, person_id, NOW)

    assert len(set(at_once(4, take))) == 1
    with ledger.read() as connection:
        assert len(connection.execute(select(todo).where(todo.c.kind == "landline")).all()) == 1


def test_the_queries_of_the_lists_run_on_both_databases(clinic_on_each_database):
    from ivr.web.console.people.queries import appointment_row, work_about, work_of
    from ivr.web.console.work import queries
    from ivr.web.console.work.message_queries import pending_messages

    clinic = clinic_on_each_database
    clinic.import_rows(row(1, at(10)), row(2, at(11)))
    ask(clinic.ledger, clinic.vault)
    add_item(clinic.ledger, clinic.vault)
    with clinic.ledger.write() as connection:
        connection.execute(update(person).values(landline=True))
        complete_callback(connection, 1, "ann", NOW)
    add_message(clinic.ledger, clinic.vault)
    with clinic.ledger.read() as connection:
        assert queries.counts(connection, NOW) == queries.Counts(0, {"change": 1}, 2, 1)
        assert [row.by for row in queries.page_of(connection, pending_messages(), 1)[0]] == [None]
        assert [row.person_id for row in queries.landlines(connection, NOW, 1)[0]] == [1, 2]
        assert [row.done_by for row in queries.done_items(connection, NOW, 1)[0]] == ["ann"]
        assert len(queries.pending_items(connection, "change", 1)[0]) == 1
        assert queries.pending_callbacks(connection, 1) == ([], False)
        assert {row.work for row in work_of(connection, 1)} == {"callbacks", "items"}
        found = appointment_row(connection, "A1")
        assert appointment_row(connection, "A1\0") is None
        assert list(work_about(connection, found)) == []


def test_a_completed_call_back_loses_its_number_and_note_after_seven_days(ledger, vault):
    ask(ledger, vault)
    ask(ledger, vault, JOAN, call="CA2")
    add_item(ledger, vault)
    with ledger.write() as connection:
        for number in (1, 2):
            write_note(connection, vault, WorkList.CALLBACKS, number, "call 603-555-0101", "")
            complete_callback(connection, number, "ann", NOW)
    for days, kept in ((6, 2), (8, 0)):
        with ledger.write() as connection:
            forget_completed_callbacks(connection, NOW + timedelta(days=days))
            rows = connection.execute(select(callback)).all()
            assert len([row for row in rows if row.person_id and row.note_sealed]) == kept
    with ledger.write() as connection:
        assert forget_completed_callbacks(connection, NOW + timedelta(days=8)) == 0
        # Jane has an item on the list; of Joan nothing else was known.
        hashes = connection.execute(select(person.c.phone_hash)).scalars().all()
        assert hashes == [vault.hash(JANE)]
        assert not work_claims.reopen(connection, WorkList.CALLBACKS, 1, Claimant(1, "x"), NOW)
    ask(ledger, vault, JOAN, call="CA2", now=NOW + timedelta(days=9))
    with ledger.read() as connection:
        assert [row.done_at for row in connection.execute(select(callback).where(callback.c.person_id > 0))] == [None]


def test_a_person_who_opted_out_stays_known(ledger, vault):
    ask(ledger, vault)
    with ledger.write() as connection:
        complete_callback(connection, 1, "ann", NOW)
        connection.execute(update(person).values(opted_out_at=NOW))
        forget_completed_callbacks(connection, NOW + timedelta(days=8))
        assert len(connection.execute(select(person)).all()) == 1


def test_a_new_request_in_the_same_call_frees_a_completed_one(ledger, vault):
    ask(ledger, vault)
    [ann] = staff(ledger, 1)
    with ledger.write() as connection:
        work_claims.claim(connection, WorkList.CALLBACKS, 1, ann, NOW)
        work_claims.complete(connection, WorkList.CALLBACKS, 1, ann, NOW)
    ask(ledger, vault)
    with ledger.read() as connection:
        [request] = connection.execute(select(callback)).all()
    assert (request.done_at, request.claimed_by) == (None, None)


def test_a_rotation_of_keys_seals_notes_again(ledger):
    old, new = b"o" * 32, b"n" * 32
    before, during = Vault([old]), Vault([new, old])
    ask(ledger, before)
    add_item(ledger, before)
    add_message(ledger, before)
    with ledger.write() as connection:
        for work in WorkList:
            assert write_note(connection, before, work, 1, NOTE, "")
    notes = {"callback.note_sealed", "todo.note_sealed", "hl7_message.note_sealed"}
    assert {str(column) for _, column in SEALED_COLUMNS} >= notes
    assert reseal(ledger, during, lambda _count: None).resealed == 5
    with ledger.read() as connection:
        for table in (callback, todo, hl7_message):
            sealed = connection.execute(select(table.c.note_sealed)).scalar_one()
            assert Vault([new], hash_key=b"h" * 32).open(sealed) == NOTE
