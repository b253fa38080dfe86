"""A numbered reply means an appointment of the list that was texted, whatever has happened since."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ivr.ledger.tables import appointment, offered_choice
from ivr.people.replies import record_reply
from ivr.people.spool import open_spool
from ivr.people.work_items import pending_work_items
from tests.support.clinic import NOW, Clinic, at, row

JANE = "+16035550101"
HOUR = timedelta(hours=1)


@pytest.fixture
def two(clinic_on_each_database: Clinic) -> Clinic:
    """Jane has A tomorrow and B in nine days, and has been asked which one they mean."""
    clinic = clinic_on_each_database
    book(clinic, A=at(1), B=at(9))
    assert answer(clinic).result == "which"
    return clinic


def book(clinic: Clinic, status: str = "booked", **starts: str) -> None:
    clinic.import_rows(*(visit(name, starts_at, status=status) for name, starts_at in starts.items()))


def visit(name: str, starts_at: str, **cells: str) -> dict[str, str]:
    return {**row(1, starts_at), "appointment_id": name, **cells}


def answer(clinic: Clinic, which: int | None = None, now=NOW, reply="confirmed"):
    with clinic.ledger.write() as connection:
        return record_reply(connection, clinic.vault, JANE, now, reply, which)


def answers(clinic: Clinic) -> dict[str, str]:
    rows = clinic.all(appointment)
    return {each.appointment_id: each.answer for each in rows if each.answer}


def test_a_new_earlier_appointment_does_not_change_what_a_number_means(two: Clinic) -> None:
    book(two, C=at(0.5))
    assert answer(two, 2, NOW + HOUR).result == "answered"
    assert answers(two) == {"B": "confirmed"}


def test_an_appointment_that_has_passed_does_not_change_what_a_number_means(two: Clinic) -> None:
    later = NOW + timedelta(days=2)
    assert answer(two, 1, later).result == "past"
    assert answers(two) == {}
    assert answer(two, 2, later).result == "answered"
    assert answers(two) == {"B": "confirmed"}


def test_a_number_of_a_cancelled_appointment_is_answered_so(two: Clinic) -> None:
    book(two, status="cancelled", A=at(1))
    assert answer(two, 1, NOW + HOUR).result == "cancelled"
    assert answers(two) == {}


def test_a_number_of_a_moved_appointment_is_asked_again_with_the_new_time(two: Clinic) -> None:
    book(two, A=at(12))
    outcome = answer(two, 1, NOW + HOUR)
    assert outcome.result == "which"
    assert [each.id for each in outcome.appointments] == [two.appointment(name).id for name in ("B", "A")]
    assert answer(two, 1, NOW + HOUR).result == "answered"
    assert answers(two) == {"B": "confirmed"}


def test_a_list_is_valid_for_72_hours(two: Clinic) -> None:
    book(two, C=at(10))
    assert answer(two, 2, NOW + 72 * HOUR).result == "which"
    assert answers(two) == {}


@pytest.mark.parametrize("which", [3, 9])
def test_a_number_that_was_not_in_the_list_is_asked_again(two: Clinic, which: int) -> None:
    assert answer(two, which).result == "which"
    assert answers(two) == {}


def test_without_a_list_a_number_is_asked_again_unless_there_is_one_appointment(clinic: Clinic) -> None:
    book(clinic, A=at(1))
    assert answer(clinic, 2).result == "answered"
    book(clinic, B=at(2))
    assert answer(clinic, 2).result == "which"


def test_two_appointments_at_one_time_and_site_are_answered_together(clinic: Clinic) -> None:
    book(clinic, A=at(1), B=at(1))
    assert answer(clinic, reply="change").result == "answered"
    assert answers(clinic) == {"A": "change", "B": "change"}
    book(clinic, C=at(2))
    assert len(answer(clinic).appointments) == 2
    answer(clinic, 1)
    assert answers(clinic) == {"A": "confirmed", "B": "confirmed"}


def test_a_spooled_reply_that_names_none_of_several_appointments_becomes_a_work_item(clinic: Clinic) -> None:
    book(clinic, A=at(1), B=at(2))
    spool = open_spool(clinic.folder, clinic.ledger, clinic.vault)
    spool.save("answer", NOW, phone=JANE, answer="change", which=None)
    assert spool.replay() == 1
    with clinic.ledger.read() as connection:
        items = pending_work_items(connection, clinic.vault)
    assert [(item.kind, item.phone, item.appointment_id) for item in items] == [("change", JANE, None)]
    assert clinic.all(offered_choice) == []
