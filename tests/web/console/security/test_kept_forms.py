"""Forms that were sent but not done: what is kept of them, for whom, and how much of the disk they take."""

from __future__ import annotations

import html
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from ivr.ledger import Ledger, LedgerUnavailable
from ivr.people.work_items import add_work_item
from ivr.web.console.people import views
from ivr.web.console.security import kept_forms
from ivr.web.console.security.form_pages import HTMX
from tests.support.clinic import NOW, Clinic, at, row
from tests.web.console.conftest import TOKEN, Browser, Console

HERE = {"Origin": "http://localhost"}
ITEM, WORDS = "/work/items/1", "Called twice; the daughter's number is better."
IN_THE_MEANTIME = "You signed in again in the meantime."
IS_HERE = "What you typed is here: check it, and send it again."
IS_KEPT = "what you typed is kept for 15 minutes"


@pytest.fixture
def console(console: Console, clinic_for_commands: Clinic) -> Console:
    clinic_for_commands.import_rows(row(1, at(10)))
    with console.services.ledger.write() as connection:
        add_work_item(connection, "change", 1, 1, NOW)
    return console


@pytest.fixture
def browser(console: Console) -> Browser:
    return console.browser()


def send(browser: Browser, token: str, path: str = ITEM, headers: dict[str, str] = HERE, **fields: Any) -> TestResponse:
    sent = fields or {"note": WORDS, "based_on": "", "loaded": ""}
    return browser.client.post(path, data={"csrf_token": token, **sent}, headers=headers)


def sign_in_again(browser: Browser) -> str:
    """As in another tab, where a sign-in renews the token of forms. Returns the token from before."""
    old = browser.token()
    with browser.client.session_transaction() as session:
        del session["csrf_token"]
    assert browser.token() != old
    return old


def note(browser: Browser) -> str:
    found = re.search(r'<textarea[^>]*name="note"[^>]*>([^<]*)<', browser.page(ITEM))
    assert found
    return html.unescape(found[1])


def folder(console: Console) -> Path:
    return console.services.settings.var_dir / "kept-forms"


def files(console: Console) -> list[Path]:
    return list(folder(console).iterdir()) if folder(console).exists() else []


# A new sign-in in another tab.


def test_a_form_from_before_a_new_sign_in_is_shown_again_and_not_done(browser: Browser) -> None:
    answer = send(browser, sign_in_again(browser))
    assert (answer.status_code, answer.location) == (302, ITEM)
    page = browser.page(ITEM)
    assert f"{IN_THE_MEANTIME} {IS_HERE}" in page
    assert html.escape(WORDS, quote=False).replace("'", "&#39;") in page
    # It was shown, and never stored.
    assert note(browser) == ""
    assert send(browser, browser.token()).status_code == 303
    assert note(browser) == WORDS


def test_a_button_from_before_a_new_sign_in_does_nothing_and_leads_to_its_page(browser: Browser) -> None:
    token = sign_in_again(browser)
    answer = browser.client.post(f"{ITEM}/claim", data={"csrf_token": token}, headers=HERE)
    assert answer.location == ITEM
    page = browser.page(ITEM)
    assert f"{IN_THE_MEANTIME[:-1]}, so nothing was done." in page
    assert "Take it" in page or "Take this" in page


def test_a_live_part_from_before_a_new_sign_in_leads_to_its_page(browser: Browser) -> None:
    token = sign_in_again(browser)
    headers = {**HERE, HTMX: "true", "HX-Current-URL": f"http://localhost{ITEM}", "X-CSRFToken": token}
    answer = browser.client.post(ITEM, data={"note": WORDS}, headers=headers)
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (204, ITEM)
    assert note(browser) == WORDS


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "https://evil.example", "Referer": f"http://localhost{ITEM}"},
        {"Referer": "https://evil.example/localhost"},
        {"Referer": "http://localhost.evil.example/"},
        {"Origin": "http://["},
    ],
    ids=str,
)
@pytest.mark.parametrize("ending", ["signed in again", "signed out"])
def test_another_site_puts_no_words_into_a_form(
    console: Console, browser: Browser, headers: dict[str, str], ending: str
) -> None:
    # Anybody can read a token of ours from the sign-in page.
    token = token_of_stranger(console.stranger())
    identity = ""
    if ending == "signed out":
        with browser.client.session_transaction() as session:
            identity = session.pop("_user_id")
    assert send(browser, token, headers=headers).status_code == (302 if identity else 400)
    if identity:
        with browser.client.session_transaction() as session:
            session["_user_id"] = identity
    assert files(console) == []
    assert note(browser) == ""


