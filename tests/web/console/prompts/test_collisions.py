"""Two people who change the same thing: each sees the other version, and neither loses their own."""

from __future__ import annotations

import html
import io
import re
from datetime import date

import pytest

from ivr.line.callflow.holiday_calendar import is_holiday
from tests.web.console.prompts.support import GOODBYE, NEW, edit, form_of, voice
from tests.web.console.prompts.test_line import HOURS, MENUS, config_of, days_form, hours_form
from tests.web.console.prompts.test_publishing import upload

RECORDING = f"{GOODBYE}/recordings/goodbye"


def refused(answer):
    """The page of a collision."""
    page = html.unescape(answer.get_data(as_text=True))
    assert answer.status_code == 409
    assert "Ann Example" in page
    return page


def seconds_of(browser):
    return round((len(browser.get(RECORDING).data) - 44) / 8000)


def test_of_two_recordings_the_second_is_shown_beside_the_first_and_can_replace_it(ann, bea):
    assert "2 seconds" in upload(ann, voice(2)).get_data(as_text=True)
    page = html.unescape(upload(bea, voice(5)).get_data(as_text=True))
    assert "Ann Example changed this recording in the meantime, and yours was not saved." in page
    assert "2 seconds" in page
    assert "5 seconds" in page
    assert len(page) < 20_000, "the sound is in the page"
    theirs, mine = map(bea.get, re.findall(r'<audio[^>]* src="([^"]+)"', page))
    assert len(theirs.data) < len(mine.data)
    assert mine.headers["Cache-Control"] == "no-store"
    assert seconds_of(bea) == 2
    fields = dict(re.findall(r'name="(version|sound)" value="([^"]+)"', page))
    # Another operator cannot save it.
    assert "Choose a file first" in ann.post(RECORDING, fields, follow_redirects=True).get_data(as_text=True)
    assert bea.post(RECORDING, fields).status_code == 303
    assert seconds_of(bea) == 5
    # A user who would replace a version that they have not seen is asked again.
    answer = bea.post(RECORDING, fields | {"version": "-"})
    assert "/recordings/goodbye/both?sound=" in answer.location
    assert bea.get(answer.location).status_code == 200


@pytest.mark.parametrize("sound", ["", "x", "../x", "0" * 32, "é"])
def test_a_recording_that_is_not_kept_is_refused_with_a_sentence(bea, sound):
    page = bea.post(RECORDING, {"version": "-", "sound": sound}, follow_redirects=True).get_data(as_text=True)
    assert "notice-wrong" in page
    assert bea.get(f"{RECORDING}/both", query_string={"sound": sound}).status_code == 404


def test_a_recording_that_changed_meanwhile_is_not_removed(ann, bea):
    upload(ann, voice(2))
    page = bea.post(f"{RECORDING}/remove", {"version": "x"}, follow_redirects=True).get_data(as_text=True)
    assert "Ann Example changed this recording in the meantime" in page
    assert seconds_of(bea) == 2


def test_a_recording_that_is_sent_after_the_session_ended_must_be_chosen_again(bea):
    sent = {"version": "-", "recording": (io.BytesIO(voice(2)), "voice.wav")}
    back, sign_in = bea.post_too_late(RECORDING, sent, GOODBYE)
    # The address of a recording answers with a sound.
    assert back == GOODBYE
    assert "is kept" not in sign_in
    sentence = "The recording was not saved. Choose the file again"
    assert sentence in bea.page(GOODBYE)
    assert sentence not in bea.page(GOODBYE)


def test_hours_that_two_people_change_are_compared_word_by_word(published, ann, bea):
    number = "central-scheduling-number"
    mine = hours_form(bea) | {number: "603-555-0102"}
    assert ann.post(HOURS, hours_form(ann) | {number: "603-555-0101"}).status_code == 303
    page = refused(bea.post(HOURS, mine))
    assert "<del>603-555-0101</del>" in page
    assert "<ins>603-555-0102</ins>" in page
    assert dict(form_of(page, "hours-form"))[number] == "603-555-0102"
    again = mine | {"version": form_of(page, "hours-form")["version"]}
    assert bea.post(HOURS, again).status_code == 303
    assert config_of(published).directory[0].number == "603-555-0102"


def test_wrong_hours_of_somebody_who_was_overtaken_are_kept_with_their_errors(ann, bea):
    mine = hours_form(bea) | {"central-scheduling-Mon-opens": "18:00"}
    ann.post(HOURS, hours_form(ann) | {"central-scheduling-number": "603-555-0101"})
    answer = bea.post(HOURS, mine)
    page = answer.get_data(as_text=True)
    assert answer.status_code == 409
    assert "It closes before it opens" in page
    assert 'value="18:00"' in page


def test_a_closed_day_that_was_overtaken_is_kept_in_its_field(published, ann, bea):
    mine = days_form(bea, action="close", day="2027-12-24")
    assert ann.post(f"{HOURS}/days", days_form(ann, action="close", day="2027-12-23")).status_code == 303
    page = refused(bea.post(f"{HOURS}/days", mine))
    assert 'name="day" value="2027-12-24"' in page
    assert "Closed days of 2027" in page
    version = re.search(r'name="version" value="(\w+)"', page)[1]
    assert bea.post(f"{HOURS}/days", mine | {"version": version}).status_code == 303
    rule = config_of(published).holidays
    assert is_holiday(rule, date(2027, 12, 23))
    assert is_holiday(rule, date(2027, 12, 24))


def test_a_choice_that_was_overtaken_is_shown_in_its_present_order(ann, bea):
    move = {"menu": "welcome", "key": "1", "to": "2"}
    move["stamp"] = re.search(r'name="stamp" value="([^"]+)"', bea.page(MENUS))[1]
    assert ann.post(f"{MENUS}/move", move).status_code == 303
    page = refused(bea.post(f"{MENUS}/move", move))
    assert 'href="#menu-welcome">Ann Example changed the draft in the meantime' in page
    assert move["stamp"] not in page
    assert bea.post(f"{MENUS}/move", move | {"menu": "none"}).status_code == 409


def test_words_that_changed_while_they_were_read_are_not_signed_off(ann, bea):
    read = form_of(bea.page(f"{GOODBYE}/sign-off"))
    edit(ann)
    page = refused(bea.post(f"{GOODBYE}/sign-off", dict(read)))
    assert "nothing was signed off" in page
    assert "<del>very</del>" in page
    assert NEW in page
    assert "signed off exactly" not in bea.page(GOODBYE)


def test_words_that_became_unreadable_lead_to_the_editor_instead_of_the_sign_off(bea):
    version = form_of(bea.page(GOODBYE), "words-form")["version"]
    assert bea.post(GOODBYE, {"version": version, "whole": "---\ntitle: ["}).status_code == 303
    assert "has an error. Open it, and fix it first." in bea.page(f"{GOODBYE}/sign-off")


def test_a_translation_whose_source_changed_meanwhile_is_not_noted_as_up_to_date(ann, bea):
    edit(ann)
    fields = dict(re.findall(r'name="(version|source)" value="(\w+)"', bea.page("/prompts/es/goodbye")))
    edit(ann, "very good care", "the best care")
    sent = bea.post("/prompts/es/goodbye/up-to-date", fields, follow_redirects=True).get_data(as_text=True)
    assert "Somebody else changed one of the two languages" in sent
    assert "translation behind" in bea.page("/prompts")
