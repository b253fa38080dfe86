"""Hours, numbers, closed days, and menus in the console."""

from __future__ import annotations

import re
from datetime import date, time

import pytest

from ivr.line.callflow.holiday_calendar import closed_days, is_holiday
from ivr.line.callflow.hours import hours_on
from ivr.line.content.config import read_config
from ivr.line.content.loader import LINE_FILE, read_content, read_folder
from ivr.line.content.revisions.translations import outdated_translations
from ivr.line.content.yaml_edit import replace_value
from ivr.line.content.yaml_source import read_yaml
from tests.support.paths import ROOT
from tests.web.console.prompts.support import drafted, form_of

HOURS, MENUS = "/prompts/hours", "/prompts/menus"
SHIPPED = read_folder(ROOT / "prompts")


def config_of(console):
    return read_config(read_yaml(LINE_FILE, drafted(console)[LINE_FILE].decode()))


def hours_form(browser):
    form = dict(form_of(browser.page(HOURS), "hours-form"))
    return {name: value for name, value in form.items() if not name.endswith(("-confirmed", "-holidays"))} | {
        name: "yes" for name in form if name.endswith("-holidays")
    }


def test_hours_and_numbers_are_saved_and_nothing_else_changes(published):
    nurse = published.browser("operator")
    form = hours_form(nurse) | {
        "central-scheduling-number": "603-663-2199",
        "central-scheduling-Sat-opens": "09:00",
        "central-scheduling-Sat-closes": "12:30",
        "central-scheduling-confirmed": "yes",
    }
    assert nurse.post(HOURS, form).status_code == 303
    entry, other = config_of(published).directory[:2]
    assert (entry.number, entry.confirmed) == ("603-663-2199", True)
    assert [f"{opens:%H:%M}" for opens, _ in entry.hours.values()] == ["08:00"] * 5 + ["09:00"]
    assert other.hours == config_of(published).directory[2].hours
    changed = [
        line
        for line in drafted(published)[LINE_FILE].decode().splitlines()
        if line not in SHIPPED[LINE_FILE].decode().splitlines()
    ]
    assert len(changed) == 3
    assert nurse.post(HOURS, form).status_code == 409


def test_the_name_of_an_office_is_saved_in_each_language_and_the_next_calls_say_it(published):
    nurse = published.browser("operator")
    page = nurse.page(HOURS)
    assert 'lang="es" dir="auto" maxlength="80" value="la oficina de citas (Central Scheduling)"' in page
    names = {"en": "Scheduling: rooms 1, 2 {north}", "es": "la oficina de citas"}
    form = hours_form(nurse) | {f"central-scheduling-name-{code}": name for code, name in names.items()}
    assert nurse.post(HOURS, form).status_code == 303
    entry, other = config_of(published).directory[:2]
    assert entry.name == names
    assert other.name["en"] == "the Elliot Breast Health Center"
    lines = drafted(published)[LINE_FILE].decode().splitlines()
    assert len(set(lines) - set(SHIPPED[LINE_FILE].decode().splitlines())) == 1
    assert "Scheduling: rooms 1, 2 {north}" in nurse.page(HOURS)


def test_the_same_hours_save_nothing(published_once):
    nurse = published_once.browser("operator")
    assert nurse.post(HOURS, hours_form(nurse)).status_code == 303
    assert "The draft changes nothing" in nurse.page("/prompts/draft")


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("Mon-opens", "18:00", "It closes before it opens"),
        ("Mon-opens", "", "Enter both times"),
        ("Tue-closes", "late", "Enter both times"),
        ("name-en", "", "Enter the name as callers hear it"),
        ("name-es", "x" * 81, "Enter the name as callers hear it"),
        ("name-es", "a\nb", "Enter the name as callers hear it"),
        ("number", "", "Enter the phone number with ten digits"),
        ("number", "12", "Enter the phone number with ten digits"),
        ("number", "]: \U0001f600 {", "Enter the phone number with ten digits"),
        ("number", "x" * 10_000, "Enter the phone number with ten digits"),
        ("number", "900-555-0140", "The number of Central Scheduling is a premium-rate number"),
        ("number", "242-555-0140", "The number of Central Scheduling belongs to another country (BS)"),
    ],
)
def test_wrong_hours_and_numbers_get_a_sentence_beside_the_field(published_once, field, value, sentence):
    nurse = published_once.browser("operator")
    answer = nurse.post(HOURS, hours_form(nurse) | {f"central-scheduling-{field}": value})
    page = answer.get_data(as_text=True)
    assert answer.status_code == 400
    # The two times of a day have one error.
    field_id = f"central-scheduling-{field.replace('closes', 'opens')}"
    assert f'<a href="#{field_id}">{sentence}' in page
    assert f'<div class="field-error" id="{field_id}-error">{sentence}' in page
    assert re.search(rf'<input [^>]*id="{field_id}"[^>]* aria-invalid="true"', page)
    assert LINE_FILE not in nurse.page("/prompts/draft")


