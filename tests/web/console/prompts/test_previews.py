"""Words that are not saved: heard, measured, and tried, while the draft stays as it is."""

from __future__ import annotations

import os
import re
import time

import pytest

from ivr.line.nlu.models import trained_model
from ivr.releases.models import ModelStore
from ivr.web.console.prompts.editing.kept_sounds import MOST_OF_A_USER, SECONDS, KeptSounds
from tests.web.console.prompts.support import GOODBYE, NEW, OLD, form_of, replaced, send, words_form

VISIT, SPANISH = "/prompts/en/the-visit", "/prompts/es/the-visit"
LIVE = {"HX-Request": "true"}
QUESTION = "do you validate parking tickets for llamas"
NOT_LEARNED = "has not learned the phrases of the draft yet"


@pytest.fixture
def nurse(published):
    return published.browser("operator")


def sound_of(browser, page):
    return browser.get(re.search(r'src="(/prompts/sounds/\w+)"', page)[1])


def test_typed_words_are_heard_and_kept_on_the_page_and_nothing_is_saved(nurse):
    typed = replaced(words_form(nurse), OLD, f"{NEW} Call us whenever you have a question about it.")
    answer = send(nurse, f"{GOODBYE}/preview", typed)
    page = answer.get_data(as_text=True)
    assert answer.status_code == 200
    assert "A preview: these words are not saved yet." in page
    assert form_of(page, "words-form").getlist("words") == typed.getlist("words")
    heard = sound_of(nurse, page)
    assert (heard.data[:4], heard.content_type, heard.headers["Cache-Control"]) == (b"RIFF", "audio/wav", "no-store")
    # Longer words take longer to say.
    assert len(heard.data) > len(nurse.get(f"{GOODBYE}/listen.wav").data)
    assert OLD in nurse.page(GOODBYE)
    assert "The draft changes nothing" in nurse.page("/prompts/draft")
    # They are saved from the page of the preview.
    assert send(nurse, GOODBYE, form_of(page, "words-form")).status_code == 303
    assert "Call us whenever" in nurse.page(GOODBYE)


def test_a_live_preview_brings_the_findings_and_the_sound(nurse):
    hard = "Radiological investigation necessitates considerable preparation and understanding."
    typed = replaced(words_form(nurse), OLD, hard)
    page = send(nurse, f"{GOODBYE}/preview", typed, headers=LIVE).get_data(as_text=True)
    assert "<h1>" not in page
    assert "This reads at grade" in page
    assert '<div id="heard" hx-swap-oob="true"' in page
    assert sound_of(nurse, page).status_code == 200


def test_words_that_cannot_be_heard_or_read_get_a_sentence(nurse):
    broken = send(nurse, f"{GOODBYE}/preview", {"version": "x", "whole": "---\ntitle: ["}).get_data(as_text=True)
    assert "There is nothing to hear" in broken
    for path in ("preview", "try"):
        for headers in ({}, LIVE):
            answer = send(nurse, f"{VISIT}/{path}", {"version": "x", "question": "hello"}, headers=headers)
            assert answer.status_code in (200, 400), (path, headers)
    untitled = replaced(words_form(nurse, VISIT), form_of(nurse.page(VISIT), "words-form")["title"], " ")
    assert "Enter a title" in send(nurse, f"{VISIT}/preview", untitled, headers=LIVE).get_data(as_text=True)


def test_a_sound_is_for_the_user_who_made_it_only_and_for_half_an_hour(published, tmp_path):
    ann, bea = published.browser("operator", "Ann Example"), published.browser("operator", "Bea Example")
    page = send(ann, f"{GOODBYE}/preview", words_form(ann)).get_data(as_text=True)
    path = re.search(r'src="(/prompts/sounds/\w+)"', page)[1]
    assert ann.get(path).status_code == 200
    assert bea.get(path).status_code == 404
    assert published.browser("scheduler").get(path).status_code == 403
    sounds = KeptSounds(tmp_path / "other")
    first = sounds.keep(1, b"first")
    assert sounds.get(2, first) is None
    file = next((tmp_path / "other" / "kept-sounds").iterdir())
    assert file.stat().st_mode & 0o077 == 0
    long_ago = time.time() - SECONDS - 1
    os.utime(file, (long_ago, long_ago))
    assert sounds.get(1, first) is None
    newer = [sounds.keep(1, b"sound") for _ in range(MOST_OF_A_USER + 3)]
    assert len(list((tmp_path / "other" / "kept-sounds").iterdir())) == MOST_OF_A_USER
    assert sounds.get(1, newer[-1]) == b"sound"


