"""Phone numbers, consent, and replies to reminders."""

from __future__ import annotations

import threading
from datetime import timedelta

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.ledger.tables import opt_out_event, person
from ivr.line.content.costly_numbers import PREMIUM_EXCHANGES
from ivr.people.keywords import (
    CARRIER_WORDS,
    REMINDER_REPLIES,
    ReminderReply,
    carrier_keyword,
    parse_reminder_reply,
)
from ivr.people.persons import get_or_create_persons, opt_in, opt_out
from ivr.people.phone_faults import PhoneFault
from ivr.people.phones import PhoneNumber, is_e164, is_reachable, parse_phone
from ivr.people.replies import mark_wrong_number, note_possible_cancellation, record_reply
from ivr.people.work_items import complete_work_item, pending_work_items
from tests.support.clinic import NOW, at, row

JANE, JOAN = "+16035550101", "+16035550102"


FORMATS = [
    "6035550101", "603-555-0101", "(603) 555-0101", "(603)555-0101", "603.555.0101", "603 555 0101", "+16035550101",
    "16035550101", "1-603-555-0101", "+1 (603) 555-0101", "1 603 555 0101", " 603-555-0101 ", "+1.603.555.0101",
    "６０３-555-0101", "603–555–0101", "tel:603-555-0101", "6035550101.0",
]  # fmt: skip


@pytest.mark.parametrize("text", FORMATS)
def test_every_common_format_of_a_number_gives_the_same_e164(text):
    assert parse_phone(text) == PhoneNumber(JANE)


INVALID = [
    ("an empty string", "", PhoneFault.EMPTY),
    ("spaces", " \t ", PhoneFault.EMPTY),
    ("a number damaged by a spreadsheet", "6.03556E+09", PhoneFault.EXCEL),
    ("a number damaged by a spreadsheet, with a comma", "6,03556E+09", PhoneFault.EXCEL),
    ("a whole spreadsheet number", "6E9", PhoneFault.EXCEL),
    ("two numbers", "603-555-0101/603-555-0102", PhoneFault.TWO),
    ("two numbers joined by a word", "603-555-0101 or 603-555-0102", PhoneFault.TWO),
    ("British", "+44 20 7946 0958", PhoneFault.FOREIGN),
    ("an exchange that begins with 0", "603-055-0101", PhoneFault.INVALID),
    ("an unassigned area code", "999-555-1234", PhoneFault.INVALID),
    ("too long", "603-555-01011", PhoneFault.INVALID),
    ("too short", "603-555-010", PhoneFault.INVALID),
    ("seven digits", "555-0101", PhoneFault.INVALID),
    ("an extension", "603-555-0101 x12", PhoneFault.INVALID),
    ("words", "ask the mother", PhoneFault.INVALID),
    ("a decimal", "6035550101.5", PhoneFault.INVALID),
    ("two labeled numbers", "H 603-555-0101 C 603-555-0102", PhoneFault.TWO),
    ("Canadian", "416-967-1111", PhoneFault.FOREIGN),
    ("Dominican", "+1 809 234 5678", PhoneFault.FOREIGN),
    ("premium-rate", "+1 900 234 1234", PhoneFault.SPECIAL),
    ("premium-rate, without the country code", "9002341234", PhoneFault.SPECIAL),
    ("toll-free", "800-234-1234", PhoneFault.SPECIAL),
    ("premium-rate within an area", "603-976-1234", PhoneFault.SPECIAL),
    ("premium-rate within an area, as the library reads it", "+1 (603) 976 - 1234", PhoneFault.SPECIAL),
    ("a reserved number of another country", "809-555-0123", PhoneFault.FOREIGN),
    ("a reserved number of a premium-rate area", "900-555-0123", PhoneFault.SPECIAL),
    ("a personal number", "500-234-1234", PhoneFault.SPECIAL),
]


@pytest.mark.parametrize(("text", "fault"), [case[1:] for case in INVALID], ids=[case[0] for case in INVALID])
def test_a_string_that_is_not_a_number_gives_its_fault(text, fault):
    assert parse_phone(text) is fault


@pytest.mark.parametrize(
    ("text", "countries", "expected"),
    [
        ("787-234-5678", ("US",), "+17872345678"),
        ("+1 671 234 5678", ("US",), "+16712345678"),
        ("+1 340 776 0000", ("US",), "+13407760000"),
        ("+1 670 234 5678", ("US",), "+16702345678"),
        ("+1 684 633 0000", ("US",), "+16846330000"),
        ("787-234-5678", ("CA",), PhoneFault.FOREIGN),
        ("020 7946 0958", ("GB",), "+442079460958"),
        ("0871 234 5678", ("GB",), PhoneFault.SPECIAL),
        ("070 1234 5678", ("GB",), PhoneFault.SPECIAL),
        ("0300 123 4567", ("GB",), PhoneFault.SPECIAL),
        (JANE, ("GB",), PhoneFault.FOREIGN),
    ],
)
def test_a_number_must_be_one_of_a_person_in_the_countries_of_the_line_or_their_territories(text, countries, expected):
    assert parse_phone(text, countries) == (expected if isinstance(expected, PhoneFault) else PhoneNumber(expected))
    assert is_reachable(text.replace(" ", ""), countries) is (text[0] == "+" and not isinstance(expected, PhoneFault))


