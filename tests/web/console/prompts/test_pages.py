"""Reading, editing, signing off and teaching the words in the console."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from ivr.ledger.tables import audit_entry
from ivr.line.content.loader import read_folder
from ivr.people.inbound.unanswered import UnansweredLog, UnansweredQuestion
from ivr.releases.drafts import Drafts
from ivr.web.console.prompts.editing.sections import PartField, fields_of, places_of_lines, rebuild
from tests.support.clinic import NOW
from tests.support.paths import ROOT
from tests.web.console.prompts.support import GOODBYE, NEW, OLD, edit, form_of, replaced, send, words_form

SHIPPED = read_folder(ROOT / "prompts")
CANCER = "/prompts/en/cancer"


def kinds(console):
    with console.services.ledger.read() as connection:
        return [row.kind for row in connection.execute(select(audit_entry).order_by(audit_entry.c.id))]


def audited(console, kind):
    """The files of each entry of a kind."""
    with console.services.ledger.read() as connection:
        query = select(audit_entry.c.details).where(audit_entry.c.kind == kind).order_by(audit_entry.c.id)
        return [json.loads(details)["files"] for details in connection.execute(query).scalars()]


def drafted(console, file):
    return Drafts(console.services.ledger, console.services.releases.live.content.config.zone).open().files[file]


def test_every_prompt_is_listed_once_in_both_languages(published):
    page = published.browser("scheduler").page("/prompts")
    for file in SHIPPED:
        if file.endswith(".md"):
            assert page.count(f'href="/prompts/{file.removesuffix(".md")}"') == 1, file


def test_a_question_shows_what_the_live_line_understands_and_answers(published):
    answer = published.browser("scheduler").post("/prompts", {"question": "what are calcifications"})
    page = answer.get_data(as_text=True)
    assert '/prompts/en/what-they-are">What calcifications are</a>' in page
    assert '<figure class="bubble">' in page


@pytest.mark.parametrize("question", ["", "   ", "x" * 10_000, "\U0001f600", "שלום", "zzz qqq", "yes", "1"])
def test_any_words_can_be_tried(published, question):
    assert published.browser("operator").post("/prompts", {"question": question}).status_code == 200


def test_words_are_saved_in_the_draft_and_shown_as_a_difference(published):
    nurse = published.browser("operator", "Bea Example")
    assert edit(nurse).status_code == 303
    assert "<ins>very</ins>" in nurse.page("/prompts/draft")
    assert "changed in the draft by Bea Example" in nurse.page("/prompts")
    assert NEW in nurse.page(GOODBYE)
    assert drafted(published, "en/goodbye.md") == SHIPPED["en/goodbye.md"].replace(OLD.encode(), NEW.encode())
    assert audited(published, "draft_changed") == [["en/goodbye.md"]]


def test_saving_without_a_change_changes_nothing(published):
    nurse = published.browser("operator")
    assert send(nurse, CANCER, words_form(nurse, CANCER)).status_code == 303
    assert "The draft changes nothing" in nurse.page("/prompts/draft")


def test_of_two_people_who_edit_the_same_words_neither_loses_any(published):
    first, second = published.browser("operator", "Ann Example"), published.browser("operator", "Bea Example")
    mine = replaced(words_form(second), OLD, "Be well.")
    assert edit(first).status_code == 303
    refused = send(second, GOODBYE, mine)
    page = refused.get_data(as_text=True)
    assert refused.status_code == 409
    assert "<del>Take very good care of yourself.</del>" in page
    assert "<ins>Be well.</ins>" in page
    assert "Keep the version of Ann Example" in page
    assert NEW in first.page(GOODBYE)
    mine["replaces"] = re.search(r'name="replaces" value="(\w+)"', page)[1]
    assert send(second, GOODBYE, mine).status_code == 303
    assert "Be well." in first.page(GOODBYE)
    # Whoever saves over a version that they have not seen is asked again.
    edit(first, "Be well.", "Be safe.")
    assert send(second, GOODBYE, mine).status_code == 409


def test_parts_phrases_and_sources_are_added_and_removed(published):
    nurse = published.browser("operator")
    form = words_form(nurse, CANCER)
    form["add"] = "Spoken"
    page = send(nurse, CANCER, form).get_data(as_text=True)
    assert page.count('name="words"') == 5
    form = words_form(nurse, CANCER)
    words = form.getlist("words")
    form.setlist("heading", ["Spoken", *form.getlist("heading")[2:], "Spoken"])
    form.setlist("place", [*form.getlist("place")[:1], *form.getlist("place")[2:], ""])
    form.setlist("words", [words[0], "", words[3], "Call us."])
    form["phrases"] = form["phrases"].replace("is it cancer\n", "") + "\nwhat about it: cancer?\n\n"
    form["sources"] = "F3, F9"
    assert send(nurse, CANCER, form).status_code == 303
    saved = fields_of(drafted(published, "en/cancer.md"))
    assert [part.heading for part in saved.parts] == ["Spoken", "Texted", "Spoken"]
    assert saved.parts[2].words == "Call us."
    assert saved.phrases[0] == "do i have cancer"
    assert saved.phrases[-1] == "what about it: cancer?"
    assert saved.sources == ("F3", "F9")


def test_findings_are_shown_beside_their_part_while_one_types(published):
    nurse = published.browser("operator")
    form = words_form(nurse, CANCER)
    words = form.getlist("words")
    words[1] = "Radiological investigation necessitates considerable preparation and understanding. " * 4
    form.setlist("words", words)
    form["phrases"] += "\nwhat are calcifications"
    page = send(nurse, f"{CANCER}/proof", form).get_data(as_text=True)
    panels = re.split(r'(?=<div class="part-panel")', page)
    assert "remark" in panels[2]
    assert "remark" not in panels[1]
    assert "also leads to what-they-are" in page[page.index('id="phrase-panel"') :]
    clean = send(nurse, f"{CANCER}/proof", words_form(nurse, CANCER)).get_data(as_text=True)
    assert "Nothing to fix" in clean
    assert "603-668-3067" in clean


@pytest.mark.parametrize(
    ("change", "field", "sentence"),
    [
        ({"title": " "}, "title", "Enter a title"),
        ({"sources": " , "}, "sources", "Name at least one source."),
        ({"phrases": "x" * 100_000}, "phrases", "This is more than one prompt can hold"),
    ],
)
def test_a_refused_form_keeps_what_was_typed_and_links_to_the_field(published, change, field, sentence):
    nurse = published.browser("operator")
    form = words_form(nurse, CANCER)
    words = form.getlist("words")
    words[1] = "Typed for half an hour, with <care>."
    form.setlist("words", words)
    form.update({"phrases": form["phrases"] + "\nmy new phrase"})
    for name, value in change.items():
        form[name] = value
    answer = send(nurse, CANCER, form)
    page = answer.get_data(as_text=True)
    assert answer.status_code == 400
    assert f'<a href="#{field}">{sentence}' in page
    assert f'id="{field}-error">{sentence}' in page
    assert page.count('aria-invalid="true"') == 1
    kept = form_of(page, "words-form")
    assert kept.getlist("words") == words
    assert (kept["version"], kept["phrases"]) == (form["version"], form["phrases"])
    assert kept["title"] == form["title"].strip()
    assert sentence in send(nurse, f"{CANCER}/proof", form).get_data(as_text=True)


def test_a_whole_file_and_a_part_that_are_too_long_are_kept_too(published):
    nurse = published.browser("operator")
    version = words_form(nurse)["version"]
    page = send(nurse, GOODBYE, {"version": version, "whole": "long " * 20_000}).get_data(as_text=True)
    assert '<a href="#whole">This is more' in page
    assert page.count("long long") > 1000
    form = replaced(words_form(nurse), OLD, "long " * 20_000)
    page = send(nurse, GOODBYE, form).get_data(as_text=True)
    assert '<a href="#words-0">This is more' in page
    assert form_of(page, "words-form")["words"].count("long") == 20_000


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({}, 400),
        ({"words": "x"}, 400),
        ({"heading": "Spoken", "words": "x" * 100_000, "place": ""}, 400),
        ({"heading": "Nothing", "words": "x", "place": ""}, 400),
        ({"heading": "Spoken", "words": "x", "place": "999999999999999"}, 303),
        ({"heading": "Spoken", "words": "", "place": "0"}, 303),
        ({"heading": "Spoken", "words": "# x\n\ufeff\U0001f600 שלום", "place": "-1"}, 303),
        ({"whole": "---\n[: broken"}, 303),
        ({"whole": ""}, 303),
    ],
)
def test_bad_input_is_answered_with_a_page(published, fields, status):
    nurse = published.browser("operator")
    form = {"version": words_form(nurse)["version"], "sources": "line", **fields}
    assert send(nurse, f"{GOODBYE}/proof", form).status_code == 200
    assert send(nurse, GOODBYE, form).status_code == status
    assert nurse.get(GOODBYE).status_code == 200


def test_a_broken_file_is_mended_as_a_whole_and_hides_nothing_else(published):
    nurse = published.browser("operator")
    version = words_form(nurse)["version"]
    broken = "---\ntitle: [\n---\n## Spoken\n\nx"
    assert send(nurse, GOODBYE, {"version": version, "whole": broken}).status_code == 303
    edit(nurse, "Once more", "Again", CANCER)
    page = nurse.page(GOODBYE)
    assert 'name="whole"' in page
    assert "Must be fixed" in page
    assert "Again, that is" in nurse.page(CANCER)
    mended = SHIPPED["en/goodbye.md"].decode()
    version = words_form(nurse)["version"]
    assert send(nurse, GOODBYE, {"version": version, "whole": mended}).status_code == 303
    assert "goodbye" not in nurse.page("/prompts/draft")


def test_the_form_keeps_every_byte_that_was_not_changed():
    for file, data in SHIPPED.items():
        if file.endswith(".md"):
            fields = fields_of(data)
            assert fields, file
            assert rebuild(data, fields).data == data
            longer = replace(fields.parts[0], words=f"{fields.parts[0].words} More.")
            changed = rebuild(data, replace(fields, parts=(longer, *fields.parts[1:]))).data
            assert rebuild(changed, fields).data == data, file


def test_lines_of_a_file_belong_to_its_fields_and_parts():
    text = """---
