"""What is older than its period is deleted, and nothing else; on SQLite and PostgreSQL."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import func, insert, select, update

from ivr.ledger import Vault
from ivr.ledger.keys import SEALED_COLUMNS
from ivr.ledger.reseal import reseal
from ivr.ledger.tables import (
    alarm_event,
    appointment,
    appointment_change,
    batch,
    call_turn,
    callback,
    incoming_text,
    metadata,
    offered_choice,
    opt_out_event,
    person,
    staged_change,
    text,
    text_move,
    todo,
    unanswered,
)
from ivr.people.audit import KEYS, AuditKind
from ivr.people.callbacks import CallbackRequest, save_callback
from ivr.people.persons import get_or_create_persons, opt_in, opt_out
from ivr.people.work_items import add_work_item
from ivr.reminders.outbox.on_demand import RequestLimits, TextRequest, request_text
from ivr.reminders.retention import expire as module
from ivr.reminders.retention.expire import check_due, count_expired, expire
from ivr.reminders.retention.rules import RULES, Cutoffs
from tests.support.clinic import NOW, at, row

DAY = timedelta(days=1)
CUTOFFS = Cutoffs(NOW - 30 * DAY, NOW - 90 * DAY, NOW - 90 * DAY, NOW - 1827 * DAY)
NEW_YORK = ZoneInfo("America/New_York")
KEPT_FOR_GOOD = {"release", "draft", "draft_file", "topic_model", "mark", "alarm", "audit_entry", "console_user"}
KEPT_FOR_GOOD |= {"api_key", "webhook"}
# Deleted with another table's rows, or elsewhere.
WITH_OTHERS = {"text_move", "staged_change", "callback", "sign_in_failure", "api_request", "webhook_delivery"}
WITH_OTHERS |= {"appointment_change"}


@pytest.fixture(autouse=True)
def _without_pauses(monkeypatch):
    monkeypatch.setattr(module, "PAUSE_SECONDS", 0)


@pytest.fixture
def clinic(clinic_on_each_database):
    return clinic_on_each_database


def run(clinic, cutoffs=CUTOFFS, **more):
    counted = count_expired(clinic.ledger, cutoffs)
    deleted, is_finished = expire(clinic.ledger, clinic.vault, cutoffs, NOW, **more)
    if is_finished:
        assert deleted == counted, "a dry run must say what a run deletes"
    return {name: count for name, count in deleted.items() if count}


def write(clinic, *statements):
    with clinic.ledger.write() as connection:
        for statement in statements:
            connection.execute(statement)


def aged(clinic, days, number=10, **cells):
    """A patient whose reminder was sent, and whose appointment was this long ago."""
    clinic.import_rows(row(number, at(2, -1), **cells), name=f"{number}.csv")
    clinic.send()
    then = NOW - days * DAY
    booked = clinic.appointment(f"A{number}")
    write(
        clinic,
        update(appointment).where(appointment.c.id == booked.id).values(starts_at=then),
        update(text).where(text.c.appointment_id == booked.id).values(starts_at=then),
        update(person).where(person.c.id == booked.person_id).values(created_at=then - DAY),
        update(batch).where(batch.c.id == booked.batch_id).values(created_at=then - DAY),
    )
    return booked


def consent(clinic, change, number=10, days=0.0):
    with clinic.ledger.write() as connection:
        change(connection, clinic.vault, f"+160355501{number}", NOW - days * DAY, "text", "STOP says Ondine")


def counts(clinic):
    with clinic.ledger.read() as connection:
        return {
            table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in (person, appointment, text, text_move, batch, todo, opt_out_event)
        }


def test_every_table_has_a_rule_or_a_reason_to_be_kept():
    with_rule = {rule.table.name for rule in RULES}
    assert with_rule | KEPT_FOR_GOOD | WITH_OTHERS >= set(metadata.tables)
    assert KEYS[AuditKind.DATA_EXPIRED] == tuple(rule.name for rule in RULES)


@pytest.mark.parametrize(("days", "remains"), [(89, True), (91, False)])
def test_a_patient_is_forgotten_ninety_days_after_the_last_appointment(clinic, days, remains):
    aged(clinic, days)
    deleted = run(clinic)
    if remains:
        assert deleted == {}
        assert counts(clinic)["text"] > 0
    else:
        assert deleted == {"appointments": 1, "batches": 1, "numbers": 1}
        assert not any(counts(clinic).values())


def test_a_number_stays_while_a_later_appointment_needs_it(clinic):
    old = aged(clinic, 200)
    clinic.import_rows(row(11, at(3), phone="+16035550110"), name="later.csv")
    assert run(clinic) == {"appointments": 1, "batches": 1}
    assert clinic.appointment("A11").person_id == old.person_id


STAYS = [
    ("an open work item", lambda clinic, booked: write(clinic, todo_of(booked, None))),
    ("a text that may be on its way", lambda clinic, _: write(clinic, update(text).values(state="uncertain"))),
    ("a change that is being imported", lambda clinic, booked: write(clinic, staged(booked))),
]


def todo_of(booked, done_at):
    return insert(todo).values(
        kind="change", person_id=booked.person_id, appointment_id=booked.id, at=NOW - 100 * DAY, done_at=done_at
    )


def staged(booked):
    columns = ("person_id", "starts_at", "timezone", "site", "language", "channel", "status")
    values = {name: getattr(booked, name) for name in columns}
    return insert(staged_change).values(into=booked.batch_id, appointment=booked.id, **values)


@pytest.mark.parametrize("need", [case[1] for case in STAYS], ids=[case[0] for case in STAYS])
def test_an_appointment_that_something_needs_stays_with_its_number(clinic, need):
    booked = aged(clinic, 200)
    need(clinic, booked)
    before = counts(clinic)
    assert run(clinic) == {}
    assert counts(clinic) == before


def test_completed_work_goes_with_its_appointment(clinic):
    booked = aged(clinic, 200)
    write(clinic, todo_of(booked, NOW - 100 * DAY))
    assert run(clinic)["appointments"] == 1
    assert counts(clinic)["todo"] == 0


def test_the_history_of_an_appointment_goes_with_it(clinic):
    clinic.import_rows(row(10, at(3)))
    clinic.import_rows(row(10, at(4)), now=NOW + timedelta(hours=1))
    assert [change.what for change in clinic.changes("A10")] == ["starts_at"]
    with clinic.ledger.write() as connection:
        connection.execute(update(appointment).values(starts_at=NOW - 200 * DAY))
    assert run(clinic)["appointments"] == 1
    assert clinic.all(appointment_change) == []


def test_an_open_call_back_keeps_its_number(clinic):
    aged(clinic, 200)
    with clinic.ledger.write() as connection:
        request = CallbackRequest("+16035550110", "en", "scheduling", None, "any", "CA1", None)
        save_callback(connection, clinic.vault, request, NOW - 100 * DAY)
    assert run(clinic) == {"appointments": 1, "batches": 1}
    assert len(clinic.all(callback)) == 1


def test_an_opt_out_stays_as_a_hash_and_is_honored_when_the_patient_is_booked_again(clinic):
    aged(clinic, 200, first_name="Ana")
    consent(clinic, opt_out, days=150)
    assert run(clinic) == {"appointments": 1, "batches": 1, "numbers_kept_as_hash": 1}
    (known,) = clinic.all(person)
    assert clinic.vault.open(known.phone_sealed) == ""
    assert clinic.vault.open(clinic.all(opt_out_event)[0].evidence_sealed) == "STOP says Ondine"
    assert run(clinic) == {}, "what is erased is not erased again"

    clinic.import_rows(row(12, at(2, -1), phone="+16035550110"), name="again.csv")
    assert clinic.claim() == []
    (known,) = clinic.all(person)
    assert (clinic.vault.open(known.phone_sealed), known.erased_at) == ("+16035550110", None)
    assert "opted_out" in {sent.reason for sent in clinic.texts("A12")}


def test_an_erased_patient_who_opts_in_again_gets_texts_at_the_right_number(clinic):
    aged(clinic, 200)
    consent(clinic, opt_out, days=150)
    run(clinic)
    consent(clinic, opt_in)
    clinic.import_rows(row(12, at(2, -1), phone="+16035550110"), name="again.csv")
    assert [claimed.phone for claimed in clinic.claim()] == ["+16035550110"]


def test_evidence_is_deleted_after_five_years_and_the_opt_out_stays(clinic):
    aged(clinic, 2000)
    consent(clinic, opt_out, days=1828)
    run(clinic)
    assert counts(clinic) == {**dict.fromkeys(counts(clinic), 0), "person": 1}
    assert clinic.all(person)[0].opted_out_at is not None


def test_a_revoked_opt_out_leaves_the_hash_until_its_evidence_is_old(clinic):
    aged(clinic, 2000)
    consent(clinic, opt_out, days=1000)
    consent(clinic, opt_in, days=900)
    assert run(clinic)["numbers_kept_as_hash"] == 1
    later = replace(CUTOFFS, evidence=NOW - 800 * DAY)
    assert run(clinic, later) == {"consent_records": 2, "numbers": 1}
    assert clinic.all(person) == []


LOGS = [
    (incoming_text, 30, "incoming_texts", {"id": "i", "phone_hash": "h", "asked": "a", "outcome": "none"}),
    (unanswered, 30, "questions", {"id": "u", "source": "text", "language": "en", "words_sealed": b"x"}),
    (call_turn, 90, "call_turns", {"id": "c", "call": "h", "release": "", "state": "en.menu", "heard": "start"}),
]


@pytest.mark.parametrize(("table", "days", "name", "values"), LOGS, ids=[case[2] for case in LOGS])
def test_logs_are_kept_for_their_period(clinic, table, days, name, values):
    for id_, age in (("old", days + 0.01), ("new", days - 0.01)):
        write(clinic, insert(table).values(**{**values, "id": id_}, at=NOW - age * DAY))
    assert run(clinic) == {name: 1}
    assert [kept.id for kept in clinic.all(table)] == ["new"]


def test_requested_texts_work_items_and_offered_choices_expire_too(clinic):
    with clinic.ledger.write() as connection:
        people = get_or_create_persons(connection, clinic.vault, ["+16035550177"], NOW - 200 * DAY)
        person_id = people["+16035550177"]
        request = TextRequest("+16035550177", "cancer", "en", "CA1")
        request_text(connection, clinic.vault, request, NOW - 100 * DAY, RequestLimits(5, 5))
        add_work_item(connection, "wrong-number", person_id, None, NOW - 100 * DAY)
        connection.execute(insert(offered_choice).values(person_id=person_id, at=NOW - 100 * DAY, choices="[]"))
    assert run(clinic) == {"offered_choices": 1}, "a text that still waits, and an open item, stay"
    write(clinic, update(text).values(state="delivered"), update(todo).values(done_at=NOW - 91 * DAY))
    assert run(clinic) == {"requested_texts": 1, "work_items": 1, "numbers": 1}


def test_a_run_deletes_in_short_transactions_between_which_others_write(clinic, monkeypatch):
    monkeypatch.setattr(module, "ROWS_PER_TRANSACTION", 7)
    rows = [
        {"id": f"{n:03}", "call": "c", "at": NOW - 100 * DAY, "release": "", "state": "", "heard": "start"}
        for n in range(50)
    ]
    write(clinic, insert(call_turn).values(rows))
    seen = []

    def write_meanwhile(deleted):
        # Commits at once, or this waits for the run, which waits for this.
        consent(clinic, opt_out, number=20 + len(seen))
        seen.append(deleted)

    assert run(clinic, progress=write_meanwhile) == {"call_turns": 50}
    assert seen == [7, 14, 21, 28, 35, 42, 49, 50]
    assert len(clinic.all(opt_out_event)) == len(seen)


NIGHTS = [
    ("the first check waits for the night", None, datetime(2026, 12, 1, 9, 0, tzinfo=UTC), False),
    ("the night before", datetime(2026, 11, 30, 8, 5, tzinfo=UTC), datetime(2026, 12, 1, 7, 59, tzinfo=UTC), False),
    ("three o'clock", datetime(2026, 11, 30, 8, 5, tzinfo=UTC), datetime(2026, 12, 1, 8, 0, tzinfo=UTC), True),
    ("off at night", datetime(2026, 11, 30, 8, 5, tzinfo=UTC), datetime(2026, 12, 1, 20, 0, tzinfo=UTC), True),
    ("done tonight", datetime(2026, 12, 1, 8, 1, tzinfo=UTC), datetime(2026, 12, 1, 8, 2, tzinfo=UTC), False),
    ("the morning after", datetime(2026, 12, 1, 8, 1, tzinfo=UTC), datetime(2026, 12, 2, 7, 0, tzinfo=UTC), False),
    ("an hour is skipped", datetime(2026, 3, 7, 9, 0, tzinfo=UTC), datetime(2026, 3, 8, 7, 1, tzinfo=UTC), True),
]


@pytest.mark.parametrize(("done", "now", "due"), [case[1:] for case in NIGHTS], ids=[case[0] for case in NIGHTS])
def test_the_job_is_due_once_a_night_at_three_in_the_lines_time_zone(clinic, done, now, due):
    if done:
        expire(clinic.ledger, clinic.vault, CUTOFFS, done)
    assert check_due(clinic.ledger, now, NEW_YORK) is due


def test_erased_numbers_are_encrypted_again_with_a_new_key(clinic):
    aged(clinic, 200)
    consent(clinic, opt_out, days=150)
    run(clinic)
    rotated = Vault([b"n" * 32, b"k" * 32], hash_key=None)
    report = reseal(clinic.ledger, rotated, lambda _count: None)
    assert not report.unreadable
    assert report.resealed == sum(len(clinic.all(table, column.is_not(None))) for table, column in SEALED_COLUMNS)


def test_an_opt_out_during_a_run_is_not_lost(clinic):
    """The number is deleted between the moment that the opt-out finds it and the moment that it is written."""
    aged(clinic, 200)
    errors = []

    def opt_out_often():
        try:
            for _ in range(20):
                consent(clinic, opt_out)
        except Exception as error:
            errors.append(error)

    thread = threading.Thread(target=opt_out_often)
    thread.start()
    run_once = expire(clinic.ledger, clinic.vault, CUTOFFS, NOW)
    thread.join()
    assert errors == []
    assert run_once[1]
    assert clinic.all(person)[0].opted_out_at is not None


def test_sqlite_overwrites_what_is_deleted(clinic, tmp_path):
    if not clinic.ledger.is_sqlite:
        pytest.skip("PostgreSQL reuses the space after VACUUM")
    aged(clinic, 200)
    marker = clinic.vault.hash("+16035550110").encode()
    file = tmp_path / "infoline.db"

    def checkpoint():
        with clinic.ledger.engine.connect().execution_options(infoline_read_only=True) as connection:
            connection.exec_driver_sql("COMMIT")
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
            connection.exec_driver_sql("BEGIN")

    checkpoint()
    assert marker in file.read_bytes()
    run(clinic)
    checkpoint()
    assert marker not in file.read_bytes()


@pytest.mark.parametrize(("days", "remains"), [(1826, True), (1828, False)])
def test_the_history_of_an_alarm_is_kept_for_five_years_after_its_end(clinic, days, remains):
    ended = {"name": "backlog", "raised_at": NOW - 3000 * DAY, "detail": "[]", "ended_at": NOW - days * DAY}
    write(clinic, insert(alarm_event).values(**ended), insert(alarm_event).values({**ended, "ended_at": None}))
    assert run(clinic) == ({} if remains else {"alarms": 1})
    assert [row.ended_at for row in clinic.all(alarm_event)] == [*([ended["ended_at"]] if remains else []), None]