def days_form(browser, **more):
    page = browser.page(f"{HOURS}?year=2027")
    return {"version": re.search(r'name="version" value="(\w+)"', page)[1], "year": "2027", **more}


def test_days_are_closed_opened_and_confirmed(published, content):
    nurse, path = published.browser("operator"), f"{HOURS}/days"
    steps = [("close", "2027-12-24"), ("open", "2027-07-04"), ("open", "2027-12-24"), ("close", "2027-07-04")]
    states = []
    for action, day in steps:
        assert nurse.post(path, days_form(nurse, action=action, day=day)).status_code == 303
        rule = config_of(published).holidays
        states.append((is_holiday(rule, date(2027, 12, 24)), is_holiday(rule, date(2027, 7, 4))))
    assert states == [(True, True), (True, False), (False, False), (False, True)]
    assert closed_days(config_of(published).holidays, 2027) == closed_days(content.config.holidays, 2027)
    assert nurse.post(path, days_form(nurse, action="confirm")).status_code == 303
    assert config_of(published).holidays.confirmed == 2027
    assert nurse.post(path, days_form(nurse, version="x", action="confirm")).status_code == 409


@pytest.mark.parametrize("day", ["", "x", "1900-01-01", "9999-12-31", "2027-02-30"])
def test_what_is_no_day_of_the_next_years_is_refused(published_once, day):
    nurse = published_once.browser("operator")
    answer = nurse.post(f"{HOURS}/days", days_form(nurse, action="close", day=day), follow_redirects=True)
    assert "Enter a day" in answer.get_data(as_text=True)
    assert nurse.get(f"{HOURS}?year={day}").status_code == 200


def test_a_day_of_the_calendar_gets_other_hours_and_its_usual_ones_back(published):
    nurse, path = published.browser("operator"), f"{HOURS}/days"
    page = nurse.page(f"{HOURS}?year=2027")
    # Every day of the year has a link of its own.
    assert len(re.findall(rf'href="{path}/2027-\d\d-\d\d"', page)) == 365
    page = nurse.page(f"{path}/2027-12-23")
    assert page.count("8:00 AM to 5:00 PM") == 3
    sent = days_form(nurse, action="hours", day="2027-12-23", opens="08:00", closes="12:30")
    assert nurse.post(path, sent).status_code == 303
    config = config_of(published)
    day, entry = date(2027, 12, 23), config.directory[0]
    assert hours_on(config, entry, day) == (time(8), time(12, 30))
    assert hours_on(config, entry, date(2027, 12, 22)) == (time(8), time(17))
    assert f'class="short-day" title="8:00 AM to 12:30 PM"><a href="{path}/2027-12-23">23' in nurse.page(
        f"{HOURS}?year=2027"
    )
    page = nurse.page(f"{path}/2027-12-23")
    assert page.count("8:00 AM to 12:30 PM") == 3
    assert 'value="12:30"' in page
    for action, closed in (("close", True), ("open", False)):
        assert nurse.post(path, days_form(nurse, action=action, day="2027-12-23")).status_code == 303
        assert is_holiday(config_of(published).holidays, day) == closed
        assert config_of(published).holidays.hours == {}
    # A public holiday on which the offices are open for some hours.
    sent = days_form(nurse, action="hours", day="2027-10-11", opens="09:00", closes="11:00")
    assert "Closed: Columbus Day" in nurse.page(f"{path}/2027-10-11")
    assert nurse.post(path, sent).status_code == 303
    assert hours_on(config_of(published), entry, date(2027, 10, 11)) == (time(9), time(11))


