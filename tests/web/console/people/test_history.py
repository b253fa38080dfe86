"""The history on the page of an appointment: every change, what it was, and from where it came."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ivr.reminders.imports.importer import Importer
from tests.support.clinic import NOW, at, row


@pytest.fixture
def clinic(clinic_for_commands, console):
    clinic_for_commands.import_rows(row(1, at(10)))
    return clinic_for_commands


def story_of(console) -> str:
    page = console.browser("scheduler").page("/people/appointments/A1")
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
        *("An import changed the appointment: time, status.", "From: FHIR"),
        *("An import changed the appointment: language, status.", "From: tuesday.csv"),
        *("An import changed the appointment: name.", "From: Epic (API)"),
    )
    story = story_of(console)
    positions = [story.index(words) for words in told]
    assert positions == sorted(positions)


def test_an_import_that_says_what_is_known_is_no_change(clinic, console):
    clinic.import_rows(row(1, at(10)), now=NOW + timedelta(hours=1), name="again.csv")
    assert "again.csv" not in story_of(console)
