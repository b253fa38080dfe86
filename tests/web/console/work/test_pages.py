"""The work list: who sees what, who has taken what, notes, and what is done and undone."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from click.testing import CliRunner
from sqlalchemy import update

from ivr import clock
from ivr.cli import main
from ivr.ledger.tables import callback, person, todo
from ivr.people.audit import entries_since
from ivr.people.work_claims import note_version
from ivr.people.work_items import add_work_item
from tests.support.clinic import NOW, Clinic, at, row
from tests.web.console.work.support import JOAN, NOTE, ask

TITLE = re.compile(r"<title>(.*?)</title>", re.DOTALL)


@pytest.fixture
def clinic(clinic_for_commands: Clinic, console) -> Clinic:
    """A clinic with appointments A1 of Jane and A2 of Joan, and one item of each kind except landlines."""
    clinic = clinic_for_commands
    clinic.import_rows(row(1, at(10)), row(2, at(11)))
    ask(clinic.ledger, clinic.vault, now=NOW - timedelta(hours=3))
    with clinic.ledger.write() as connection:
        for kind in ("change", "cancel", "wrong-number"):
            add_work_item(connection, kind, 1, 1, NOW - timedelta(hours=5))
    return clinic


@pytest.fixture
def ann(clinic, console):
    return console.browser("scheduler", "Ann")


@pytest.fixture
def bob(clinic, console):
    return console.browser("scheduler", "Bob")


def only(clinic, table=callback):
    return clinic.all(table)[0]


def audited(clinic, *kinds):
    with clinic.ledger.read() as connection:
        return [(entry.kind, entry.details) for entry in entries_since(connection, NOW) if entry.kind in kinds]


# The lists


def test_each_list_has_a_tab_with_a_count_and_an_empty_list_says_what_it_is_for(ann, clinic):
    page = ann.page("/work")
    tabs = re.findall(r'<a href="(/work[^"]*)"[^>]*>([^<]*?)&nbsp;<span class="tab-count">(\d+)', page)
    assert [(path, int(count)) for path, _, count in tabs] == [
        ("/work", 1),
        ("/work/items", 1),
        ("/work/cancel", 1),
        ("/work/wrong-number", 1),
        ("/work/landlines", 0),
    ]
    for path in ("/work", "/work/items", "/work/cancel", "/work/wrong-number"):
        page = ann.page(path)
        assert "•••• 0101" in page
        assert not any(number in page for number in ("5550101", "555-0101"))
    for path, words in (("/work/landlines", "No landlines to call"), ("/work/done", "Nothing was done lately")):
        assert words in ann.page(path)
    with clinic.ledger.write() as connection:
        connection.execute(update(callback).values(done_at=NOW, done_by="x"))
        connection.execute(update(todo).values(done_at=NOW, done_by="x"))
    for path, words in (
        ("/work", "Nobody waits for a call back"),
        ("/work/items", "No change requests"),
        ("/work/cancel", "No CANCELs"),
        ("/work/wrong-number", "No wrong numbers"),
    ):
        assert words in ann.page(path)


def test_red_flags_come_first_and_then_the_callers_who_have_waited_longest(ann, clinic):
    ask(clinic.ledger, clinic.vault, JOAN, "person-soon", call="CA2", now=NOW - timedelta(hours=1))
    ask(clinic.ledger, clinic.vault, "+16035550103", "cancer", call="CA3", now=NOW - timedelta(hours=9))
    page = ann.page("/work")
    assert re.findall(r"•••• (\d{4})</a>", page) == ["0102", "0103", "0101"]
    assert "Urgent" in page
    for words in ("Is it cancer?", "In the morning", "Español", "3 h ago", "The Elliot Breast Health Center"):
        assert words in page


def test_reading_a_list_or_an_item_is_audited(ann, clinic):
    for path in ("/work", "/work/cancel", "/work/callbacks/1", "/work/items/3"):
        ann.page(path)
    assert audited(clinic, "callbacks_read", "todos_read") == [
        ("callbacks_read", {"callbacks": [1]}),
        ("todos_read", {"todos": [2]}),
        ("callbacks_read", {"callbacks": [1]}),
        ("todos_read", {"todos": [3]}),
    ]


def test_a_list_is_shown_in_pages(ann, clinic):
    for number in range(60):
        ask(clinic.ledger, clinic.vault, JOAN, call=f"CB{number}", entry=f"office-{number}")
    pages = [ann.page(f"/work?page={number}") for number in (1, 2, 3)]
    assert [page.count("row-link") for page in pages] == [25, 25, 11]
    for wrong in ("0", "-1", "x", "9" * 30):
        assert ann.get(f"/work?page={wrong}").status_code == 200


# Taking, giving back, done, undo


def test_an_item_is_taken_given_back_and_done(ann, clinic):
    assert "Take it before you call" in ann.page("/work/callbacks/1")
    response = ann.post("/work/callbacks/1/claim")
    assert (response.status_code, response.location) == (303, "/work/callbacks/1")
    assert (only(clinic).claimed_by, only(clinic).claimed_at) == (1, NOW)
    assert "You have taken this, just now" in ann.page("/work/callbacks/1")
    assert ann.post("/work/callbacks/1/release").location == "/work"
    assert only(clinic).claimed_by is None
    ann.post("/work/callbacks/1/claim")
    assert ann.post("/work/callbacks/1/done").location == "/work"
    assert (only(clinic).done_at, only(clinic).done_by) == (NOW, "Ann")
    assert "Nobody waits" in ann.page("/work")
    kinds = ("work_claimed", "work_released", "work_done", "work_reopened")
    assert [kind for kind, _ in audited(clinic, *kinds)] == [kinds[0], kinds[1], kinds[0], kinds[2]]
    assert {str(details) for _, details in audited(clinic, *kinds)} == {
        str({"callback": 1, "todo": None, "message": None})
    }


def test_the_second_person_is_told_who_has_it(ann, bob, clinic):
    ann.post("/work/callbacks/1/claim")
    for action in ("claim", "release", "done"):
        response = bob.post(f"/work/callbacks/1/{action}")
        assert response.status_code == 409
        assert "Ann has this, taken just now." in response.get_data(as_text=True)
    assert "Ann" in bob.page("/work")
    assert only(clinic).claimed_by == 1
    ann.post("/work/callbacks/1/done")
    response = bob.post("/work/callbacks/1/claim")
    assert (response.status_code, "Ann has done this" in response.get_data(as_text=True)) == (409, True)


def test_a_claim_of_yesterday_and_any_claim_for_an_administrator_is_freed(ann, bob, console, clinic, monkeypatch):
    ann.post("/work/items/1/claim")
    assert "Free it for others" in console.browser("admin").page("/work/items/1")
    assert console.browser("admin").post("/work/items/1/release").status_code == 303
    ann.post("/work/items/1/claim")
    assert bob.post("/work/items/1/release").status_code == 409
    with clinic.ledger.write() as connection:
        connection.execute(update(todo).values(claimed_at=NOW - timedelta(hours=9)))
    assert "Free it for others" in bob.page("/work/items/1")
    assert bob.post("/work/items/1/release").status_code == 303


def test_what_is_done_can_be_undone_by_a_colleague_who_then_has_it(ann, bob, clinic):
    for path in ("/work/callbacks/1", "/work/items/1"):
        ann.post(f"{path}/done")
        done = bob.page("/work/done")
        assert "Ann" in done
        assert f"{path}/reopen" in done
        assert bob.post(f"{path}/reopen").location == path
        assert "You have taken this" in bob.page(path)
        assert "Nothing was done lately" in bob.page("/work/done")
    assert audited(clinic, "work_reopened")[0] == ("work_reopened", {"callback": 1, "todo": None, "message": None})


def test_undo_is_refused_once_the_same_work_waits_again_or_too_late(ann, clinic):
    ann.post("/work/callbacks/1/done")
    ask(clinic.ledger, clinic.vault, call="CA9")
    response = ann.post("/work/callbacks/1/reopen")
    assert (response.status_code, "cannot be undone" in response.get_data(as_text=True)) == (409, True)
    ann.post("/work/items/1/done")
    with clinic.ledger.write() as connection:
        connection.execute(update(todo).values(done_at=NOW - timedelta(days=8)))
    assert ann.post("/work/items/1/reopen").status_code == 409
    assert ann.post("/work/items/2/reopen").status_code == 409


def test_the_commands_and_the_console_share_the_lists(ann, clinic):
    ann.post("/work/items/1/claim")
    assert CliRunner().invoke(main, ["todos", "done", "1"]).exit_code == 0
    assert CliRunner().invoke(main, ["callbacks", "done", "1"]).exit_code == 0
    assert ann.post("/work/items/1/done").status_code == 409
    assert "Nobody waits" in ann.page("/work")


# Landlines


def test_a_landline_with_an_appointment_ahead_is_listed_until_somebody_has_called(ann, bob, clinic):
    with clinic.ledger.write() as connection:
        connection.execute(update(person).values(landline=True))
    page = ann.page("/work/landlines")
    assert re.findall(r"•••• (\d{4})</a>", page) == ["0101", "0102"]
    assert ann.post("/work/landlines/1").location == "/work/items/4"
    response = bob.post("/work/landlines/1")
    assert (response.status_code, "Ann has this" in response.get_data(as_text=True)) == (409, True)
    assert ann.post("/work/items/4/done").location == "/work/landlines"
    assert re.findall(r"•••• (\d{4})</a>", ann.page("/work/landlines")) == ["0102"]
    assert "landline" not in CliRunner().invoke(main, ["todos", "--json"]).output
    clinic.import_rows(row(1, at(15)), now=NOW + timedelta(hours=1))
    assert re.findall(r"•••• (\d{4})</a>", ann.page("/work/landlines")) == ["0102", "0101"]


def test_a_landline_whose_appointments_are_over_is_not_listed(ann, clinic, monkeypatch):
    with clinic.ledger.write() as connection:
        connection.execute(update(person).values(landline=True))
    monkeypatch.setattr(clock, "now", lambda: NOW + timedelta(days=30))
    with clinic.ledger.read() as connection:
        from ivr.web.console.work import queries

        assert queries.landlines(connection, clock.now(), 1) == ([], False)


# Notes


def test_a_note_of_10_000_characters_is_kept_sealed_and_shown_as_typed(ann, bob, clinic):
    note = (NOTE * 2)[:9_999] + "!"
    assert ann.post("/work/callbacks/1", {"note": note, "based_on": ""}).location == "/work/callbacks/1"
    stored = only(clinic).note_sealed
    assert clinic.vault.open(stored) == note
    assert "🙏".encode() not in stored
    page = bob.page("/work/callbacks/1")
    assert "سيتصل لاحقًا 🙏 &lt;b&gt;Ruf an&lt;/b&gt;" in page
    assert "<b>" not in page
    assert audited(clinic, "work_noted") == [("work_noted", {"callback": 1, "todo": None, "message": None})]


def test_a_note_that_is_too_long_is_refused_and_kept_in_the_form(ann, clinic):
    response = ann.post("/work/items/1", {"note": "🙏" * 10_001, "based_on": ""})
    page = response.get_data(as_text=True)
    assert response.status_code == 422
    assert "10001 characters" in page
    assert "🙏" * 10_001 in page
    assert only(clinic, todo).note_sealed is None


def test_line_breaks_count_once_and_an_empty_note_deletes(ann, clinic):
    ann.post("/work/items/1", {"note": "a\r\n" * 4_999 + "b", "based_on": ""})
    stored = only(clinic, todo).note_sealed
    assert len(clinic.vault.open(stored)) == 9_999
    ann.post("/work/items/1", {"note": " ", "based_on": note_version(stored)})
    assert only(clinic, todo).note_sealed is None


def test_two_people_write_a_note_at_once_and_neither_is_lost(ann, bob, clinic):
    ann.post("/work/items/1", {"note": "of Ann", "based_on": ""})
    response = bob.post("/work/items/1", {"note": "of Bob", "based_on": ""})
    page = response.get_data(as_text=True)
    assert response.status_code == 409
    assert "of Ann" in page
    assert "of Bob" in page
    based_on = re.search(r'name="based_on" value="([0-9a-f]+)"', page)[1]
    assert bob.post("/work/items/1", {"note": "of both", "based_on": based_on}).status_code == 303
    assert clinic.vault.open(only(clinic, todo).note_sealed) == "of both"


def note_form(page):
    """The form of the note, as its buttons send it, and the actions of the buttons."""
    assert '<form method="post"' in page
    form = dict(re.findall(r'name="(based_on|loaded)" value="(\w*)"', page))
    return form, re.findall(r'form="note-form" formaction="([^"]*)"', page)


def test_a_button_that_changes_the_item_saves_the_typed_note_too(ann, bob, clinic):
    form, actions = note_form(ann.page("/work/items/1"))
    assert actions == ["/work/items/1/claim", "/work/items/1/done"]
    ann.post(actions[0], {**form, "note": "rang twice"})
    assert "rang twice" in ann.page("/work/items/1")
    form, actions = note_form(ann.page("/work/items/1"))
    assert actions == ["/work/items/1/done", "/work/items/1/release"]
    assert ann.post(actions[0], {**form, "note": "moved to May"}).location == "/work/items"
    assert clinic.vault.open(only(clinic, todo).note_sealed) == "moved to May"
    assert len(audited(clinic, "work_noted")) == 2


def test_a_note_that_nobody_typed_is_left_as_it_is(ann, bob, clinic):
    form, _ = note_form(ann.page("/work/items/1"))
    bob.post("/work/items/1", {"note": "of Bob", "based_on": ""})
    assert ann.post("/work/items/1/claim", {**form, "note": ""}).status_code == 303
    assert clinic.vault.open(only(clinic, todo).note_sealed) == "of Bob"
    assert len(audited(clinic, "work_noted")) == 1


def test_an_item_is_not_done_while_its_note_cannot_be_saved(ann, bob, clinic):
    form, _ = note_form(ann.page("/work/items/1"))
    assert ann.post("/work/items/1/done", {**form, "note": "x" * 10_001}).status_code == 422
    bob.post("/work/items/1", {"note": "of Bob", "based_on": ""})
    answer = ann.post("/work/items/1/done", {**form, "note": "of Ann"})
    page = answer.get_data(as_text=True)
    assert (answer.status_code, only(clinic, todo).done_at) == (409, None)
    assert "of Ann" in page
    assert "of Bob" in page
    assert not audited(clinic, "work_done")
    assert ann.post("/work/items/1/done", {**note_form(page)[0], "note": "of both"}).status_code == 303
    assert clinic.vault.open(only(clinic, todo).note_sealed) == "of both"


def test_a_note_for_an_item_that_somebody_else_took_stays_in_the_form(ann, bob, clinic):
    form, _ = note_form(bob.page("/work/items/1"))
    ann.post("/work/items/1/claim")
    answer = bob.post("/work/items/1/claim", {**form, "note": "typed by Bob"})
    assert answer.status_code == 409
    assert "typed by Bob</textarea>" in answer.get_data(as_text=True)


def test_a_note_typed_before_the_session_ended_is_kept_whatever_button_sent_it(ann, clinic):
    form, _ = note_form(ann.page("/work/items/1"))
    back, _ = ann.post_too_late("/work/items/1/done", {**form, "note": "rang twice"}, "/work/items/1")
    assert back == "/work/items/1"
    assert "rang twice</textarea>" in ann.page("/work/items/1")


def test_a_note_whose_key_is_lost_is_explained(ann, clinic):
    with clinic.ledger.write() as connection:
        connection.execute(update(todo).values(note_sealed=b"0" * 40))
    page = ann.page("/work/items/1")
    assert "The note cannot be read" in page
    assert '<form method="post" action="/work/items/1/claim"' in page
    assert 'form="note-form"' not in page


# Roles, forged ids, and what must not leak


def test_an_operator_handles_call_backs_and_looks_at_the_rest(console, clinic):
    browser = console.browser("operator")
    with clinic.ledger.write() as connection:
        connection.execute(update(person).values(landline=True))
    for path in ("/work/items", "/work/landlines", "/work/items/1"):
        page = browser.page(path)
        assert "/claim" not in page
        assert "Save the note" not in page
    for path in ("/work/items/1/claim", "/work/items/1/done", "/work/items/1", "/work/landlines/1"):
        assert browser.post(path, {"note": "x"}).status_code == 403
    assert browser.post("/work/callbacks/1/claim").status_code == 303
    assert browser.post("/work/callbacks/1", {"note": "x", "based_on": ""}).status_code == 303


FORGED = [
    ("get", "/work/callbacks/77"),
    ("get", "/work/items/77"),
    ("get", "/work/items/99999999999999999999"),
    ("get", "/work/nothing"),
    ("post", "/work/callbacks/77"),
    ("post", "/work/callbacks/77/claim"),
    ("post", "/work/callbacks/1/steal"),
    ("post", "/work/items/77/done"),
    ("post", "/work/items/99999999999/reopen"),
    ("post", "/work/landlines/77"),
    ("post", "/work/landlines/1"),
    ("post", "/work/landlines/99999999999"),
]


def test_a_forged_id_is_not_found(ann, clinic):
    for method, path in FORGED:
        response = ann.get(path) if method == "get" else ann.post(path, {"note": "x", "based_on": ""})
        assert response.status_code == 404, path


def test_a_post_without_a_token_changes_nothing(ann, clinic):
    for path in ("/work/callbacks/1/claim", "/work/items/1/done", "/work/callbacks/1"):
        assert ann.client.post(path, data={"note": "x"}).status_code == 400
    assert only(clinic).claimed_by is None


def test_no_title_and_no_address_contains_a_number(ann, clinic):
    with clinic.ledger.write() as connection:
        connection.execute(update(person).values(landline=True))
    paths = ["/work", "/work/items", "/work/landlines", "/work/done", "/work/callbacks/1", "/work/items/1"]
    for page in map(ann.page, paths):
        assert "0101" not in TITLE.search(page)[1]
        assert not any("0101" in link for link in re.findall(r'(?:href|action|hx-post)="([^"]*)"', page))