def token_of_stranger(client: FlaskClient) -> str:
    found = TOKEN.search(client.get("/login").get_data(as_text=True))
    assert found
    return found[1]


# Failures.


@contextmanager
def _fail(_: Ledger) -> Iterator[None]:
    raise LedgerUnavailable("down")
    yield


@contextmanager
def database_down() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Ledger, "read", _fail)
        patch.setattr(Ledger, "write", _fail)
        yield


def test_what_was_typed_while_the_database_was_down_is_there_again_afterward(browser: Browser) -> None:
    token = browser.token()
    with database_down():
        answer = send(browser, token)
        page = answer.get_data(as_text=True)
        assert answer.status_code == 503
        assert IS_KEPT in page
        assert f'href="{ITEM}"' in page
        # Looking too early loses nothing.
        assert browser.get(ITEM).status_code == 503
    assert note(browser) == WORDS
    assert note(browser) == ""


def test_what_was_typed_before_an_unexpected_failure_is_there_again_afterward(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = browser.token()
    with monkeypatch.context() as patch:
        patch.setattr(views, "find_appointment", lambda *_: 1 / 0)
        answer = send(browser, token, "/people", wanted="A7 & B")
    page = answer.get_data(as_text=True)
    assert (answer.status_code, IS_KEPT in page) == (500, True)
    assert 'href="/people"' in page
    assert "A7 &amp; B" in browser.page("/people")


@pytest.mark.parametrize("token", ["", "made up"])
def test_a_failure_promises_nothing_that_is_not_kept(browser: Browser, token: str) -> None:
    with database_down():
        page = send(browser, token).get_data(as_text=True)
        shown = browser.get(ITEM).get_data(as_text=True)
    assert IS_KEPT not in page + shown
    assert "Nothing you sent was stored." in page


def test_a_form_that_was_sent_again_with_success_does_not_come_back(browser: Browser) -> None:
    token = browser.token()
    with database_down():
        assert IS_KEPT in send(browser, token).get_data(as_text=True)
    assert send(browser, token, note="Better words.", based_on="", loaded="").status_code == 303
    assert note(browser) == "Better words."


# The disk.


def test_what_no_page_of_ours_can_have_sent_is_not_kept(console: Console) -> None:
    stranger = console.stranger()
    for token in ("", "made-up", "IjAi.made.up"):
        answer = stranger.post("/people", data={"wanted": "A1", "csrf_token": token}, headers=HERE)
        assert answer.status_code == 302
    assert files(console) == []


@pytest.mark.parametrize(("limit", "value"), [("MAX_FORMS", 3), ("MAX_FOLDER_BYTES", 9000)])
def test_kept_forms_take_a_limited_part_of_the_disk_and_the_oldest_goes_first(
    console: Console, monkeypatch: pytest.MonkeyPatch, limit: str, value: int
) -> None:
    monkeypatch.setattr(kept_forms, limit, value)
    stranger = console.stranger()
    token = token_of_stranger(stranger)
    known: list[Path] = []
    for number in range(6):
        stranger.post("/people", data={"wanted": "A" * 2000, "csrf_token": token}, headers=HERE)
        (newest,) = set(files(console)) - set(known)
        # Some file systems round times.
        os.utime(newest, (time.time() - 60 + number,) * 2)
        known.append(newest)
    left = files(console)
    assert set(left) == set(known[-len(left) :])
    assert 1 <= len(left) <= 4
    assert len(left) <= kept_forms.MAX_FORMS
    assert sum(file.stat().st_size for file in left) <= kept_forms.MAX_FOLDER_BYTES


def test_kept_forms_are_deleted_after_half_an_hour(console: Console) -> None:
    stranger = console.stranger()
    token = token_of_stranger(stranger)
    for _ in range(2):
        stranger.post("/people", data={"wanted": "A1", "csrf_token": token}, headers=HERE)
        (file,) = files(console)
        os.utime(file, (time.time() - kept_forms.SECONDS - 1,) * 2)
