"""When the cookie of a session is renewed."""

from __future__ import annotations

import time

import pytest
from itsdangerous import TimestampSigner

from ivr.web.console.security.gate import HTMX
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
    monkeypatch.setattr(TimestampSigner, "get_timestamp", lambda _: int(time.time()) + 2 * MINUTES)
    return browser


def test_a_page_renews_the_session(browser: Browser) -> None:
    assert renews(browser)


def test_a_page_that_refreshes_itself_does_not_renew_the_session(aged: Browser) -> None:
    assert not renews(aged, LIVE, HTMX)


def test_a_part_asked_for_while_somebody_types_takes_back_no_note(browser: Browser) -> None:
    assert not renews(browser, HTMX)


def test_somebody_who_types_for_minutes_stays_signed_in(aged: Browser) -> None:
    assert renews(aged, HTMX)
    assert not renews(aged, HTMX)
