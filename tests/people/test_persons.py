"""What is remembered about a number: how it is written, who opted out and why, and what she answered."""

from __future__ import annotations

import threading
from datetime import timedelta

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.ledger.tables import opt_out_event, person
from ivr.people.keywords import CARRIER_WORDS, REMINDER_REPLIES, carrier_keyword
from ivr.people.persons import get_or_create_persons, opt_in, opt_out
from ivr.people.phones import PhoneFault, PhoneNumber, is_e164, parse_phone
from ivr.people.replies import mark_wrong_number, note_possible_cancellation, record_reply
from ivr.people.work_items import complete_work_item, pending_work_items
from tests.support.clinic import NOW, at, row

JANE, JOAN = "+16035550101", "+16035550102"


WRITTEN = [
    "6035550101", "603-555-0101", "(603) 555-0101", "(603)555-0101", "603.555.0101", "603 555 0101", "+16035550101",
    "16035550101", "1-603-555-0101", "+1 (603) 555-0101", "1 603 555 0101", " 603-555-0101 ", "+1.603.555.0101",
    "６０３-555-0101", "603–555–0101", "tel:603-555-0101", "6035550101.0",
]  # fmt: skip


@pytest.mark.parametrize("words", WRITTEN)
def test_a_number_is_the_same_however_people_write_it(words):
    assert parse_phone(words) == PhoneNumber(JANE)


WRONG = [
    ("nothing", "", PhoneFault.EMPTY),
    ("spaces", " \t ", PhoneFault.EMPTY),
    ("a spreadsheet's damage", "6.03556E+09", PhoneFault.EXCEL),
    ("a spreadsheet's damage with a comma", "6,03556E+09", PhoneFault.EXCEL),
    ("a whole spreadsheet number", "6E9", PhoneFault.EXCEL),
    ("two numbers", "603-555-0101/603-555-0102", PhoneFault.TWO),
    ("two numbers and a word", "603-555-0101 or 603-555-0102", PhoneFault.TWO),
    ("British", "+44 20 7946 0958", PhoneFault.FOREIGN),
    ("an exchange that begins with 0", "603-055-0101", PhoneFault.INVALID),
    ("an area code that nobody has", "999-555-1234", PhoneFault.INVALID),
    ("too long", "603-555-01011", PhoneFault.INVALID),
    ("too short", "603-555-010", PhoneFault.INVALID),
    ("seven digits", "555-0101", PhoneFault.INVALID),
    ("an extension", "603-555-0101 x12", PhoneFault.INVALID),
    ("words", "ask her mother", PhoneFault.INVALID),
    ("a decimal", "6035550101.5", PhoneFault.INVALID),
    ("two numbers and what they are", "H 603-555-0101 C 603-555-0102", PhoneFault.TWO),
    ("Canadian", "416-967-1111", PhoneFault.FOREIGN),
    ("Dominican", "+1 809 234 5678", PhoneFault.FOREIGN),
]


@pytest.mark.parametrize(("words", "fault"), [case[1:] for case in WRONG], ids=[case[0] for case in WRONG])
def test_words_that_write_no_number_say_why(words, fault):
    assert parse_phone(words) is fault


@settings(max_examples=300, deadline=None)
@given(st.from_regex(r"(\+1|1)?[2-9]\d{2}[0-9]\d{6}", fullmatch=True))
def test_the_quick_way_never_takes_a_number_that_the_library_refuses(words):
    read = parse_phone(words)
    number = phonenumbers.parse(words, "US")
    taken = phonenumbers.is_valid_number(number) and phonenumbers.region_code_for_number(number) == "US"
    assert isinstance(read, PhoneNumber) == taken or (isinstance(read, PhoneNumber) and "55501" in words)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60))
def test_any_words_give_a_number_in_plain_digits_or_a_fault(words):
    read = parse_phone(words)
    if isinstance(read, PhoneNumber):
        assert read.e164.isascii()
        assert is_e164(read.e164)


@pytest.mark.parametrize(
    ("sender", "whose"),
    [
        (JANE, True),
        ("+442079460958", True),
        ("anonymous", False),
        ("Restricted", False),
        ("", False),
        ("+266696687", False),
        ("+7378742833", False),
        ("+86282452253", False),
        ("+1٦٠٣٥٥٥٠١٠١", False),
        (f"{JANE}\n", False),
        ("client:jane", False),
    ],
)
def test_who_can_be_texted_back(sender, whose):
    assert is_e164(sender) is whose


@pytest.mark.parametrize("words", [*CARRIER_WORDS, "stop", " Stop ", "yes\n"])
def test_the_carriers_words_count_alone_and_in_any_case(words):
    assert carrier_keyword(words) == CARRIER_WORDS[words.strip().upper()]


@pytest.mark.parametrize("words", ["", "stop it", "c", "please stop", "HELP ME", "1"])
def test_other_words_are_not_the_carriers(words):
    assert carrier_keyword(words) is None


def test_what_the_carrier_made_of_a_text_counts_and_answers_are_no_carrier_words():
    assert carrier_keyword("no más", "STOP") == "stop"
    assert not set(REMINDER_REPLIES) & set(CARRIER_WORDS)


def test_a_number_is_one_person_and_found_again(clinic):
    with clinic.ledger.write() as connection:
        met = get_or_create_persons(connection, clinic.vault, [JANE, JOAN, JANE], NOW)
        assert get_or_create_persons(connection, clinic.vault, [JANE], NOW)[JANE] == met[JANE]
        assert get_or_create_persons(connection, clinic.vault, [], NOW) == {}
    assert len(clinic.all(person)) == 2


