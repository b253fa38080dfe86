"""What the console shows while something is down: the database, or the published words of the line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from ivr.ledger import Ledger, LedgerUnavailable
from ivr.people.work_items import add_work_item
from ivr.releases.cache import ReleaseCache
from ivr.web.console.access import STATIC
from ivr.web.console.security.datastore import LedgerUserDatastore
from tests.support.clinic import NOW, Clinic, at, row
from tests.web.console.conftest import TOKEN, Console
from tests.web.console.security.support import Address, addresses
from tests.web.console.work.support import ask

STILL_WORKS = "The line answers calls and texts as before."
UNREADABLE = "The published words of the line cannot be read, and this page needs them."


@pytest.fixture
def console(console: Console, clinic_for_commands: Clinic) -> Console:
    clinic = clinic_for_commands
    clinic.import_rows(row(1, at(10)), row(2, at(11)))
    ask(clinic.ledger, clinic.vault, topic="cancer")
    with clinic.ledger.write() as connection:
        add_work_item(connection, "change", 1, 1, NOW)
    return console


@contextmanager
def _fail(_: Ledger) -> Iterator[None]:
    raise LedgerUnavailable("down")
    yield


def break_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Ledger, "read", _fail)
    monkeypatch.setattr(Ledger, "write", _fail)


# The form of any page: each takes the fields that it knows.
FORM = {
    "action": "pause", "active": "no", "based_on": "", "days": "30", "email": "rosa@example.org", "language": "es",
    "loaded": "", "name": "Rosa", "note": "Called.", "password": "four plain old words", "reason": "Asked for it.",
    "role": "scheduler", "wanted": "A1",
}  # fmt: skip
# Of the library, about its own form.
OF_A_LIBRARY = pytest.mark.filterwarnings("ignore:Passing SelectField choices as tuples:DeprecationWarning")


# They end the session, or start a process that reads the database by itself.
OTHERS = ("security.", "sign_in.", "account.sign_out_everywhere", "settings.run_doctor")


def answers(
    client: FlaskClient, console: Console, token: str, left_out: tuple[str, ...] = ()
) -> Iterator[tuple[Address, TestResponse]]:
    """What every address answers, except files and those left out: the beginnings of their endpoints."""
    for address in addresses(console.app, "GET", "POST"):
        if not address.endpoint.startswith((*STATIC, *left_out)):
            form = {"csrf_token": token, **FORM} if address.method == "POST" else None
            yield address, client.open(address.path, method=address.method, data=form)


def test_while_the_database_is_down_each_address_says_so_and_what_still_works(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = console.browser()
    token = browser.token()
    break_database(monkeypatch)
    asked = 0
    for address, answer in answers(browser.client, console, token):
        asked += 1
        assert (answer.status_code, STILL_WORKS in answer.get_data(as_text=True)) == (503, True), str(address)
    assert asked > 100


@OF_A_LIBRARY
def test_a_stranger_is_asked_to_sign_in_and_then_told_that_the_database_is_down(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    stranger = console.stranger()
    break_database(monkeypatch)
    token = TOKEN.search(stranger.get("/login").get_data(as_text=True))
    assert token is not None
    found = {}
    for address, answer in answers(stranger, console, token[1]):
        if answer.status_code != 302:
            found[str(address)] = answer.status_code
            assert (answer.status_code == 503) == (STILL_WORKS in answer.get_data(as_text=True)), str(address)
    assert found == {
        "GET /login": 200,
        "POST /login": 503,
        "GET /welcome/made-up": 503,
        "POST /welcome/made-up": 503,
        # No provider is set up.
        "GET /sign-in/provider/return": 404,
        "POST /sign-in/provider": 404,
    }


# What is answered without the database once the user is known.
NEEDS_NONE = {
    "GET /account",
    "GET /line",
    "GET /people",
    "GET /prompts/draft/publishing",
    "GET /prompts/sounds/made-up",
    "GET /reminders/upload",
    "GET /reminders/uploads/00000000000000000000000000000000",
    "GET /reminders/uploads/00000000000000000000000000000000/progress",
    "GET /reminders/uploads/00000000000000000000000000000000/rows-to-mend.csv",
    "GET /settings/doctor",
    "GET /settings/doctor/live",
    "GET /settings/keys/add",
    "GET /settings/users/add",
    "GET /today/numbers",
    "POST /reminders/upload",
    "POST /reminders/uploads/00000000000000000000000000000000",
}


def test_a_database_that_goes_down_while_a_page_is_made_is_no_failure_of_the_page(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The first user is another one than who signs in.
    console.browser("operator")
    browser = console.browser()
    token = browser.token()
    user = console.app.extensions["security"].datastore.find_user(id=2)
    monkeypatch.setattr(LedgerUserDatastore, "find_user", lambda *_, **__: user)
    break_database(monkeypatch)
    without = set()
    for address, answer in answers(browser.client, console, token, OTHERS):
        is_down = answer.status_code == 503
        assert is_down == (STILL_WORKS in answer.get_data(as_text=True)), str(address)
        assert is_down or answer.status_code < 500, str(address)
        if not is_down:
            without.add(str(address))
    assert without == NEEDS_NONE


def test_without_readable_words_each_page_is_shown_or_says_why_not(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = console.browser()
    monkeypatch.setattr(ReleaseCache, "live", property(lambda _: None, lambda *_: None), raising=False)
    refused = set()
    for address in addresses(console.app, "GET"):
        if address.endpoint.startswith((*STATIC, *OTHERS)):
            continue
        answer = browser.get(address.path)
        is_refused = answer.status_code == 503
        assert is_refused == (UNREADABLE in answer.get_data(as_text=True)), str(address)
        assert is_refused or answer.status_code < 500, str(address)
        if is_refused:
            refused.add(address.endpoint)
    assert {endpoint for endpoint in refused if not endpoint.startswith("prompts.")} == {
        "people.appointment",
        "reminders.ask_to_cancel",
        "reminders.download",
        "reminders.plan",
        "today.line",
    }
    assert "prompts.topics" in refused


def test_without_readable_words_a_call_back_is_taken_called_and_done(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = console.browser("operator")
    monkeypatch.setattr(ReleaseCache, "live", property(lambda _: None, lambda *_: None), raising=False)
    page = browser.page("/work")
    # The ids of the topic and of the office, whose names cannot be read.
    assert "cancer</div>" in page
    assert "breast-health-center</td>" in page
    assert "Español</td>" in page
    assert browser.post("/work/callbacks/1/claim").status_code == 303
    assert "603-555-0101" in browser.post("/work/callbacks/1/number").get_data(as_text=True)
    note = {"note": "", "based_on": "", "loaded": ""}
    assert browser.post("/work/callbacks/1/reached", note).status_code == 303
    assert "Nobody waits for a call back" in browser.page("/work")