def try_words(browser, form, question, path=VISIT, **options):
    form["question"] = question
    return send(browser, f"{path}/try", form, **options).get_data(as_text=True)


def test_a_question_shows_what_the_draft_would_understand_and_answer(nurse):
    page = try_words(nurse, words_form(nurse, VISIT), "what are calcifications")
    assert '/prompts/en/what-they-are">What calcifications are</a>, English' in page
    assert '<figure class="bubble">' in page
    assert NOT_LEARNED not in page
    assert 'value="what are calcifications"' in page
    page = try_words(nurse, words_form(nurse, VISIT), "zebra umbrella", headers=LIVE)
    assert "The line does not know." in page
    assert "<h1>" not in page


@pytest.mark.parametrize("words", ["", "   ", "x" * 10_000, "\U0001f600", "שלום", "1", "yes"])
def test_any_words_can_be_tried(nurse, words):
    form = words_form(nurse, VISIT)
    form["question"] = words
    assert send(nurse, f"{VISIT}/try", form).status_code == 200


def test_what_is_tried_is_read_as_the_text_line_reads_it(nurse):
    assert '<a href="/prompts/en/the-visit">' in try_words(nurse, words_form(nurse, VISIT), "Reply 6")
    assert '<a href="/prompts/en/confirm">' in try_words(nurse, words_form(nurse, VISIT), "C")
    assert "the line does not answer" in try_words(nurse, words_form(nurse, VISIT), "❤️")
    assert "In an emergency, call 911" in try_words(nurse, words_form(nurse, VISIT), "I give up")


def test_a_phrase_counts_as_soon_as_it_is_typed_and_what_is_like_it_once_it_is_learned(published, nurse):
    form = words_form(nurse, VISIT)
    form["phrases"] += f"\n{QUESTION}"
    page = try_words(nurse, form, QUESTION)
    assert 'Understood as <a href="/prompts/en/the-visit">' in " ".join(page.split())
    assert NOT_LEARNED in page
    assert QUESTION in form_of(page, "words-form")["phrases"]
    assert "The draft changes nothing" in nurse.page("/prompts/draft")
    # Another prompt of the draft has the phrase.
    assert send(nurse, VISIT, form).status_code == 303
    page = try_words(nurse, words_form(nurse), QUESTION, GOODBYE)
    assert '<a href="/prompts/en/the-visit">' in page
    assert NOT_LEARNED in page


def test_a_draft_whose_model_is_on_disk_is_asked_with_it(published, nurse, monkeypatch):
    model = trained_model(published.services.releases.live.content)
    form = words_form(nurse, VISIT)
    form["phrases"] += f"\n{QUESTION}"
    monkeypatch.setattr(ModelStore, "from_disk", lambda _store, _digest: model)
    assert NOT_LEARNED not in try_words(nurse, form, QUESTION)


def test_the_language_of_the_words_is_that_of_the_prompt(nurse):
    page = try_words(nurse, words_form(nurse, SPANISH), "ok", SPANISH)
    assert re.search(r'<div lang="es">\s*<figure', page)


def test_schedulers_neither_preview_nor_try_words(published):
    scheduler = published.browser("scheduler")
    page = scheduler.page(GOODBYE)
    assert "Preview" not in page
    assert 'id="question"' not in page
    for path in ("preview", "try"):
        assert scheduler.post(f"{GOODBYE}/{path}", {"question": "x"}).status_code == 403
