"""A text that was left out is planned again on the page of its appointment."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ivr import clock
from ivr.people.audit import entries_since
from tests.support.clinic import NOW, at, row

FORM = {"appointment_id": "A1", "step": "7d"}
PAGE = "/people/appointments/A1"


@pytest.fixture
def ann(console, clinic_for_commands):
    """A scheduler, who has left out the first text of A1, an appointment in ten days."""
    clinic_for_commands.import_rows(row(1, at(10)))
    browser = console.browser("scheduler")
    browser.post("/people/texts/leave-out", FORM)
    return browser


def test_a_text_that_was_left_out_is_planned_again_and_the_history_says_so(ann, clinic_for_commands):
    assert "Plan again" in ann.page(PAGE)
    response = ann.post("/people/texts/plan-again", FORM)
    assert (response.status_code, response.location) == (303, PAGE)
    page = ann.page(PAGE)
    assert "The text is planned again, and goes out at its time." in page
    assert "Plan again" not in page
    story = page[page.index("What happened") :]
    told = ("somebody of the staff left it out", "somebody of the staff planned it again", "7 days before: planned")
    positions = [story.index(words) for words in told]
    assert positions == sorted(positions)
    assert clinic_for_commands.states("A1") == {"7d": "planned"}
    with clinic_for_commands.ledger.read() as connection:
        kinds = [entry.kind for entry in entries_since(connection, NOW)]
    assert kinds.count("texts_planned_again") == 1


def test_a_text_whose_time_has_passed_can_only_be_sent_now(ann, console, monkeypatch, clinic_for_commands):
    monkeypatch.setattr(clock, "now", lambda: NOW + timedelta(days=4))
    browser = console.browser("scheduler")
    page = browser.page(PAGE)
    assert "Plan again" not in page
    assert "Send now" in page
    response = browser.post("/people/texts/plan-again", FORM)
    assert response.status_code == 409
    assert "The time of this text has passed." in response.get_data(as_text=True)
    assert clinic_for_commands.states("A1") == {"7d": "skipped"}


def test_a_text_that_nobody_left_out_stays_as_it_is(ann):
    response = ann.post("/people/texts/plan-again", {**FORM, "step": "2d"})
    assert response.status_code == 409
    assert "nothing to take back" in response.get_data(as_text=True)
