"""Checking, publishing and rolling back the draft in the console, and recordings."""

from __future__ import annotations

import io
import json
import re
import threading
from datetime import UTC

import pytest
from sqlalchemy import select

from ivr.ledger.tables import audit_entry
from ivr.line.audio.convert import RATE, encode_wav
from ivr.line.content.loader import read_content, read_folder
from ivr.releases.drafts import Drafts
from ivr.releases.store import live_release, publish_release
from ivr.web.console.prompts.publishing import history_views, job_work, jobs
from tests.support.clinic import NOW
from tests.support.paths import ROOT
from tests.web.console.prompts.support import (
    GOODBYE,
    NEW,
    OLD,
    edit,
    finding,
    form_of,
    publish,
    run_here,
    voice,
    wait_for,
)

PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)


@pytest.fixture
def published(published, quick_jobs):
    return published


def audited(console, kind):
    with console.services.ledger.read() as connection:
        rows = connection.execute(select(audit_entry.c.details).where(audit_entry.c.kind == kind)).scalars()
        return [json.loads(details) for details in rows]


def test_published_words_are_live_and_can_be_rolled_back_once(published):
    nurse = published.browser("operator")
    edit(nurse)
    assert "Release 2 is live" in publish(nurse)
    assert "kinder" in nurse.page("/prompts/history")
    assert "<ins>very</ins>" in nurse.page("/prompts/history/2")
    page = nurse.page("/prompts/history/1/roll-back")
    assert "<del>very</del>" in page
    live = re.search(r'name="live" value="(\d+)"', page)[1]
    assert nurse.post("/prompts/history/1/roll-back", {"live": live}).status_code == 303
    assert "Release 1 is live again, as release 3." in wait_for(nurse)
    assert nurse.post("/prompts/history/1/roll-back", {"live": live}).status_code == 409
    assert "back to release 1" in nurse.page("/prompts/history")
    assert live_release(published.services.ledger).number == 3
    assert audited(published, "release_published") == [{"release": 2}]
    assert audited(published, "release_rolled_back") == [{"release": 3}]


def test_words_with_an_error_are_not_published(published):
    nurse = published.browser("operator")
    edit(nurse, OLD, "#### No heading")
    page = publish(nurse)
    assert "Nothing was published" in page
    assert 'href="/prompts/en/goodbye"' in page
    assert live_release(published.services.ledger).number == 1


def test_the_check_links_each_finding_to_its_editor(published, monkeypatch):
    monkeypatch.setattr(job_work, "_check_in_parallel", finding("grade", "error"))
    nurse = published.browser("operator")
    edit(nurse)
    assert "Check the whole draft" in nurse.page("/prompts/draft")
    assert nurse.post("/prompts/draft/check").status_code == 303
    page = wait_for(nurse, "/prompts/draft")
    assert "1 error must be fixed" in page
    assert '<a href="/prompts/en/goodbye">en/goodbye.md, line 6</a>' in page
    assert "1 error must be fixed" in published.browser("scheduler").page("/prompts/draft")


def test_an_outdated_translation_is_published_only_if_somebody_says_so(published, monkeypatch):
    monkeypatch.setattr(job_work, "_check_in_parallel", finding("behind", "warning", "es/goodbye.md"))
    nurse = published.browser("operator")
    edit(nurse)
    assert "Please read this first" in publish(nurse)
    assert live_release(published.services.ledger).number == 1
    assert "Release 2 is live" in publish(nurse, confirmed="yes")


def test_a_draft_that_changed_since_it_was_seen_is_neither_published_nor_thrown_away(published):
    nurse = published.browser("operator")
    edit(nurse)
    stamp = form_of(nurse.page("/prompts/draft"))["stamp"]
    edit(nurse, NEW, "Be well.")
    for action in ("publish", "discard"):
        assert nurse.post(f"/prompts/draft/{action}", {"stamp": stamp}).status_code == 409
    assert "Be well." in nurse.page(GOODBYE)
    stamp = form_of(nurse.page("/prompts/draft"))["stamp"]
    assert nurse.post("/prompts/draft/discard", {"stamp": stamp}).status_code == 303
    assert OLD in nurse.page(GOODBYE)
    assert nurse.post("/prompts/draft/discard", {"stamp": stamp}).status_code == 409


def test_one_change_of_the_draft_is_thrown_away_alone(published):
    nurse = published.browser("operator")
    edit(nurse)
    edit(nurse, "Once more", "Again", "/prompts/en/cancer")
    stamp = form_of(nurse.page("/prompts/draft"))["stamp"]
    assert nurse.post("/prompts/draft/discard", {"stamp": stamp, "file": "en/cancer.md"}).status_code == 303
    page = nurse.page("/prompts/draft")
    assert "cancer" not in page
    assert "goodbye" in page


def test_only_one_person_publishes_at_a_time(published, monkeypatch):
    may_end = threading.Event()
    here = run_here(published)
    monkeypatch.setattr(jobs, "run_process", lambda name, lock: may_end.wait(20) and here(name, lock))
    nurse, other = published.browser("operator", "Ann Example"), published.browser("operator", "Bea Example")
    edit(nurse)
    stamp = form_of(nurse.page("/prompts/draft"))["stamp"]
    for browser in (nurse, other, nurse):
        assert browser.post("/prompts/draft/publish", {"stamp": stamp}).status_code == 303
    assert "Ann Example began it" in other.page("/prompts/draft/publishing")
    may_end.set()
    assert "Release 2 is live" in wait_for(other)
    assert nurse.post("/prompts/draft/publish", {"stamp": stamp}).status_code == 409
    assert live_release(published.services.ledger).number == 2


