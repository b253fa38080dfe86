"""Adding an office to the directory, and removing one to which nothing leads."""

from __future__ import annotations

import pytest

from ivr.line.content.loader import LINE_FILE, read_content, read_folder
from ivr.line.nlu.matcher import MatchResult
from ivr.line.nlu.spoken_input import SpokenInput
from tests.support.paths import ROOT
from tests.web.console.prompts.support import drafted, form_of
from tests.web.console.prompts.test_line import HOURS, config_of, hours_form

ADD = f"{HOURS}/offices/add"
SHIPPED = read_folder(ROOT / "prompts")
LINES = SHIPPED[LINE_FILE].decode().splitlines()
OFFICE = {
    "name-en": "the Front Desk: rooms 1, 2 {north}",
    "name-es": "la recepción",
    "purpose-en": "find the way",
    "purpose-es": "encontrar el camino",
    "said-en": "front desk,  the information desk ,",
    "said-es": "recepción",
    "number": "603-555-0140",
    "opens": "07:30",
    "closes": "16:00",
}


@pytest.fixture
def nurse(published):
    return published.browser("operator", "Ann Example")


def office_form(browser, **more):
    return OFFICE | {"version": form_of(browser.page(HOURS), "hours-form")["version"]} | more


def test_an_office_is_added_and_removed_and_nothing_else_changes(published, nurse):
    assert nurse.post(ADD, office_form(nurse)).status_code == 303
    entry = config_of(published).directory[-1]
    assert (entry.id, entry.number, entry.confirmed) == ("front-desk-rooms-1-2-north", "603-555-0140", False)
    assert entry.name == {"en": OFFICE["name-en"], "es": OFFICE["name-es"]}
    assert entry.purpose["es"] == "encontrar el camino"
    assert {day: f"{hours[0]:%H:%M}-{hours[1]:%H:%M}" for day, hours in entry.hours.items()} == dict.fromkeys(
        ("Mon", "Tue", "Wed", "Thu", "Fri"), "07:30-16:00"
    )
    changed = drafted(published)[LINE_FILE].decode().splitlines()
    first = changed.index(f"  - id: {entry.id}")
    assert changed[:first] + changed[first + 8 :] == LINES
    content = read_content(drafted(published))
    spoken_input = SpokenInput(content, lambda _words, language: MatchResult("none", language, {}))
    for words, language in (("the front desk please", "en"), ("information desk", "en"), ("la recepción", "es")):
        meaning = spoken_input.interpret(words, language)
        assert (entry.id in str(meaning)) == (words != "information desk"), words
    # Its hours can be changed like those of the others.
    form = hours_form(nurse) | {f"{entry.id}-Sat-opens": "08:00", f"{entry.id}-Sat-closes": "12:00"}
    assert nurse.post(HOURS, form).status_code == 303
    assert "Sat" in config_of(published).directory[-1].hours
    path = f"{HOURS}/offices/{entry.id}/remove"
    assert f'href="{path}"' in nurse.page(HOURS)
    assert "Remove it from the draft" in nurse.page(path)
    assert nurse.post(path, {"version": "x"}).status_code == 409
    assert nurse.post(path, {"version": office_form(nurse)["version"]}).status_code == 303
    assert drafted(published)[LINE_FILE] == SHIPPED[LINE_FILE]


def test_two_offices_with_one_name_have_ids_of_their_own(published, nurse):
    for said in ("the annex", "the other annex"):
        form = office_form(nurse, **{"name-en": "Central Scheduling", "said-en": said, "said-es": said})
        assert nurse.post(ADD, form).status_code == 303
    assert [entry.id for entry in config_of(published).directory[3:]] == [
        "central-scheduling-2",
        "central-scheduling-3",
    ]


def test_an_office_to_which_callers_are_sent_stays(published, nurse):
    path = f"{HOURS}/offices/central-scheduling/remove"
    page = nurse.page(path)
    assert "the prompt “Phone numbers”" in page
    assert "the site Elliot Hospital" in page
    assert "Remove it" not in page
    assert nurse.post(path, {"version": office_form(nurse)["version"]}).status_code == 409
    assert LINE_FILE not in nurse.page("/prompts/draft")
    assert nurse.get(f"{HOURS}/offices/nothing/remove").status_code == 404


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("name-en", " ", "Enter the words as callers hear them"),
        ("name-es", "x" * 81, "Enter the words as callers hear them"),
        ("purpose-en", "a\nb", "Enter the words as callers hear them"),
        ("said-en", "", "Enter what callers call it"),
        ("said-en", "front desk, yes", "Enter what callers call it"),
        ("said-es", "recepción, " * 30, "Enter what callers call it"),
        ("said-en", "Health Center", "“Health Center” already leads to another office."),
        ("number", "", "Enter the phone number"),
        ("number", "12", "Enter the phone number"),
        ("number", "900-555-0140", "The number of the Front Desk: rooms 1, 2 {north} is a premium-rate number"),
        ("number", "]: \U0001f600 {", "Enter the phone number"),
        ("opens", "18:00", "Enter from when to when it is open"),
        ("closes", "", "Enter from when to when it is open"),
    ],
)
def test_a_wrong_office_gets_a_sentence_and_keeps_its_fields(published_once, field, value, sentence):
    nurse = published_once.browser("operator")
    answer = nurse.post(ADD, office_form(nurse, **{field: value}))
    page = answer.get_data(as_text=True)
    assert answer.status_code == 400
    assert f'<a href="#{field.replace("closes", "opens")}">{sentence}' in page
    if field != "name-es":
        assert 'value="la recepción"' in page
    assert LINE_FILE not in nurse.page("/prompts/draft")


def test_a_form_that_was_overtaken_is_kept(published, nurse):
    bea = published.browser("operator", "Bea Example")
    mine = office_form(bea)
    other = office_form(nurse, **{"said-en": "the annex", "said-es": "el anexo"})
    assert nurse.post(ADD, other).status_code == 303
    answer = bea.post(ADD, mine)
    page = answer.get_data(as_text=True)
    assert answer.status_code == 409
    assert "Ann Example changed the draft in the meantime" in page
    assert 'value="603-555-0140"' in page
    assert mine["version"] not in page
