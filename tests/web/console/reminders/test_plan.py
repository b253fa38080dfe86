"""The plan of reminders, and the form that changes it in the draft."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from ivr.line.content.config import read_config
from ivr.line.content.loader import LINE_FILE
from ivr.line.content.yaml_source import read_yaml
from ivr.people.audit import AuditKind, entries_since
from ivr.releases.drafts import Drafts
from ivr.releases.store import publish_folder_if_changed
from tests.support.clinic import NOW


@pytest.fixture
def drafts(console, clinic_for_commands):
    publish_folder_if_changed(clinic_for_commands.ledger, clinic_for_commands.content, NOW, "test")
    return Drafts(clinic_for_commands.ledger, clinic_for_commands.content.config.zone)


def fields(page: str) -> dict[str, str]:
    """The fields of the form, as a browser would send them."""
    assert 'id="plan-form" data-unsaved>' in page
    form = page[page.index('id="plan-form"') :]
    found = {}
    for tag in re.findall(r"<input[^>]*>", form):
        name, value = re.search(r'name="([^"]+)"', tag), re.search(r'value="([^"]*)"', tag)
        if name and value and ('type="checkbox"' not in tag or " checked" in tag):
            found[name[1]] = value[1]
    for name, options in re.findall(r'<select[^>]*name="([^"]+)"[^>]*>(.*?)</select>', form, re.DOTALL):
        found[name] = (re.search(r'value="(\w*)" selected', options) or re.search(r'value="(\w*)"', options))[1]
    del found["csrf_token"]
    return found


def drafted_rules(drafts):
    return read_config(read_yaml(LINE_FILE, drafts.open().files[LINE_FILE].decode())).reminders


def test_a_changed_plan_goes_into_the_draft_and_not_to_patients(console, drafts):
    browser = console.browser("scheduler")
    form = fields(browser.page("/reminders/plan"))
    form |= {"before-7d": "10", "asks-7d": "yes", "quiet-from": "20:30", "week": "2", "late-1d": "6"}
    del form["asks-2d"]
    response = browser.post("/reminders/plan", form)
    assert response.status_code == 303
    rules, live = drafted_rules(drafts), console.services.releases.live.content.config.reminders
    assert [step.before.days for step in rules.plan] == [10, 2, 1]
    assert [step.asks for step in rules.plan] == [True, False, False]
    assert (rules.quiet_hours.start.isoformat("minutes"), rules.per_number.week) == ("20:30", 2)
    assert live.plan[0].before.days == 7
    text = drafts.open().files[LINE_FILE].decode()
    assert "# The countries whose numbers may be texted." in text
    page = browser.page("/reminders/plan")
    assert "The plan in the draft" in page
    assert "10 days before" in page
    with console.services.ledger.read() as connection:
        assert [entry.kind for entry in entries_since(connection, NOW)] == [AuditKind.DRAFT_CHANGED]


def test_the_same_plan_saves_nothing(console, drafts):
    browser = console.browser("scheduler")
    response = browser.post("/reminders/plan", fields(browser.page("/reminders/plan")), follow_redirects=True)
    assert "nothing was saved" in response.get_data(as_text=True)
    assert not drafts.open().changed


WRONG = (
    ({"before-7d": "soon"}, "Enter a whole number, such as 2."),
    ({"before-7d": "-1"}, "Enter a whole number, such as 2."),
    ({"before-7d": "99999"}, "Enter a whole number, such as 2."),
    ({"before-7d": "٣"}, "Enter a whole number, such as 2."),
    ({"before-7d-unit": "weeks"}, "Enter a whole number, such as 2."),
    ({"to-7d": "nobody"}, "Choose who gets this text."),
    ({"new-before": "x"}, "Enter a whole number, such as 2."),
    ({"new-before": "14", "new-words": "welcome"}, "Choose the words of this text."),
    ({"new-before": "14", "new-words": "reminder-7d\nx: y"}, "Choose the words of this text."),
    ({"remove-7d": "yes", "remove-2d": "yes", "remove-1d": "yes"}, "Leave at least one text in the plan."),
    ({"quiet-from": "25:00"}, "Enter a time of day, such as 21:00."),
    ({"quiet-to": ""}, "Enter a time of day, such as 21:00."),
    ({"day": "0"}, "Enter a whole number of at least 1."),
    ({"week": "🙂" * 10_000}, "Enter a whole number of at least 1."),
    # Three texts on one day, of which the limit lets one go out.
    ({"before-2d": "1", "before-7d": "1", "late-7d": "1", "late-7d-unit": "h"}, "never goes out"),
)


def test_wrong_values_get_a_sentence_and_stay_in_the_form(console, drafts):
    browser = console.browser("scheduler")
    form = fields(browser.page("/reminders/plan"))
    for values, sentence in WRONG:
        response = browser.post("/reminders/plan", form | values)
        page = response.get_data(as_text=True)
        assert response.status_code == 400, values
        assert sentence in page, values
        assert "Please check this first" in page
        if not {"unit", "to", "new", "remove"} & set(re.split("-", "-".join(values))):
            assert all(f'value="{value}"' in page for value in values.values() if len(value) > 1)
    assert not drafts.open().changed


def test_what_a_colleague_saved_is_shown_before_it_can_be_replaced(console, drafts):
    ann, bob = console.browser("scheduler", "Ann"), console.browser("admin", "Bob")
    form = fields(bob.page("/reminders/plan"))
    assert form["quiet-from"] == "21:00"
    assert ann.post("/reminders/plan", form | {"quiet-from": "20:00"}).status_code == 303
    response = bob.post("/reminders/plan", form | {"week": "4"})
    page = response.get_data(as_text=True)
    assert response.status_code == 409
    assert "Ann changed the draft in the meantime. Compare both versions" in page
    both = page[page.index("Both versions, word by word") : page.index('id="plan-form"')]
    assert "only in the version of Ann" in both
    assert re.search(r"<del>[^<]*20:00[^<]*</del> <ins>[^<]*21:00[^<]*</ins>", both.replace("&#34;", '"'))
    assert "No texts from 20:00 to" in both
    assert fields(page)["week"] == "4"
    assert bob.post("/reminders/plan", fields(page) | {"quiet-from": "20:00"}).status_code == 303
    rules = drafted_rules(drafts)
    assert (rules.quiet_hours.start.isoformat("minutes"), rules.per_number.week) == ("20:00", 4)


def test_who_changes_the_plan_need_not_compare_it_with_a_colleagues_change_of_the_hours(console, drafts):
    ann = console.browser("scheduler", "Ann")
    form = fields(ann.page("/reminders/plan"))
    line = drafts.open().files["line.yaml"].replace(b"ring: 25", b"ring: 30", 1)
    drafts.save("line.yaml", line, "Bob", NOW, drafts.open().version("line.yaml"))
    assert ann.post("/reminders/plan", form | {"week": "4"}).status_code == 303
    assert drafted_rules(drafts).per_number.week == 4
    assert b"ring: 30" in drafts.open().files["line.yaml"]


def test_a_text_that_a_colleague_added_stays_when_an_older_page_is_sent(console, drafts):
    ann, bob = console.browser("scheduler", "Ann"), console.browser("admin", "Bob")
    form = fields(bob.page("/reminders/plan"))
    new = {"new-before": "14", "new-late": "3", "new-words": "reminder-7d", "new-asks": "yes"}
    assert ann.post("/reminders/plan", form | new).status_code == 303
    page = bob.post("/reminders/plan", form | {"week": "4"}).get_data(as_text=True)
    assert "Both versions, word by word" in page
    assert "Please check this first" not in page
    assert bob.post("/reminders/plan", fields(page)).status_code == 303
    rules = drafted_rules(drafts)
    assert ([step.id for step in rules.plan], rules.plan[-1].asks) == (["7d", "2d", "1d", "14d"], True)
    assert rules.per_number.week == 4


def test_the_quiet_hours_and_limits_of_the_draft_are_printed(console, drafts):
    browser = console.browser("scheduler")
    form = fields(browser.page("/reminders/plan"))
    browser.post("/reminders/plan", form | {"quiet-to": "10:30", "day": "2"})
    page = console.browser("operator").page("/reminders/plan")
    drafted = page[page.index("The plan in the draft") :]
    assert "No texts from 21:00 to 10:30, where the patient is." in drafted
    assert "At most 2 a day" in drafted


def test_two_people_at_once_are_told(console, drafts):
    first, second = console.browser("scheduler"), console.browser("admin")
    form = fields(first.page("/reminders/plan"))
    assert second.post("/reminders/plan", form | {"before-7d": "8"}).status_code == 303
    response = first.post("/reminders/plan", form | {"before-7d": "9"})
    assert response.status_code == 409
    assert "changed the draft in the meantime" in response.get_data(as_text=True)
    assert drafted_rules(drafts).plan[0].before.days == 8


def test_a_broken_draft_is_mended_elsewhere(console, drafts):
    drafts.save(LINE_FILE, b"reminders: [", "Ann", NOW, None)
    browser = console.browser("scheduler")
    page = browser.page("/reminders/plan")
    assert "have faults" in page
    assert 'id="plan-form"' not in page
    assert browser.post("/reminders/plan", {"before-7d": "8"}).status_code == 303


def test_texts_are_added_and_removed_and_the_drawing_follows(console, drafts):
    browser = console.browser("scheduler")
    form = fields(browser.page("/reminders/plan"))
    form |= {
        "new-before": "14",
        "new-late": "3",
        "new-words": "reminder-7d",
        "new-to": "unconfirmed",
        "remove-2d": "yes",
    }
    assert browser.post("/reminders/plan", form).status_code == 303
    plan = drafted_rules(drafts).plan
    assert [step.id for step in plan] == ["7d", "1d", "14d"]
    assert (plan[2].before, plan[2].late) == (timedelta(days=14), timedelta(days=3))
    assert (plan[2].prompt, plan[2].unless, plan[2].asks) == ("reminder-7d", "confirmed", False)
    page = browser.page("/reminders/plan")
    drawing = page[page.index("The plan in the draft") :]
    assert "14 days before" in drawing
    assert "2 days before" not in drawing[: drawing.index("Change the plan")]
    assert 'href="/prompts/en/reminder-7d"' in page
    assert 'href="/prompts/es/reminder-7d"' in page
    assert "# The countries whose numbers may be texted." in drafts.open().files[LINE_FILE].decode()


def test_a_second_text_of_the_same_time_has_an_id_of_its_own(console, drafts):
    browser = console.browser("scheduler")
    form = fields(browser.page("/reminders/plan"))
    new = {"new-before": "7", "new-late": "2", "new-words": "reminder-1d", "new-asks": "yes", "week": "4", "day": "2"}
    assert browser.post("/reminders/plan", form | new).status_code == 303
    added = drafted_rules(drafts).plan[-1]
    assert (added.id, added.asks, added.unless) == ("7d-2", True, None)


def test_the_texts_of_the_form_are_named_by_their_times(console, drafts):
    browser = console.browser("scheduler")
    page = browser.page("/reminders/plan")
    assert re.findall(r"<legend>(Reminder[^<]*)</legend>", page) == [
        f"Reminder {span} before" for span in ("7 days", "2 days", "1 day")
    ]
    form = fields(page) | {"new-before": "12", "new-before-unit": "h", "new-words": "reminder-1d", "week": "4"}
    assert browser.post("/reminders/plan", form | {"day": "2"}).status_code == 303
    assert "<legend>Reminder 12 hours before</legend>" in browser.page("/reminders/plan")


def test_who_gets_a_text_is_changed_and_changed_back(console, drafts):
    browser = console.browser("scheduler")
    before = drafted_rules(drafts)
    for audiences in (("unconfirmed", "everybody"), ("everybody", "unconfirmed")):
        form = fields(browser.page("/reminders/plan")) | dict(zip(("to-7d", "to-2d"), audiences, strict=True))
        assert browser.post("/reminders/plan", form).status_code == 303
        plan = drafted_rules(drafts).plan
        assert [step.unless for step in plan[:2]] == [
            "confirmed" if audience == "unconfirmed" else None for audience in audiences
        ]
    assert drafted_rules(drafts) == before


def test_an_error_of_a_choice_is_beside_it_and_linked_from_the_summary(console, drafts):
    browser = console.browser("scheduler")
    form = fields(browser.page("/reminders/plan")) | {"new-before": "14"}
    page = browser.post("/reminders/plan", form).get_data(as_text=True)
    assert '<a href="#new-words">Choose the words of this text.</a>' in page
    assert '<div class="field-error" id="new-words-error">Choose the words of this text.</div>' in page
    select = re.search(r'<select[^>]*id="new-words"[^>]*>', page)[0]
    assert 'aria-describedby="new-words-error"' in select
    assert 'aria-invalid="true"' in select
    assert re.search(r"<details[^>]* open>", page)


def test_a_plan_that_is_written_on_several_lines_is_changed_too(console, drafts):
    text = drafts.open().files[LINE_FILE].decode()
    step = re.search(r"- (\{id: 1d,.*\})", text)
    lines = "".join(f"      {each.strip()}\n" for each in step[1].strip("{}").split(","))
    drafts.save(LINE_FILE, text.replace(step[0], f"-\n{lines}").encode(), "Ann", NOW, None)
    browser = console.browser("scheduler")
    form = fields(browser.page("/reminders/plan")) | {"remove-1d": "yes", "new-before": "12", "new-before-unit": "h"}
    assert browser.post("/reminders/plan", form | {"new-words": "reminder-1d"}).status_code == 303
    assert [step.id for step in drafted_rules(drafts).plan] == ["7d", "2d", "12h"]


def test_an_operator_sees_the_plan_in_the_draft_without_the_form(console, drafts):
    scheduler = console.browser("scheduler")
    form = fields(scheduler.page("/reminders/plan"))
    scheduler.post("/reminders/plan", form | {"before-7d": "8"})
    assert "8 days before" in console.browser("operator").page("/reminders/plan")
    assert "An operator checks and publishes it." in scheduler.page("/reminders/plan")


def test_an_operator_sees_the_plan_without_the_form(console, drafts):
    browser = console.browser("operator")
    assert 'id="plan-form"' not in browser.page("/reminders/plan")
    assert browser.post("/reminders/plan", {"before-7d": "8"}).status_code == 403


def test_what_was_typed_survives_the_end_of_a_session(console, drafts):
    browser = console.browser("scheduler")
    form = fields(browser.page("/reminders/plan")) | {"before-7d": "9"}
    browser.post_too_late("/reminders/plan", form, "/reminders/plan")
    assert fields(browser.page("/reminders/plan"))["before-7d"] == "9"
    assert not drafts.open().changed


def test_a_changed_plan_waits_on_today_until_it_is_published_or_thrown_away(console, drafts):
    scheduler, operator = console.browser("scheduler", "Ann"), console.browser("operator")
    waits = "Ann changed the plan of reminders. It waits to be checked and published."
    comment = drafts.open().files[LINE_FILE] + b"# A comment.\n"
    drafts.save(LINE_FILE, comment, "Ann", NOW, None)
    assert waits not in operator.page("/")
    scheduler.post("/reminders/plan", fields(scheduler.page("/reminders/plan")) | {"before-7d": "8"})
    page = operator.page("/")
    assert waits in page
    assert re.search(
        r'<a class="waiting-link" id="waiting-changed-plan" href="/prompts/draft">Check the draft</a>', page
    )
    assert operator.post("/prompts/draft/publish", {}).status_code != 403
    assert scheduler.post("/prompts/draft/publish", {}).status_code == 403
    drafts.save(LINE_FILE, b"reminders: [", "Ann", NOW, None)
    assert waits not in operator.page("/")
    drafts.discard()
    assert waits not in operator.page("/")