def test_a_job_whose_process_ended_early_says_so(published, monkeypatch):
    monkeypatch.setattr(jobs, "run_process", lambda _name, _lock: None)
    nurse = published.browser("operator")
    edit(nurse)
    assert "It ended early" in publish(nurse)
    assert "The draft changes nothing" not in nurse.page("/prompts/draft")


def test_the_check_runs_in_a_process_of_its_own(console, content):
    publish_release(console.services.ledger, content, NOW, "release", "", "folder")
    nurse = console.browser("operator")
    edit(nurse)
    assert nurse.post("/prompts/draft/check").status_code == 303
    page = wait_for(nurse, "/prompts/draft")
    assert "The draft can be published" in page
    assert "es/goodbye.md" in page


def upload(browser, data, path=f"{GOODBYE}/recordings/goodbye", version="", name="voice.wav"):
    fields = {"csrf_token": browser.token(), "version": version, "recording": (io.BytesIO(data), name)}
    return browser.client.post(path, data=fields, follow_redirects=True)


def test_a_recording_is_saved_heard_and_removed_in_the_draft(published):
    nurse, path = published.browser("operator"), f"{GOODBYE}/recordings/goodbye"
    page = upload(nurse, voice()).get_data(as_text=True)
    assert "a recording of 2 seconds" in page
    heard = nurse.get(path)
    assert heard.data[:4] == b"RIFF"
    assert heard.content_type == "audio/wav"
    assert nurse.get(f"{GOODBYE}/listen.wav").status_code == 200
    assert "recordings/en/goodbye.wav" in nurse.page("/prompts/draft")
    assert "yours was not saved" in upload(nurse, voice()).get_data(as_text=True)
    edit(nurse)
    assert "callers still hear the old ones" in nurse.page(GOODBYE)
    version = re.search(r'/remove".*?name="version" value="(\w+)"', nurse.page(GOODBYE), re.DOTALL)[1]
    assert nurse.post(f"{path}/remove", {"version": version}).status_code == 303
    again = nurse.post(f"{path}/remove", {"version": version}, follow_redirects=True)
    assert "Somebody else has removed this recording already" in again.get_data(as_text=True)
    assert nurse.get(path).status_code == 404


def test_a_recording_of_another_format_is_replaced(published):
    nurse, services = published.browser("operator"), published.services
    drafts = Drafts(services.ledger, UTC)
    drafts.save("recordings/en/goodbye.mp3", b"\xff\xfb\x90\x00" + bytes(2000), "Ann", NOW, None)
    version = re.search(r'/remove".*?name="version" value="(\w+)"', nurse.page(GOODBYE), re.DOTALL)[1]
    assert "a recording of 2 seconds" in upload(nurse, voice(), version=version).get_data(as_text=True)
    assert [name for name in drafts.open().changed if "recordings" in name] == ["recordings/en/goodbye.wav"]


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (PNG, "This is a picture"),
        (b"", "This file is empty"),
        (b"RIFF" + bytes(50), "This is not a WAV or MP3"),
        (encode_wav(__import__("numpy").zeros(RATE, "float32"), RATE), "silent"),
        (voice(50), "50 seconds"),
    ],
    ids=["picture", "empty", "broken", "silent", "long"],
)
def test_what_is_no_recording_is_refused_with_a_sentence(published, data, sentence):
    nurse = published.browser("operator")
    page = upload(nurse, data).get_data(as_text=True)
    assert sentence in page
    assert "notice-wrong" in page
    assert "The draft changes nothing" in nurse.page("/prompts/draft")


def test_a_part_that_differs_in_every_call_cannot_be_recorded(published):
    nurse = published.browser("operator")
    assert "not the same in every call" in nurse.page("/prompts/en/transfer")
    assert 'action="/prompts/en/transfer/recordings/transfer"' not in nurse.page("/prompts/en/transfer")


def test_the_history_is_paged_and_only_the_first_release_is_live(published, monkeypatch):
    monkeypatch.setattr(history_views, "PAGE_SIZE", 2)
    nurse, files = published.browser("operator"), dict(read_folder(ROOT / "prompts"))
    for number in (2, 3):
        words = files["en/goodbye.md"] + b"Bye.\n" * number
        publish_release(
            published.services.ledger, read_content({**files, "en/goodbye.md": words}), NOW, "release", "", "folder"
        )
    first, last = nurse.page("/prompts/history"), nurse.page("/prompts/history?page=2")
    assert re.findall(r">Release (\d)<", first) == ["3", "2"]
    assert re.findall(r">Release (\d)<", last) == ["1"]
    assert (first.count("badge-good"), last.count("badge-good")) == (1, 0)
    assert 'href="/prompts/history?page=2"' in first
    assert 'rel="next"' not in last
    assert nurse.get(f"/prompts/history?page={10**30}").status_code == 200