sources: [line]
reviewed: {by: null, on: null}
---
## Spoken

One.

## Texted

Two.
"""
    data = text.replace("\n", "\r\n").encode()
    assert places_of_lines(data)[2] == "sources"
    assert (places_of_lines(data)[7], places_of_lines(data)[11]) == (0, 1)
    fields = fields_of(data)
    new = rebuild(data, replace(fields, parts=(*fields.parts, PartField("Spoken", "Three."))))
    assert new.data == data + b"\r\n## Spoken\r\n\r\nThree.\r\n"


def test_words_are_signed_off_only_as_they_were_read(published):
    nurse = published.browser("operator", "Ann Example")
    page = nurse.page(f"{CANCER}/sign-off")
    assert "Sometimes they take the shape of a duct" in page
    version = re.search(r'name="version" value="(\w+)"', page)[1]
    assert nurse.post(f"{CANCER}/sign-off", {"version": version}).status_code == 303
    assert "Ann Example signed off exactly these words on 2026-12-01." in nurse.page(CANCER)
    assert "signed off by Ann Example, 2026-12-01" in nurse.page("/prompts")
    assert nurse.post(f"{CANCER}/sign-off", {"version": version}).status_code == 409
    assert audited(published, "prompt_signed_off") == [["en/cancer.md"]]
    edit(nurse, "Once more", "Again", CANCER)
    assert "Ann Example signed off other words" in nurse.page(CANCER)


def test_a_translation_that_is_behind_is_noted_as_up_to_date(published):
    nurse = published.browser("operator")
    edit(nurse, "Once more", "Again", CANCER)
    assert "translation behind" in nurse.page("/prompts")
    page = nurse.page("/prompts/es/cancer")
    fields = dict(re.findall(r'name="(version|source)" value="(\w+)"', page))
    assert nurse.post("/prompts/es/cancer/up-to-date", {**fields, "source": "0" * 12}).status_code == 303
    assert "translation behind" in nurse.page("/prompts")
    assert nurse.post("/prompts/es/cancer/up-to-date", fields).status_code == 303
    assert "translation behind" not in nurse.page("/prompts")


def ask(console, *questions):
    log = UnansweredLog(console.services.ledger, console.services.vault)
    for words in questions:
        log.add(UnansweredQuestion(NOW - timedelta(hours=1), "text", "en", words))
    log.close()


def test_a_question_without_an_answer_is_taught_in_one_step(published):
    ask(published, "is the machine loud", "how loud is the machine", "my number is 603 555 0123", "<b>what</b>?")
    nurse = published.browser("operator")
    page = nurse.page("/prompts/unanswered")
    assert "loud" in page
    assert "0123" not in page
    assert "<b>what" not in page
    assert kinds(published)[-1] == "questions_read"
    assert " selected" not in page
    group = re.search(r'name="group" value="([^"]+)"', page)[1]
    assert nurse.post("/prompts/unanswered/teach", {"group": group, "topic": ""}).status_code == 303
    assert "Choose the prompt that answers the question first." in nurse.page("/prompts/unanswered")
    assert nurse.post("/prompts/unanswered/teach", {"group": group, "topic": "the-visit"}).status_code == 303
    assert "the-visit.md" in nurse.page("/prompts/draft")
    assert "taught: How to get ready" in nurse.page("/prompts/unanswered")
    gone = nurse.post("/prompts/unanswered/teach", {"group": "x", "topic": "the-visit"}, follow_redirects=True)
    assert "This question is not on the list any more" in gone.get_data(as_text=True)
    assert nurse.post("/prompts/unanswered/teach", {"group": group, "topic": "../x"}).status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "/prompts/en/nothing",
        "/prompts/xx/cancer",
        "/prompts/en/..",
        "/prompts/en/nothing/sign-off",
        "/prompts/en/nothing/listen.wav",
        "/prompts/en/cancer/recordings/nothing-1",
        "/prompts/en/cancer/recordings/cancer-1",
        "/prompts/history/99",
        "/prompts/history/99999999999999999999",
        "/prompts/history/99/roll-back",
    ],
)
def test_what_does_not_exist_is_not_found(published, path):
    assert published.browser("operator").get(path).status_code == 404


def test_a_scheduler_reads_words_but_cannot_change_them(published):
    scheduler = published.browser("scheduler")
    page = scheduler.page(GOODBYE)
    assert "readonly" in page
    assert "Save" not in page
    for path in (GOODBYE, f"{GOODBYE}/sign-off", "/prompts/draft/publish", "/prompts/history/1/roll-back"):
        assert scheduler.post(path, {"words": "x", "version": "x"}).status_code == 403
