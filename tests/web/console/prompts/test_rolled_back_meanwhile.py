"""A colleague goes back to an earlier release while somebody edits, or has a draft: nothing is lost."""

from __future__ import annotations

import html
import re

import pytest

from ivr.releases.store import live_release, stored_files
from tests.web.console.prompts.support import (
    GOODBYE,
    NEW,
    OLD,
    edit,
    form_of,
    publish,
    replaced,
    send,
    wait_for,
    words_form,
)

DRAFT, ROLL_BACK = "/prompts/draft", "/prompts/history/1/roll-back"
MINE = "Take the best care of yourself."

pytestmark = pytest.mark.usefixtures("quick_jobs")


@pytest.fixture
def ann(ann):
    """She has published other words, as release 2."""
    edit(ann)
    assert "Release 2 is live" in publish(ann)
    return ann


def goes_back(browser):
    live = re.search(r'name="live" value="(\d+)"', browser.page(ROLL_BACK))[1]
    assert browser.post(ROLL_BACK, {"live": live}).status_code == 303
    assert "Release 1 is live again, as release 3" in wait_for(browser)


def text_of(answer):
    return html.unescape(answer.get_data(as_text=True))


def live_words(console):
    return stored_files(console.services.ledger, live_release(console.services.ledger).digest)["en/goodbye.md"].decode()


def test_words_in_an_open_editor_are_shown_beside_those_that_are_live_again(published, ann, bea):
    form = replaced(words_form(bea), NEW, MINE)
    goes_back(ann)
    answer = send(bea, GOODBYE, form)
    page = text_of(answer)
    assert answer.status_code == 409
    assert "Ann Example published it" in page
    assert "<ins>the best</ins>" in page
    assert MINE in form_of(page, "words-form").getlist("words")[0]
    again = form_of(page, "words-form")
    again["replaces"] = again["version"]
    assert send(bea, GOODBYE, again).status_code == 303
    assert "Release 4 is live" in publish(bea)
    assert MINE in live_words(published)


def test_a_draft_is_neither_published_unseen_nor_stuck(published, ann, bea):
    edit(bea, NEW, MINE)
    stamp = form_of(bea.page(DRAFT))["stamp"]
    goes_back(ann)
    answer = bea.post(f"{DRAFT}/publish", {"stamp": stamp, "note": "kinder"})
    page = text_of(answer)
    assert answer.status_code == 409
    assert "Ann Example made release 3 live" in page
    assert 'value="kinder"' in page
    assert "The live version of en/goodbye.md changed too" in page
    # Publishing anyway is refused, and the note is kept.
    assert "Nothing was published." in publish(bea)
    page = bea.page(DRAFT)
    assert 'value="kinder"' in page
    assert MINE in bea.page(GOODBYE)
    fields = {"file": "en/goodbye.md", "stamp": form_of(page)["stamp"]}
    assert bea.post(f"{DRAFT}/keep", {**fields, "stamp": stamp}).status_code == 409
    assert bea.post(f"{DRAFT}/keep", fields).status_code == 303
    assert "changed too" not in bea.page(DRAFT)
    assert "Release 4 is live" in publish(bea)
    assert MINE in live_words(published)


def test_a_draft_that_is_thrown_away_leaves_the_words_that_are_live_again(published, ann, bea):
    edit(bea, NEW, MINE)
    goes_back(ann)
    stamp = form_of(bea.page(DRAFT))["stamp"]
    assert bea.post(f"{DRAFT}/discard", {"stamp": stamp, "file": "en/goodbye.md"}).status_code == 303
    assert OLD in bea.page(GOODBYE)
    assert OLD in live_words(published)


def test_a_file_that_changed_only_in_the_draft_needs_no_decision(ann, bea):
    edit(bea, "Once more", "Again", "/prompts/en/cancer")
    goes_back(ann)
    stamp = form_of(bea.page(DRAFT))["stamp"]
    answer = bea.post(f"{DRAFT}/keep", {"stamp": stamp, "file": "en/goodbye.md"})
    assert (answer.status_code, "Nothing was decided" in text_of(answer)) == (409, True)
    assert "Release 4 is live" in publish(bea)
