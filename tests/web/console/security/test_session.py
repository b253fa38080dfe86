"""When a session ends, and when its cookie is renewed."""

from __future__ import annotations

import time
from urllib.parse import parse_qs, urlsplit

import pytest
from itsdangerous import TimestampSigner

from ivr.web.console.security.form_pages import HTMX
from ivr.web.console.security.session import LIVE
from tests.web.console.conftest import Browser, Console

MINUTES = 60


def renews(browser: Browser, *headers: str) -> bool:
    answer = browser.get("/today/waiting", headers=dict.fromkeys(headers, "true"))
    assert answer.status_code == 200
    return bool(answer.headers.getlist("Set-Cookie"))


@pytest.fixture
def browser(console: Console) -> Browser:
    browser = console.browser()
    browser.page("/")
    return browser


@pytest.fixture
def aged(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> Browser:
    """A browser whose cookie is two minutes old."""
    pass_minutes(monkeypatch, 2)
    return browser


def test_a_page_renews_the_session(browser: Browser) -> None:
    assert renews(browser)


@pytest.mark.parametrize("signed_in", [True, False])
def test_a_file_of_a_page_never_sets_the_cookie(console: Console, signed_in: bool) -> None:
    browser = console.browser() if signed_in else console.stranger()
    browser.get("/login")
    answer = browser.get("/static/console.css")
    assert (answer.status_code, answer.headers.getlist("Set-Cookie")) == (200, [])


def test_a_page_that_refreshes_itself_does_not_renew_the_session(aged: Browser) -> None:
    assert not renews(aged, LIVE, HTMX)


def test_a_part_asked_for_while_somebody_types_takes_back_no_note(browser: Browser) -> None:
    assert not renews(browser, HTMX)


def test_somebody_who_types_for_minutes_stays_signed_in(aged: Browser) -> None:
    assert renews(aged, HTMX)
    assert not renews(aged, HTMX)


@pytest.mark.parametrize(
    ("current", "page"),
    [
        ("http://localhost/reminders/batches/1?appointment=A1", "/reminders/batches/1?appointment=A1"),
        ("http://localhost/", "/"),
        ("http://localhost//evil.example/", "/"),
        ("https://evil.example/reminders", "/"),
        ("javascript:alert(1)", "/"),
        ("", "/"),
    ],
)
def test_a_live_part_whose_session_has_ended_leads_back_to_its_page(console: Console, current: str, page: str) -> None:
    headers = {HTMX: "true", LIVE: "1", "HX-Current-URL": current}
    answer = console.stranger().get("/reminders/batches/1/live", headers=headers)
    assert answer.status_code == 204
    address = urlsplit(answer.headers["HX-Redirect"])
    assert (address.path, parse_qs(address.query)["next"]) == ("/login", [page])


@pytest.mark.parametrize(
    ("idle_minutes", "is_signed_in"), [(14, True), (16, False)], ids=["after 14 minutes", "after 16 minutes"]
)
def test_a_session_ends_after_fifteen_idle_minutes(
    browser: Browser, monkeypatch: pytest.MonkeyPatch, idle_minutes: int, is_signed_in: bool
) -> None:
    pass_minutes(monkeypatch, idle_minutes)
    answer = browser.get("/account")
    assert answer.status_code == (200 if is_signed_in else 302)
    assert is_signed_in or answer.location.startswith("/login")


def test_somebody_who_works_every_ten_minutes_stays_signed_in(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    for minutes in (10, 20, 30):
        pass_minutes(monkeypatch, minutes)
        browser.page("/account")


def test_a_page_that_refreshes_itself_keeps_nobody_signed_in(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    for minutes in (10, 14):
        pass_minutes(monkeypatch, minutes)
        assert browser.get("/today/waiting", headers={LIVE: "true", HTMX: "true"}).status_code == 200
    pass_minutes(monkeypatch, 16)
    assert browser.get("/account").status_code == 302


def pass_minutes(monkeypatch: pytest.MonkeyPatch, minutes: int) -> None:
    """Let time pass for the cookies, counted from the start of the test."""
    monkeypatch.setattr(TimestampSigner, "get_timestamp", lambda _: int(time.time()) + minutes * MINUTES)
