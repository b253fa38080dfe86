"""What is refused while publishing and going back says why and who, and keeps what was typed."""

from __future__ import annotations

import html
import re
import threading
from datetime import timedelta

import pytest

from ivr.releases.store import live_release
from ivr.web.console.prompts.publishing import job_work, jobs
from tests.support.clinic import NOW
from tests.web.console.prompts.support import (
    GOODBYE,
    NEW,
    edit,
    finding,
    form_of,
    publish,
    run_here,
    wait_for,
)

DRAFT, ROLL_BACK = "/prompts/draft", "/prompts/history/1/roll-back"
NOTE = 'name="note" type="text" value="kinder"'
TICKED = re.compile(r'name="confirmed" value="yes" checked')

pytestmark = pytest.mark.usefixtures("quick_jobs")


def stamp_of(browser):
    return form_of(browser.page(DRAFT))["stamp"]


def refused(answer):
    page = html.unescape(answer.get_data(as_text=True))
    assert answer.status_code == 409
    return page


def publish_seen(browser, stamp, **more):
    return browser.post(f"{DRAFT}/publish", {"stamp": stamp, "note": "kinder", **more})


def roll_back(browser, live, note=""):
    return browser.post(ROLL_BACK, {"live": live, "note": note})


def test_the_note_and_the_tick_of_a_refused_publish_are_there_again(ann, bea, monkeypatch):
    monkeypatch.setattr(job_work, "_check_in_parallel", finding("grade", "error"))
    edit(ann)
    assert "Nothing was published" in publish(ann, confirmed="yes")
    page = ann.page(DRAFT)
    assert NOTE in page
    assert TICKED.search(page)
    assert NOTE not in bea.page(DRAFT)
    # Of other words, nobody has confirmed anything.
    edit(ann, NEW, "Be well.")
    page = ann.page(DRAFT)
    assert NOTE in page
    assert not TICKED.search(page)
    # Another draft has another note.
    assert ann.post(f"{DRAFT}/discard", {"stamp": stamp_of(ann)}).status_code == 303
    monkeypatch.setattr("ivr.clock.now", lambda: NOW + timedelta(hours=1))
    edit(ann)
    assert NOTE not in ann.page(DRAFT)


def test_a_draft_that_a_colleague_changed_is_shown_again_with_the_note_and_who_it_was(ann, bea):
    edit(bea)
    stamp = stamp_of(bea)
    edit(ann, "Once more", "Again", "/prompts/en/cancer")
    page = refused(publish_seen(bea, stamp, confirmed="yes"))
    assert "Nothing was published, because this page was out of date." in page
    assert "Ann Example saved en/cancer.md (Dec 1, 2026" in page
    assert "saved en/goodbye.md" not in page
    assert NOTE in page
    assert not TICKED.search(page)
    assert publish_seen(bea, form_of(page)["stamp"]).status_code == 303
    assert "Release 2 is live" in wait_for(bea)


def test_a_change_that_a_colleague_threw_away_is_named(ann, bea):
    edit(bea)
    edit(bea, "Once more", "Again", "/prompts/en/cancer")
    stamp = stamp_of(bea)
    assert ann.post(f"{DRAFT}/discard", {"stamp": stamp, "file": "en/cancer.md"}).status_code == 303
    page = refused(publish_seen(bea, stamp))
    assert "The draft no longer changes en/cancer.md." in page
    assert NOTE in page


def test_a_change_that_a_colleague_saved_is_not_thrown_away(ann, bea):
    edit(bea)
    stamp = stamp_of(bea)
    edit(ann, NEW, "Be well.")
    page = refused(bea.post(f"{DRAFT}/discard", {"stamp": stamp}))
    assert "Nothing was thrown away, because this page was out of date." in page
    assert "Ann Example saved en/goodbye.md" in page
    assert "Be well." in bea.page(GOODBYE)


def test_publishing_again_after_the_back_button_says_what_went_live(ann):
    edit(ann)
    stamp = stamp_of(ann)
    publish(ann)
    page = refused(publish_seen(ann, stamp))
    assert "Nothing was published" in page
    assert "Ann Example made release 2 live (Dec 1, 2026" in page
    assert "The draft changes nothing" in page
    assert "Your note was: kinder" in page


@pytest.mark.parametrize("stamp", ["", "x", "= =", "1 2 3", "9" * 5000, "1 =\u202e"])
def test_a_draft_that_nobody_saw_is_not_published(published, ann, stamp):
    edit(ann)
    assert "Nothing was published" in refused(publish_seen(ann, stamp))
    assert live_release(published.services.ledger).number == 1


def test_a_note_is_kept_while_a_colleague_publishes(published, ann, bea, monkeypatch):
    may_end, here = threading.Event(), run_here(published)
    monkeypatch.setattr(job_work, "_check_in_parallel", finding("grade", "error"))
    monkeypatch.setattr(jobs, "run_process", lambda name, lock: may_end.wait(20) and here(name, lock))
    edit(ann)
    stamp = stamp_of(ann)
    for browser in (ann, bea):
        assert publish_seen(browser, stamp, confirmed="yes").status_code == 303
    may_end.set()
    wait_for(bea)
    page = bea.page(DRAFT)
    assert NOTE in page
    assert TICKED.search(page)


def test_going_back_from_a_page_that_is_out_of_date_says_who_published_and_keeps_the_reason(ann, bea):
    edit(ann)
    publish(ann)
    live = re.search(r'name="live" value="(\d+)"', bea.page(ROLL_BACK))[1]
    edit(ann, NEW, "Be well.")
    publish(ann)
    page = refused(roll_back(bea, live, "kinder"))
    assert "Nothing was changed, because this page was out of date." in page
    assert "Ann Example made release 3 live" in page
    assert NOTE in page
    assert roll_back(bea, re.search(r'name="live" value="(\d+)"', page)[1]).status_code == 303
    assert "Release 1 is live again" in wait_for(bea)
    page = refused(roll_back(bea, live, "kinder"))
    assert "These words are live now" in page
    assert "Your note was: kinder" in page


@pytest.mark.parametrize(("note", "shown"), [("kinder", True), ("", False)])
def test_the_reason_of_a_refused_roll_back_is_there_again(ann, bea, monkeypatch, note, shown):
    edit(ann)
    publish(ann)
    monkeypatch.setattr(job_work.Worker, "_learn", lambda _self, _content: 1 / 0)
    assert roll_back(ann, "2", note).status_code == 303
    assert "It ended early" in wait_for(ann)
    assert (NOTE in ann.page(ROLL_BACK)) == shown
    assert 'name="note" type="text" value=""' in bea.page(ROLL_BACK)