@settings(max_examples=300, deadline=None)
@given(st.from_regex(r"(\+1|1)?[2-9]\d{2}[0-9]\d{6}", fullmatch=True))
def test_the_pattern_never_accepts_a_number_that_the_library_rejects(text):
    parsed = parse_phone(text)
    number = phonenumbers.parse(text, "US")
    in_us = phonenumbers.region_code_for_number(number) in {"US", "PR", "VI", "GU", "MP", "AS"}
    of_person = phonenumbers.number_type(number) == phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE
    # The library takes the premium numbers of each area code for numbers of people.
    is_premium = str(number.national_number)[3:6] in PREMIUM_EXCHANGES
    valid = phonenumbers.is_valid_number(number) and in_us and of_person and not is_premium
    assert isinstance(parsed, PhoneNumber) == valid or (isinstance(parsed, PhoneNumber) and "55501" in text)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60))
def test_any_text_gives_a_number_in_ascii_digits_or_a_fault(text):
    parsed = parse_phone(text)
    if isinstance(parsed, PhoneNumber):
        assert parsed.e164.isascii()
        assert is_e164(parsed.e164)


@pytest.mark.parametrize(
    ("sender", "expected"),
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
def test_only_a_phone_number_can_be_texted_back(sender, expected):
    assert is_e164(sender) is expected


@pytest.mark.parametrize("body", [*CARRIER_WORDS, "stop", " Stop ", "yes\n"])
def test_a_carrier_keyword_must_be_the_whole_text_in_any_case(body):
    assert carrier_keyword(body) == CARRIER_WORDS[body.strip().upper()]


@pytest.mark.parametrize("body", ["", "stop it", "c", "please stop", "HELP ME", "1"])
def test_any_other_text_is_not_a_carrier_keyword(body):
    assert carrier_keyword(body) is None


def test_the_carriers_own_reading_counts_and_no_reply_is_a_carrier_keyword():
    assert carrier_keyword("no más", "STOP") == "stop"
    assert not set(REMINDER_REPLIES) & set(CARRIER_WORDS)


REPLIES = [
    ("c", ReminderReply("confirmed")),
    ("c thank you so much", ReminderReply("confirmed")),
    ("si confirmo", ReminderReply("confirmed")),
    ("c2", ReminderReply("confirmed", 2)),
    ("r 1 please", ReminderReply("change", 1)),
    ("reschedule", ReminderReply("change")),
    ("yes please", ReminderReply(None, opts_in=True)),
    ("ok", ReminderReply(None)),
    ("ok thanks", None),
    ("c0", None),
    ("can you call", None),
    ("", None),
]


@pytest.mark.parametrize(("normalized", "reply"), REPLIES)
def test_a_reminder_reply_must_be_the_whole_text_apart_from_courtesies(normalized, reply):
    assert parse_reminder_reply(normalized) == reply


def test_each_number_is_one_person(clinic):
    with clinic.ledger.write() as connection:
        ids = get_or_create_persons(connection, clinic.vault, [JANE, JOAN, JANE], NOW)
        assert get_or_create_persons(connection, clinic.vault, [JANE], NOW)[JANE] == ids[JANE]
        assert get_or_create_persons(connection, clinic.vault, [], NOW) == {}
    assert len(clinic.all(person)) == 2


def test_concurrent_writers_create_a_person_once(clinic_on_each_database):
    results = []
    start = threading.Barrier(6)

    def create():
        start.wait()
        with clinic_on_each_database.ledger.write() as connection:
            results.append(get_or_create_persons(connection, clinic_on_each_database.vault, [JANE, JOAN], NOW))

    threads = [threading.Thread(target=create) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 6
    assert all(ids == results[0] for ids in results)
    assert len(clinic_on_each_database.all(person)) == 2


def test_an_opt_out_is_stored_once_with_its_evidence(clinic_on_each_database):
    with clinic_on_each_database.ledger.write() as connection:
        assert opt_out(connection, clinic_on_each_database.vault, JANE, NOW, "text", "please stop " * 200)
        assert not opt_out(connection, clinic_on_each_database.vault, JANE, NOW + timedelta(1), "call", "again")
    (event,) = clinic_on_each_database.all(opt_out_event)
    assert (event.kind, event.source, event.at) == ("stop", "text", NOW)
    assert clinic_on_each_database.vault.open(event.evidence_sealed) == ("please stop " * 200)[:1000]
    assert clinic_on_each_database.all(person)[0].opted_out_at == NOW


def test_an_opt_in_revokes_an_opt_out_and_both_events_remain(clinic):
    with clinic.ledger.write() as connection:
        assert not opt_in(connection, clinic.vault, JANE, NOW, "text", "START")
        opt_out(connection, clinic.vault, JANE, NOW, "text", "STOP")
        assert opt_in(connection, clinic.vault, JANE, NOW, "text", "START")
    assert clinic.all(person)[0].opted_out_at is None
    assert [event.kind for event in clinic.all(opt_out_event)] == ["stop", "start"]


def answer(clinic, reply="confirmed", phone=JANE, now=NOW, which=None):
    with clinic.ledger.write() as connection:
        return record_reply(connection, clinic.vault, phone, now, reply, which)


def work_items(clinic) -> list[tuple[str, str | None]]:
    with clinic.ledger.read() as connection:
        return [(item.kind, item.appointment_id) for item in pending_work_items(connection, clinic.vault)]


def test_a_reply_is_stored_with_the_upcoming_appointment(clinic_on_each_database):
    cancelled = {**row(1, at(2)), "appointment_id": "C", "status": "cancelled"}
    clinic_on_each_database.import_rows(row(1, at(9)), row(2, at(1)), cancelled)
    assert answer(clinic_on_each_database).appointments[0].id == clinic_on_each_database.appointment("A1").id
    answers = {id_: clinic_on_each_database.appointment(id_).answer for id_ in ("A1", "C", "A2")}
    assert answers == {"A1": "confirmed", "C": None, "A2": None}
    assert work_items(clinic_on_each_database) == []
    for _ in range(2):
        assert answer(clinic_on_each_database, "change").result == "answered"
    assert clinic_on_each_database.appointment("A1").answer == "change"
    assert work_items(clinic_on_each_database) == [("change", "A1")]


def test_with_two_upcoming_appointments_the_reply_must_name_one(clinic_on_each_database):
    clinic_on_each_database.import_rows(row(1, at(9)), {**row(1, at(5)), "appointment_id": "B"})
    outcome = answer(clinic_on_each_database)
    assert outcome.result == "which"
    soonest_first = [clinic_on_each_database.appointment(id_).id for id_ in ("B", "A1")]
    assert [appointment.id for appointment in outcome.appointments] == soonest_first
    assert answer(clinic_on_each_database, which=3).result == "which"
    assert answer(clinic_on_each_database, which=2).appointments[0].id == clinic_on_each_database.appointment("A1").id
    assert (clinic_on_each_database.appointment("A1").answer, clinic_on_each_database.appointment("B").answer) == (
        "confirmed",
        None,
    )
    assert answer(clinic_on_each_database, now=NOW + timedelta(days=6)).result == "answered"


def test_without_an_upcoming_appointment_the_result_says_why(clinic):
    clinic.import_rows(row(1, at(1)), {**row(3, at(2)), "status": "cancelled"})
    assert answer(clinic, phone=JOAN).result == "none"
    assert answer(clinic, now=NOW + timedelta(days=1)).result == "past"
    assert answer(clinic, phone="+16035550103").result == "cancelled"


def test_cancel_with_an_upcoming_appointment_adds_a_work_item(clinic):
    clinic.import_rows(row(1, at(4)))
    with clinic.ledger.write() as connection:
        assert note_possible_cancellation(connection, clinic.vault, JANE, NOW)
        assert not note_possible_cancellation(connection, clinic.vault, JOAN, NOW)
    assert work_items(clinic) == [("cancel", "A1")]
    with clinic.ledger.write() as connection:
        assert complete_work_item(connection, 1, "Ann", NOW)
        assert not complete_work_item(connection, 1, "Ann", NOW)
    assert work_items(clinic) == []


def test_a_wrong_number_stops_its_reminders_and_adds_a_work_item(clinic):
    clinic.import_rows(row(1, at(4)))
    with clinic.ledger.write() as connection:
        assert mark_wrong_number(connection, clinic.vault, JANE, NOW) == 1
        assert mark_wrong_number(connection, clinic.vault, JOAN, NOW) == 0
    assert clinic.appointment("A1").next_due_at is None
    assert work_items(clinic) == [("wrong-number", "A1"), ("wrong-number", None)]


def test_a_patient_who_confirmed_gets_no_reminder_that_asks_for_it(clinic):
    clinic.import_rows(row(1, at(2, 1)))
    answer(clinic)
    assert clinic.claim(NOW + timedelta(hours=2)) == []
    assert clinic.states("A1")["2d"] == "skipped"
    assert len(clinic.claim(NOW + timedelta(days=1, hours=2))) == 1