@pytest.mark.parametrize(("opens", "closes"), [("", ""), ("12:00", "08:00"), ("soon", "late"), ("08:00", "08:00")])
def test_hours_of_a_day_that_are_none_get_a_sentence_and_stay_in_their_fields(published_once, opens, closes):
    nurse = published_once.browser("operator")
    sent = days_form(nurse, action="hours", day="2027-12-23", opens=opens, closes=closes)
    answer = nurse.post(f"{HOURS}/days", sent)
    page = answer.get_data(as_text=True)
    assert answer.status_code == 400
    assert '<a href="#opens">Enter from when to when it is open' in page
    assert f'name="closes" type="time" value="{closes}"' in page
    assert "The draft changes nothing" in nurse.page("/prompts/draft")


@pytest.mark.parametrize("day", ["x", "1900-01-01", "2027-02-30", "9999-12-31"])
def test_a_day_outside_the_calendar_has_no_page(published_once, day):
    assert published_once.browser("scheduler").get(f"{HOURS}/days/{day}").status_code == 404


def move(browser, **more):
    stamp = re.search(r'name="stamp" value="([^"]+)"', browser.page(MENUS))[1]
    return browser.post(f"{MENUS}/move", {"stamp": stamp, "menu": "welcome", "key": "1", "to": "2", **more})


def test_a_choice_moves_with_its_words_in_every_language(published, content):
    nurse = published.browser("operator")
    assert move(nurse).status_code == 303
    moved = read_content(drafted(published))
    assert moved.config.menus["welcome"].choices["1"] == "central-scheduling"
    assert moved.prompt("en", "welcome").choices["1"] == "For appointments"
    assert moved.prompt("en", "welcome").choices["2"] == "About calcifications"
    assert moved.prompt("es", "welcome").choices["1"] == content.prompt("es", "welcome").choices["2"]
    assert outdated_translations(moved) == outdated_translations(content)
    assert "<svg" in nurse.page(f"{MENUS}?language=es")
    assert move(nurse, key="2", to="1").status_code == 303
    assert drafted(published) == SHIPPED


@pytest.mark.parametrize(("key", "to", "former"), [("1", "4", "2341"), ("4", "1", "4123"), ("3", "2", "1324")])
def test_the_choices_between_keep_their_order(published, content, key, to, former):
    nurse = published.browser("operator")
    assert move(nurse, key=key, to=to).status_code == 303
    moved = read_content(drafted(published))
    for language in ("en", "es"):
        words = content.prompt(language, "welcome").choices
        assert moved.prompt(language, "welcome").choices == words | {
            new: words[old] for new, old in zip("1234", former, strict=True)
        }
    choices = content.config.menus["welcome"].choices
    assert [moved.config.menus["welcome"].choices[new] for new in "1234"] == [choices[old] for old in former]


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"menu": "nothing"}, 404),
        ({"key": "9"}, 404),
        ({"to": "9"}, 404),
        ({"to": ""}, 404),
        ({"to": "1"}, 303),
        ({"stamp": "x"}, 409),
    ],
)
def test_a_move_that_is_not_possible_changes_nothing(published_once, more, status):
    nurse = published_once.browser("operator")
    assert move(nurse, **more).status_code == status
    assert "The draft changes nothing" in nurse.page("/prompts/draft")


def test_schedulers_look_at_hours_and_menus_only(published_once):
    scheduler = published_once.browser("scheduler")
    assert "Save hours" not in scheduler.page(HOURS)
    assert "<form method" not in scheduler.page(f"{HOURS}/days/2027-12-23").partition("<main")[2]
    assert "Move" not in scheduler.page(MENUS)
    for path in (HOURS, f"{HOURS}/days", f"{MENUS}/move"):
        assert scheduler.post(path).status_code == 403


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        (("a", "b"), "[2]", "a: {b: [2], c: 3} # why\n"),
        (("a", "c"), "{d: 4}", "a: {b: [1], c: {d: 4}} # why\n"),
        (("a", "e"), "5", "a: {b: [1], c: 3, e: 5} # why\n"),
        (("a",), "[]", "a: [] # why\n"),
    ],
)
def test_a_value_on_one_line_is_replaced_and_its_comment_kept(path, value, expected):
    assert replace_value("a: {b: [1], c: 3} # why\n", path, value) == expected


def test_a_value_over_several_lines_is_not_replaced():
    with pytest.raises(KeyError):
        replace_value("a:\n  - 1\n  - 2\n", ("a",), "[3]")
