"""A form that is sent after the session has ended: where the sign-in leads, and what is still there."""

from __future__ import annotations

import pytest

from ivr.web.console.access import ANYONE
from tests.support.clinic import at, csv_text, row
from tests.web.console.conftest import Console
from tests.web.console.reminders.upload_support import upload
from tests.web.console.security.support import VALUES, addresses

DRAFT = "/prompts/draft"
EDITOR = "/prompts/en/goodbye"


@pytest.mark.parametrize("page", ["", DRAFT], ids=["no referrer", "from the draft"])
def test_every_form_that_is_sent_after_the_session_has_ended_leads_back_to_a_page(
    full_console: Console, page: str
) -> None:
    browser = full_console.browser("admin")
    uploaded, _ = upload(browser, csv_text([row(3, at(12))]))
    access = full_console.app.extensions["console_gate"].access
    checked = 0
    for address in addresses(full_console.app, "POST"):
        if access[address.endpoint] == ANYONE:
            continue
        path = address.path.replace(VALUES["upload_id"], uploaded.rpartition("/")[2])
        back = browser.post_too_late(path, {"note": "kinder"}, page)
        answer = browser.get(back, follow_redirects=True)
        assert answer.status_code == 200, (str(address), back)
        assert "<!doctype html>" in answer.get_data(as_text=True), (str(address), back)
        checked += 1
    assert checked > 40


@pytest.mark.parametrize(
    ("path", "page"),
    [
        ("/prompts/draft/publish", DRAFT),
        ("/prompts/draft/discard", DRAFT),
        ("/prompts/draft/check", DRAFT),
        ("/prompts/hours/days", "/prompts/hours"),
        ("/prompts/unanswered/teach", "/prompts/unanswered"),
        ("/prompts/unanswered/ignore", "/prompts/unanswered"),
        ("/prompts/menus/move", "/prompts/menus"),
        (f"{EDITOR}/preview", EDITOR),
        (f"{EDITOR}/recordings/goodbye/remove", EDITOR),
        ("/people/1/language", "/people/1"),
    ],
)
def test_a_form_without_a_page_of_its_own_leads_back_to_the_page_that_it_was_on(
    console: Console, path: str, page: str
) -> None:
    browser = console.browser("admin")
    assert browser.post_too_late(path, {"version": "x"}, f"{page}?show=draft") == f"{page}?show=draft"
    # A page that answers a form with an error has an address at which there is no page, and some browsers name none.
    for referrer in (path, ""):
        assert browser.post_too_late(path, {"version": "x"}, referrer) == page
