"""The history on the page of an appointment: every change, what it was, and from where it came."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

import pytest

from ivr.people.replies import mark_wrong_number, record_reply
from ivr.reminders.imports.importer import Importer
from ivr.web.console.people.words import local_time
from tests.support.clinic import NOW, at, row


@pytest.fixture
def clinic(clinic_for_commands, console):
    clinic_for_commands.import_rows(row(1, at(10)))
    return clinic_for_commands


def story_of(console, appointment="A1") -> str:
    page = console.browser("scheduler").page(f"/people/appointments/{appointment}")
    return page[page.index("What happened") :]


def test_the_history_says_of_each_change_what_it_was_and_from_where_it_came(clinic, console):
    importer = Importer(clinic.ledger, clinic.vault, clinic.content)
    changes = (
        ("HL7 RADIS", row(1, at(20), status="booked")),
        ("FHIR", row(1, at(21), status="cancelled")),
        ("tuesday.csv", row(1, at(21), status="booked", language="es")),
        ("Epic (API)", row(1, at(21), status="booked", language="es", first_name="Rosa")),
    )
    for hours, (source, cells) in enumerate(changes, start=1):
        importer.run_rows(iter([(1, cells)]), source, NOW + timedelta(hours=hours))
    told = (
        *("The appointment was imported.", "From: appointments.csv"),
        *("An import changed the appointment: time.", "From: HL7 RADIS"),
        *("An import moved the appointment to Tue, Dec 22, 2026, 10:00 AM.", "From: FHIR"),
        *("An import changed the appointment: status.", "From: FHIR"),
        *("An import changed the appointment: language, status.", "From: tuesday.csv"),
        *("An import changed the appointment: name.", "From: Epic (API)"),
    )
    story = story_of(console)
    assert in_order(story, told), story


def in_order(story: str, sentences: Iterable[str]) -> bool:
    """Whether each sentence follows the one before."""
    end = 0
    for sentence in sentences:
        found = story.find(sentence, end)
        if found < 0:
            return False
        end = found + len(sentence)
    return True


MOVES = [
    ((20,), ("moved the appointment from {0} to {1}.",)),
    ((20, 21), ("moved the appointment from {0} to another time.", "moved the appointment to {2}.")),
]


@pytest.mark.parametrize(("days", "sentences"), MOVES, ids=["one move", "two moves"])
def test_a_move_says_what_is_known_of_the_times_because_a_text_was_about_them(clinic, console, days, sentences):
    clinic.import_rows(row(2, at(2)))
    assert len(clinic.claim()) == 1
    for hours, day in enumerate(days, start=1):
        clinic.import_rows(row(2, at(day)), now=NOW + timedelta(hours=hours))
    story = story_of(console, "A2")
    with console.app.test_request_context():
        times = [local_time(NOW + timedelta(days=day), "America/New_York") for day in (2, *days)]
    assert in_order(story, [f"An import {sentence.format(*times)}" for sentence in sentences])


def test_earlier_answers_are_kept_that_made_work(clinic, console):
    for hours, answer in enumerate(("change", "confirmed"), start=1):
        with clinic.ledger.write() as connection:
            record_reply(connection, clinic.vault, "+16035550101", NOW + timedelta(hours=hours), answer)
    story = story_of(console)
    assert in_order(story, ("The patient asked for another time.", "The patient confirmed."))
    assert story.count("The patient asked for another time.") == 1


def test_every_answer_is_in_the_history_also_after_the_appointment_was_moved(clinic, console):
    for hours, answer in ((1, "confirmed"), (2, "change"), (3, "confirmed")):
        with clinic.ledger.write() as connection:
            record_reply(connection, clinic.vault, "+16035550101", NOW + timedelta(hours=hours), answer)
    clinic.import_rows(row(1, at(20)), now=NOW + timedelta(hours=4), name="moved.csv")
    assert clinic.appointment("A1").answer is None
    story = story_of(console)
    yes, other = "The patient confirmed.", "The patient asked for another time."
    assert in_order(story, (yes, other, yes, "An import moved the appointment", "From: moved.csv"))
    assert (story.count(yes), story.count(other), story.count("An import")) == (2, 1, 1)


def test_a_wrong_number_is_in_the_history_after_the_number_was_corrected(clinic, console):
    with clinic.ledger.write() as connection:
        mark_wrong_number(connection, clinic.vault, "+16035550101", NOW + timedelta(hours=1))
    clinic.import_rows(row(1, at(10)) | {"phone": "603-555-0177"}, now=NOW + timedelta(hours=2))
    assert clinic.appointment("A1").answer is None
    assert story_of(console).count("A reply said that the number is not the patient’s.") == 1


def test_an_import_that_says_what_is_known_is_no_change(clinic, console):
    clinic.import_rows(row(1, at(10)), now=NOW + timedelta(hours=1), name="again.csv")
    assert "again.csv" not in story_of(console)


def test_a_moved_appointment_says_which_texts_were_for_the_earlier_time(clinic, console):
    clinic.send(NOW + timedelta(days=3))
    clinic.import_rows(row(1, at(20)), now=NOW + timedelta(days=3, hours=1), name="moved.csv")
    story = story_of(console)
    assert "for the earlier time" in story
    assert "An import moved the appointment from" in story
    assert "From: moved.csv" in story
