"""How a call went: noted with one press, which also marks the call-back as done if the caller was reached."""

from __future__ import annotations

import html
import re
from datetime import timedelta

import pytest

from ivr.ledger.tables import callback
from ivr.people.audit import entries_since
from ivr.people.work_claims import MAX_NOTE
from tests.support.clinic import NOW
from tests.web.console.work.support import ask

PAGE = "/work/callbacks/1"


@pytest.fixture
def clinic(clinic_for_commands, console):
    """A clinic with one caller who waits."""
    ask(clinic_for_commands.ledger, clinic_for_commands.vault, now=NOW - timedelta(hours=3))
    return clinic_for_commands


@pytest.fixture
def ann(clinic, console):
    return console.browser("scheduler", "Ann")


def form(browser, **typed) -> dict[str, str]:
    """The form with the note, as the page has it."""
    page = browser.page(PAGE)
    values = {name: re.search(rf'name="{name}" value="([^"]*)"', page)[1] for name in ("based_on", "loaded")}
    note = re.search(r"<textarea[^>]*>(.*?)</textarea>", page, re.DOTALL)[1]
    return {**values, "note": html.unescape(note), **typed}


def note_of(clinic) -> str:
    return clinic.vault.open(clinic.all(callback)[0].note_sealed)


def audited(clinic) -> list[str]:
    with clinic.ledger.read() as connection:
        return [entry.kind for entry in entries_since(connection, NOW) if entry.kind.startswith("work_")]


def test_a_caller_who_was_reached_is_done_in_one_step(ann, clinic):
    response = ann.post(f"{PAGE}/reached", form(ann))
    assert (response.status_code, response.location) == (303, "/work")
    row = clinic.all(callback)[0]
    assert (row.done_by, row.done_at) == ("Ann", NOW)
    assert note_of(clinic) == "Dec 1, 2026, 10:00 AM, Ann: Reached."
    assert audited(clinic) == ["work_done", "work_noted"]


@pytest.mark.parametrize(("outcome", "words"), [("no-answer", "No answer"), ("left-message", "Left a message")])
def test_a_caller_who_was_not_reached_stays_on_the_list_with_what_was_tried(ann, clinic, outcome, words):
    response = ann.post(f"{PAGE}/{outcome}", form(ann, note="Prefers mornings"), follow_redirects=True)
    assert "Noted. The call-back stays on the list." in response.get_data(as_text=True)
    ann.post(f"{PAGE}/no-answer", form(ann))
    assert note_of(clinic).splitlines() == [
        "Prefers mornings",
        f"Dec 1, 2026, 10:00 AM, Ann: {words}.",
        "Dec 1, 2026, 10:00 AM, Ann: No answer.",
    ]
    row = clinic.all(callback)[0]
    assert (row.done_at, row.claimed_by) == (None, None)
    assert audited(clinic) == ["work_noted", "work_noted"]
    for page in (PAGE, "/people/1"):
        assert "10:00 AM, Ann: No answer." in ann.page(page)


def test_an_outcome_keeps_who_has_taken_the_call_back(ann, clinic, console):
    ann.post(f"{PAGE}/claim", form(ann))
    taken_by = clinic.all(callback)[0].claimed_by
    assert ann.post(f"{PAGE}/no-answer", form(ann)).status_code == 303
    assert clinic.all(callback)[0].claimed_by == taken_by is not None
    bob = console.browser("scheduler", "Bob")
    assert "How did the call go?" not in bob.page(PAGE)
    before = note_of(clinic)
    for outcome in ("no-answer", "reached"):
        response = bob.post(f"{PAGE}/{outcome}", form(bob))
        assert response.status_code == 409
        assert "Ann has this" in response.get_data(as_text=True)
    assert (note_of(clinic), clinic.all(callback)[0].done_at) == (before, None)


def test_a_note_that_a_colleague_changed_meanwhile_is_not_overwritten(ann, clinic, console):
    old = form(ann)
    bob = console.browser("scheduler", "Bob")
    bob.post(PAGE, form(bob, note="Do not call before ten"))
    response = ann.post(f"{PAGE}/reached", old)
    assert response.status_code == 409
    assert "Do not call before ten" in response.get_data(as_text=True)
    assert (note_of(clinic), clinic.all(callback)[0].done_at) == ("Do not call before ten", None)


def test_a_note_without_room_for_the_outcome_stays_as_it_is(ann, clinic):
    response = ann.post(f"{PAGE}/reached", form(ann, note="x" * MAX_NOTE))
    assert response.status_code == 422
    assert "Shorten it" in response.get_data(as_text=True)
    assert clinic.all(callback)[0].done_at is None


def test_a_done_or_unknown_call_back_and_an_unknown_outcome_are_refused(ann, clinic):
    old = form(ann)
    assert ann.post(f"{PAGE}/slept", old).status_code == 404
    assert ann.post("/work/callbacks/77/reached", old).status_code == 404
    assert ann.post(f"{PAGE}/reached", {}).status_code == 400
    assert ann.post(f"{PAGE}/reached", old).status_code == 303
    assert ann.post(f"{PAGE}/no-answer", form(ann)).status_code == 409
    assert "How did the call go?" not in ann.page(PAGE)
