"""A form that is sent after the session has ended: where the sign-in leads, and what is still there."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ivr.line.content.loader import Content, read_content
from ivr.people.inbound.unanswered import UnansweredLog, UnansweredQuestion
from ivr.releases.store import publish_release
from ivr.web.console.access import ANYONE
from tests.support.clinic import NOW, at, csv_text, row
from tests.support.workbooks import workbook
from tests.web.console.conftest import Browser, Console
from tests.web.console.prompts.support import edit
from tests.web.console.reminders.upload_support import upload
from tests.web.console.security.page_forms import Form, forms_of
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
        back, _ = browser.post_too_late(path, {"note": "kinder"}, page)
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
    assert browser.post_too_late(path, {"version": "x"}, f"{page}?show=draft")[0] == f"{page}?show=draft"
    # A page that answers a form with an error has an address at which there is no page, and some browsers name none.
    for referrer in (path, ""):
        assert browser.post_too_late(path, {"version": "x"}, referrer)[0] == page


# Every form into which something can be typed or chosen.
TYPED_INTO = {
    "account.set_language",
    *("people.change_consent", "people.change_language", "people.look_up"),
    "prompts.move_choice",
    *("prompts.publish", "prompts.roll_back", "prompts.save", "prompts.save_holiday", "prompts.save_hours"),
    *("prompts.save_office", "prompts.teach", "prompts.try_question"),
    *("reminders.act", "reminders.save_plan"),
    *("settings.add_key", "settings.add_user", "settings.set_role"),
    *("work.note_callback", "work.note_item", "work.note_message"),
}
# Their fields are secrets, or parts of a sign-in.
NEVER_KEPT = ("/change", "/login", "/mf-recovery", "/tf-", "/verify", "/welcome")


@pytest.fixture
def busy_console(full_console: Console, content: Content) -> Console:
    """With a draft, an earlier release, a question without an answer, and another user, the second one."""
    browser, services = full_console.browser("admin"), full_console.services
    full_console.browser("operator")
    words = {**content.files, "en/transfer.md": content.files["en/transfer.md"] + b"Bye.\n"}
    publish_release(services.ledger, read_content(words), NOW, "release", "", "folder")
    edit(browser)
    questions = UnansweredLog(services.ledger, services.vault)
    questions.add(UnansweredQuestion(NOW - timedelta(hours=1), "text", "en", "zebra umbrella"))
    questions.close()
    return full_console


def test_everything_that_was_typed_into_a_form_is_there_after_the_sign_in(busy_console: Console) -> None:
    browser = busy_console.browser("admin")
    sheet = [("Appointment ID", "Phone", "Date/Time"), ("A7", "603-555-0124", "2026-12-20 09:20")]
    book, _ = upload(browser, workbook({"A": sheet, "B": sheet}), "book.xlsx")
    pages = {address.path for address in addresses(busy_console.app, "GET") if not address.path.startswith(NEVER_KEPT)}
    found = set()
    for page in sorted({*pages, book, "/settings/users/2", "/prompts/hours?year=2027"}):
        for form in forms_of(page, shown(browser, page)):
            assert not is_filled(browser, page, form), (page, form.place)
            back, sign_in = browser.post_too_late(form.action, [*form.hidden, *form.filled], page)
            assert "What you typed is kept" in sign_in, (page, form.place)
            assert is_filled(browser, back, form), (page, form.place)
            assert not is_filled(browser, back, form), (page, form.place)
            found.add(busy_console.app.url_map.bind("localhost").match(form.action, method="POST")[0])
    assert found == TYPED_INTO


def shown(browser: Browser, page: str) -> str:
    answer = browser.get(page)
    return answer.get_data(as_text=True) if answer.status_code == 200 and answer.mimetype == "text/html" else ""


def is_filled(browser: Browser, page: str, sent: Form) -> bool:
    """Whether a page shows a form as it was sent."""
    return any(form.place == sent.place and form.typed == sent.filled for form in forms_of(page, shown(browser, page)))
