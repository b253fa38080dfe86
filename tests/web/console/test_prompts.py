"""Editing, publishing and rolling back the words in the console."""

from __future__ import annotations

import re
import time
from datetime import timedelta

import pytest

from ivr.line.content.loader import read_content, read_folder
from ivr.people.inbound.unanswered import UnansweredLog, UnansweredQuestion
from ivr.releases.store import publish_release
from ivr.web.console.prompts import publishing
from tests.support.clinic import NOW
from tests.support.paths import ROOT

GOODBYE = "/prompts/en/goodbye"
OLD, NEW = "Take good care of yourself.", "Take very good care of yourself."


@pytest.fixture
def published(console, monkeypatch):
    """A console whose live words are the shipped ones, and which learns new ones without a process of its own."""
    publish_release(console.services.ledger, read_content(read_folder(ROOT / "prompts")), NOW, "release", "", "folder")
    monkeypatch.setattr(publishing, "_learn", lambda _report: None)
    return console


def fields(page):
    """The values of a page's hidden fields and of its words."""
    hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page))
    words = re.search(r"<textarea[^>]*>\n(.*?)</textarea>", page, re.DOTALL)
    return {**hidden, "words": words[1].replace("&#39;", "'").replace("&#34;", '"') if words else ""}


def edit(browser, old=OLD, new=NEW, path=GOODBYE):
    form = fields(browser.page(path))
    assert old in form["words"]
    return browser.post(path, {"version": form["version"], "words": form["words"].replace(old, new)})


def test_every_prompt_is_listed_in_both_languages(published):
    page = published.browser("scheduler").page("/prompts")
    for path in ("/prompts/en/cancer", "/prompts/es/cancer", "/prompts/es/biopsy", GOODBYE):
        assert f'href="{path}"' in page


def test_a_question_shows_what_the_live_line_understands(published):
    page = published.browser("operator").page("/prompts?question=what+are+calcifications")
    assert "<strong>what-they-are</strong>" in page


def test_words_are_saved_in_the_draft_and_shown_as_a_difference(published):
    nurse = published.browser("operator")
    assert edit(nurse).status_code == 303
    page = nurse.page("/prompts/draft")
    assert "<ins>very</ins>" in page
    assert "in the draft" in nurse.page("/prompts")
    assert NEW in nurse.page(GOODBYE)


def test_of_two_people_who_edit_the_same_words_neither_loses_any(published):
    first, second = published.browser("operator", "Ann Example"), published.browser("operator", "Bea Example")
    form = fields(second.page(GOODBYE))
    assert edit(first).status_code == 303
    words = form["words"].replace(OLD, "Be well.")
    refused = second.post(GOODBYE, {"version": form["version"], "words": words})
    page = refused.get_data(as_text=True)
    assert refused.status_code == 409
    assert "Ann Example" in page
    assert NEW in page
    assert "Be well." in page
    assert NEW in first.page(GOODBYE)
    replaces = re.search(r'name="replaces" value="(\w+)"', page)[1]
    assert second.post(GOODBYE, {"version": "x", "replaces": replaces, "words": words}).status_code == 303
    assert "Be well." in first.page(GOODBYE)


def test_findings_are_shown_while_one_types(published):
    nurse = published.browser("operator")
    hard = "## Spoken\n\n" + "Radiological investigation necessitates considerable preparation. " * 3
    page = nurse.post(f"{GOODBYE}/proof", {"words": hard}).get_data(as_text=True)
    assert "notice-wrong" in page or "notice-care" in page
    assert "Nothing to mend" in nurse.post(f"{GOODBYE}/proof", fields(nurse.page(GOODBYE))).get_data(as_text=True)


def publish(browser):
    form = fields(browser.page("/prompts/draft"))
    assert browser.post("/prompts/draft/publish", {"stamp": form["stamp"], "note": "kinder"}).status_code == 303
    for _ in range(300):
        page = browser.page("/prompts/draft/publishing")
        if "hx-trigger" not in page:
            return page
        time.sleep(0.1)
    raise AssertionError("still publishing")


def test_published_words_are_live_and_can_be_rolled_back_once(published):
    nurse = published.browser("operator")
    edit(nurse)
    assert "Release 2 is live" in publish(nurse)
    history = nurse.page("/prompts/history")
    assert "kinder" in history
    form = fields(nurse.page("/prompts/history/1/roll-back"))
    answers = [nurse.post("/prompts/history/1/roll-back", {"live": form["live"]}).status_code for _ in range(2)]
    assert answers == [303, 409]
    assert "back to release 1" in nurse.page("/prompts/history")


def test_words_with_an_error_are_not_published(published):
    nurse = published.browser("operator")
    edit(nurse, OLD, "{no-such-placeholder}")
    page = publish(nurse)
    assert "Nothing was published" in page
    assert "en/goodbye.md" in page
    assert "Release 2" not in nurse.page("/prompts/history")


def test_a_draft_that_changed_since_it_was_seen_is_neither_published_nor_thrown_away(published):
    nurse = published.browser("operator")
    edit(nurse)
    stamp = fields(nurse.page("/prompts/draft"))["stamp"]
    edit(nurse, NEW, "Be well.")
    for action in ("publish", "discard"):
        assert nurse.post(f"/prompts/draft/{action}", {"stamp": stamp}).status_code == 409
    assert "Be well." in nurse.page(GOODBYE)
    stamp = fields(nurse.page("/prompts/draft"))["stamp"]
    assert nurse.post("/prompts/draft/discard", {"stamp": stamp}).status_code == 303
    assert OLD in nurse.page(GOODBYE)


def test_a_question_without_an_answer_is_taught_in_one_step(published):
    log = UnansweredLog(published.services.ledger, published.services.vault)
    for words in ("is the machine loud", "how loud is the machine", "my number is 603 555 0123"):
        log.add(UnansweredQuestion(NOW - timedelta(hours=1), "text", "en", words))
    log.close()
    nurse = published.browser("operator")
    page = nurse.page("/prompts/unanswered")
    assert "loud" in page
    assert "0123" not in page
    group = re.search(r'name="group" value="([^"]+)"', page)[1]
    assert nurse.post("/prompts/unanswered/teach", {"group": group, "topic": "the-visit"}).status_code == 303
    assert "the-visit.md" in nurse.page("/prompts/draft")


def test_words_are_signed_off_only_as_they_were_read(published):
    nurse, path = published.browser("operator", "Ann Example"), "/prompts/en/cancer"
    version = fields(nurse.page(path))["version"]
    assert nurse.post(f"{path}/sign-off", {"version": version}).status_code == 303
    page = nurse.page(path)
    assert "Ann Example, 2026-12-01" in page
    assert "Sign off the saved words" not in page
    assert nurse.post(f"{path}/sign-off", {"version": version}).status_code == 409


@pytest.mark.parametrize("path", ["/prompts/en/nothing", "/prompts/xx/cancer", "/prompts/history/99/roll-back"])
def test_a_prompt_or_release_that_does_not_exist_is_not_found(published, path):
    assert published.browser("operator").get(path).status_code == 404


def test_a_scheduler_reads_words_but_cannot_save_them(published):
    scheduler = published.browser("scheduler")
    assert "readonly" in scheduler.page(GOODBYE)
    assert scheduler.post(GOODBYE, {"words": "x", "version": "x"}).status_code == 403