def test_two_doors_that_meet_a_person_at_once_meet_one(clinic_on_each_database):
    met = []
    start = threading.Barrier(6)

    def door():
        start.wait()
        with clinic_on_each_database.ledger.write() as connection:
            met.append(get_or_create_persons(connection, clinic_on_each_database.vault, [JANE, JOAN], NOW))

    threads = [threading.Thread(target=door) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(met) == 6
    assert all(one == met[0] for one in met)
    assert len(clinic_on_each_database.all(person)) == 2


def test_an_opt_out_is_kept_with_the_words_that_asked_and_once(clinic_on_each_database):
    with clinic_on_each_database.ledger.write() as connection:
        assert opt_out(connection, clinic_on_each_database.vault, JANE, NOW, "text", "please stop " * 200)
        assert not opt_out(connection, clinic_on_each_database.vault, JANE, NOW + timedelta(1), "call", "again")
    (event,) = clinic_on_each_database.all(opt_out_event)
    assert (event.kind, event.source, event.at) == ("stop", "text", NOW)
    assert clinic_on_each_database.vault.open(event.evidence_sealed) == ("please stop " * 200)[:1000]
    assert clinic_on_each_database.all(person)[0].opted_out_at == NOW


def test_an_opt_in_takes_it_back_and_the_evidence_of_both_stays(clinic):
    with clinic.ledger.write() as connection:
        assert not opt_in(connection, clinic.vault, JANE, NOW, "text", "START")
        opt_out(connection, clinic.vault, JANE, NOW, "text", "STOP")
        assert opt_in(connection, clinic.vault, JANE, NOW, "text", "START")
    assert clinic.all(person)[0].opted_out_at is None
    assert [event.kind for event in clinic.all(opt_out_event)] == ["stop", "start"]


def answer(clinic, what="confirmed", phone=JANE, now=NOW, which=None):
    with clinic.ledger.write() as connection:
        return record_reply(connection, clinic.vault, phone, now, what, which)


def todos(clinic) -> list[tuple[str, str | None]]:
    with clinic.ledger.read() as connection:
        return [(one.kind, one.appointment_id) for one in pending_work_items(connection, clinic.vault)]


def test_an_answer_goes_to_the_one_visit_that_stands_and_is_ahead(clinic_on_each_database):
    cancelled = {**row(1, at(2)), "appointment_id": "C", "status": "cancelled"}
    clinic_on_each_database.take(row(1, at(9)), row(2, at(1)), cancelled)
    assert answer(clinic_on_each_database).appointments[0].id == clinic_on_each_database.appointment("A1").id
    kept = {one: clinic_on_each_database.appointment(one).answer for one in ("A1", "C", "A2")}
    assert kept == {"A1": "confirmed", "C": None, "A2": None}
    assert todos(clinic_on_each_database) == []
    for _ in range(2):
        assert answer(clinic_on_each_database, "change").result == "answered"
    assert clinic_on_each_database.appointment("A1").answer == "change"
    assert todos(clinic_on_each_database) == [("change", "A1")]


def test_with_two_visits_ahead_the_answer_must_say_which(clinic_on_each_database):
    clinic_on_each_database.take(row(1, at(9)), {**row(1, at(5)), "appointment_id": "B"})
    asked = answer(clinic_on_each_database)
    assert asked.result == "which"
    assert [visit.id for visit in asked.appointments] == [clinic_on_each_database.appointment(one).id for one in ("B", "A1")]
    assert answer(clinic_on_each_database, which=3).result == "which"
    assert answer(clinic_on_each_database, which=2).appointments[0].id == clinic_on_each_database.appointment("A1").id
    assert (clinic_on_each_database.appointment("A1").answer, clinic_on_each_database.appointment("B").answer) == (
        "confirmed",
        None,
    )
    assert answer(clinic_on_each_database, now=NOW + timedelta(days=6)).result == "answered"


def test_without_a_visit_ahead_the_answer_says_why(clinic):
    clinic.take(row(1, at(1)), {**row(3, at(2)), "status": "cancelled"})
    assert answer(clinic, phone=JOAN).result == "none"
    assert answer(clinic, now=NOW + timedelta(days=1)).result == "past"
    assert answer(clinic, phone="+16035550103").result == "cancelled"


def test_cancel_with_a_visit_ahead_is_for_schedulers_to_look_at(clinic):
    clinic.take(row(1, at(4)))
    with clinic.ledger.write() as connection:
        assert note_possible_cancellation(connection, clinic.vault, JANE, NOW)
        assert not note_possible_cancellation(connection, clinic.vault, JOAN, NOW)
    assert todos(clinic) == [("cancel", "A1")]
    with clinic.ledger.write() as connection:
        assert complete_work_item(connection, 1, "Ann", NOW)
        assert not complete_work_item(connection, 1, "Ann", NOW)
    assert todos(clinic) == []


def test_a_wrong_number_ends_that_numbers_texts_and_is_for_schedulers_to_look_at(clinic):
    clinic.take(row(1, at(4)))
    with clinic.ledger.write() as connection:
        assert mark_wrong_number(connection, clinic.vault, JANE, NOW) == 1
        assert mark_wrong_number(connection, clinic.vault, JOAN, NOW) == 0
    assert clinic.appointment("A1").next_due_at is None
    assert todos(clinic) == [("wrong-number", "A1"), ("wrong-number", None)]


def test_who_confirmed_gets_no_text_that_asks_her_to(clinic):
    clinic.take(row(1, at(2, 1)))
    answer(clinic)
    assert clinic.claim(NOW + timedelta(hours=2)) == []
    assert clinic.states("A1")["2d"] == "skipped"
    assert len(clinic.claim(NOW + timedelta(days=1, hours=2))) == 1
