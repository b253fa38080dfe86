"""What the pages of prompts say while there is nothing to read or to change."""

from __future__ import annotations

from datetime import UTC

from ivr.line.content.loader import LINE_FILE
from ivr.releases.drafts import Drafts
from tests.support.clinic import NOW
from tests.web.console.prompts.support import form_of
from tests.web.console.security.support import addresses

COMMAND = "infoline prompts publish"
OVERTAKEN = "Somebody else changed this"


def test_before_the_first_release_every_page_of_prompts_says_what_to_do_first(console):
    nurse = console.browser("operator")
    pages = [each.path for each in addresses(console.app, "GET") if each.path.startswith("/prompts")]
    shown = {path: nurse.get(path) for path in pages if not path.startswith(("/prompts/history", "/prompts/sounds"))}
    found = {path for path, answer in shown.items() if COMMAND in answer.get_data(as_text=True)}
    assert {"/prompts", "/prompts/draft", "/prompts/en/cancer", "/prompts/hours", "/prompts/menus"} <= found
    assert [path for path in shown if OVERTAKEN in shown[path].get_data(as_text=True)] == []
    assert {shown[path].status_code for path in found} == {200}
    assert "Nothing has been published yet" in nurse.page("/prompts/history")
    assert COMMAND in console.browser("scheduler").page("/reminders/plan")
    sent = nurse.post("/prompts/draft/publish", {"note": "kinder"})
    assert (sent.status_code, COMMAND in sent.get_data(as_text=True)) == (409, True)


def test_a_draft_of_line_yaml_with_an_error_says_who_can_correct_it(published):
    nurse = published.browser("operator")
    Drafts(published.services.ledger, UTC).save(LINE_FILE, b"menus: [", "Ann Example", NOW, None)
    for path in ("/prompts/hours", "/prompts/menus", "/prompts/hours/days/2026-12-24", "/prompts/hours/offices/add"):
        page = nurse.page(path)
        assert "Ann Example saved a file line.yaml with an error" in page, path
        assert 'href="/prompts/draft"' in page, path
        assert OVERTAKEN not in page, path
    stamp = form_of(nurse.page("/prompts/draft"))["stamp"]
    assert nurse.post("/prompts/draft/discard", {"stamp": stamp, "file": LINE_FILE}).status_code == 303
    assert "Opening hours of" in nurse.page("/prompts/hours")
