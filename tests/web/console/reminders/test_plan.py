"""The plan of reminders, and the form that changes it in the draft."""

from __future__ import annotations

import re

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
        found[name] = re.search(r'value="(\w+)" selected', options)[1]
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
        if "unit" not in next(iter(values)):
            assert all(f'value="{value}"' in page for value in values.values() if len(value) > 1)
    assert not drafts.open().changed


def test_two_people_at_once_are_told(console, drafts):
    first, second = console.browser("scheduler"), console.browser("admin")
    form = fields(first.page("/reminders/plan"))
    assert second.post("/reminders/plan", form | {"before-7d": "8"}).status_code == 303
    response = first.post("/reminders/plan", form | {"before-7d": "9"})
    assert response.status_code == 409
    assert "Somebody else changed the draft" in response.get_data(as_text=True)
    assert drafted_rules(drafts).plan[0].before.days == 8


def test_a_broken_draft_is_mended_elsewhere(console, drafts):
    drafts.save(LINE_FILE, b"reminders: [", "Ann", NOW, None)
    browser = console.browser("scheduler")
    page = browser.page("/reminders/plan")
    assert "has faults" in page
    assert 'id="plan-form"' not in page
    assert browser.post("/reminders/plan", {"before-7d": "8"}).status_code == 303


def test_an_operator_sees_the_plan_without_the_form(console, drafts):
    browser = console.browser("operator")
    assert 'id="plan-form"' not in browser.page("/reminders/plan")
    assert browser.post("/reminders/plan", {"before-7d": "8"}).status_code == 403


def test_what_was_typed_survives_the_end_of_a_session(console, drafts):
    browser = console.browser("scheduler")
    form = fields(browser.page("/reminders/plan")) | {"before-7d": "9"}
    with browser.client.session_transaction() as session:
        signed_in = dict(session)
        session.pop("_user_id")
    assert browser.client.post("/reminders/plan", data=form).status_code == 302
    with browser.client.session_transaction() as session:
        session.update({"_user_id": signed_in["_user_id"], "_fresh": True})
    assert fields(browser.page("/reminders/plan"))["before-7d"] == "9"
    assert not drafts.open().changed
