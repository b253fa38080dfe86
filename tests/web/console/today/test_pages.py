"""What waits on the page Today, in order, and who sees it."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape

import pytest
from sqlalchemy import update

from ivr.ledger.tables import callback, todo
from ivr.line.content.loader import Content
from ivr.line.content.revisions.sign_off import unsigned_prompts
from ivr.people.callbacks import complete_callback
from ivr.releases.store import publish_folder_if_changed
from ivr.reminders.alarms import Alarm
from ivr.staff.users import Role
from ivr.web.console.today import waiting
from ivr.web.console.today.alarm_words import words_of_alarm
from tests.support.clinic import NOW, Clinic, at, row
from tests.web.console.conftest import Console
from tests.web.console.today.support import (
    NOTHING,
    PATHS,
    add_item,
    ages,
    ago,
    ask,
    ask_for_call,
    raise_one,
    sentences,
)

pytestmark = pytest.mark.usefixtures("counted_at_now")

# What waits


def test_everything_that_waits_is_listed_in_order_with_its_count_and_age(
    console: Console, clinic_for_commands: Clinic, finished: None
) -> None:
    clinic = clinic_for_commands
    clinic.import_rows(*(row(number, at(3)) for number in range(6)))
    ask(clinic, "do they validate parking", ago(hours=3))
    ask(clinic, "is it loud", ago(days=2))
    ask(clinic, "a question of last month", ago(days=8))
    add_item(clinic, "wrong-number", "A0", ago(hours=30))
    for number, name in enumerate(("A1", "A2", "A3")):
        add_item(clinic, "change", name, ago(hours=number + 1))
    add_item(clinic, "cancel", "A4", ago(minutes=10))
    for number, topic, hours in ((1, None, 60), (2, "cancer", 5), (3, "urgent", 2), (4, "person-soon", 1)):
        ask_for_call(clinic, number, topic, ago(hours=hours))
    raise_one(clinic, Alarm.BACKLOG, ago(minutes=20))
    raise_one(clinic, Alarm.CLOCK_SILENT, ago(minutes=25))
    page = console.browser("operator").page("/")
    assert sentences(page) == [
        "The part of the line that starts reminders has stopped.",
        "Texts have waited for more than ten minutes.",
        "2 callers with urgent questions wait for a call back.",
        "2 callers wait for a call back.",
        "3 patients ask for another time.",
        "1 patient texted CANCEL, gets no more texts, and may not come.",
        "1 phone number is not the patient’s.",
        "The line could not answer 2 questions in the last 7 days.",
    ]
    assert ages(page) == [
        "Began 25 min ago.",
        "Began 20 min ago.",
        "The oldest came 2 h ago.",
        "The oldest came 2 days ago.",
        "The oldest came 3 h ago.",
        "The oldest came 10 min ago.",
        "The oldest came 30 h ago.",
        "The latest came 3 h ago.",
    ]
    assert "Ask your IT department to start the clock" in page
    assert NOTHING not in page


def test_what_is_done_does_not_wait(console: Console, clinic_for_commands: Clinic, finished: None) -> None:
    clinic = clinic_for_commands
    clinic.import_rows(row(1, at(3)))
    ask_for_call(clinic, 1, "urgent", ago(hours=1))
    add_item(clinic, "change", "A1", ago(hours=1))
    with clinic.ledger.write() as connection:
        assert complete_callback(connection, clinic.all(callback)[0].id, "Ann", NOW)
        connection.execute(update(todo).values(done_at=NOW, done_by="Ann"))
    page = console.browser("operator").page("/")
    assert sentences(page) == []
    assert NOTHING in page


def test_if_nothing_waits_the_page_says_so(console: Console, finished: None) -> None:
    assert NOTHING in console.browser("scheduler").page("/")


def test_what_is_unfinished_in_the_live_release_is_counted(
    console: Console, content: Content, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert sentences(console.browser().page("/")) == [
        f"{len(unsigned_prompts(content))} medical texts have no sign-off of their current words.",
        "The opening hours of 3 offices are assumed, not confirmed.",
        "The closed days of the year are not confirmed yet.",
    ]
    monkeypatch.setattr(waiting, "_unfinished", lambda *_: waiting._Unfinished(2, 1, 1, closed_days=False))
    assert sentences(console.browser().page("/")) == [
        "2 translations are behind the texts that they were made from.",
        "1 medical text has no sign-off of its current words.",
        "The opening hours of 1 office are assumed, not confirmed.",
    ]


def test_each_alarm_says_what_is_wrong_and_what_to_do(console: Console) -> None:
    with console.app.test_request_context("/"):
        for name in (*Alarm, "an_alarm_of_a_newer_version"):
            words = words_of_alarm(name)
            assert words.endpoint in waiting._LINKS, name
            assert words.problem.endswith("."), name
            assert words.advice.endswith("."), name


def test_without_a_release_that_is_what_needs_a_person_first(console: Console, clinic_for_commands: Clinic) -> None:
    browser = console.browser()
    raise_one(clinic_for_commands, Alarm.BACKLOG, ago(minutes=20))
    console.services.releases.live = None
    first, second = sentences(browser.page("/"))
    assert first == "The published words of the line cannot be read, so callers hear an apology."
    assert second == "Texts have waited for more than ten minutes."


def test_a_line_links_only_to_a_page_that_the_role_includes(
    console: Console, clinic_for_commands: Clinic, finished: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask_for_call(clinic_for_commands, 1, None, ago(hours=1))
    browser = console.browser("operator")
    link = 'id="waiting-callbacks"'
    assert link in browser.page("/")
    gate = console.app.extensions["console_gate"]
    allowed = dict(gate.access)
    monkeypatch.setattr(gate, "access", {**allowed, "work.callbacks": frozenset({Role.ADMIN})})
    assert link not in browser.page("/")
    assert link in console.browser("admin").page("/")


def test_each_link_leads_to_what_its_line_says(
    console: Console, clinic_for_commands: Clinic, content: Content, monkeypatch: pytest.MonkeyPatch
) -> None:
    clinic = clinic_for_commands
    publish_folder_if_changed(clinic.ledger, content, NOW, "test")
    clinic.import_rows(*(row(number, at(3)) for number in range(3)))
    for name, kind in (("A0", "change"), ("A1", "cancel"), ("A2", "wrong-number")):
        add_item(clinic, kind, name, ago(hours=1))
    unfinished = waiting._unfinished(content, NOW.date())
    monkeypatch.setattr(waiting, "_unfinished", lambda *_: replace(unfinished, outdated=1, closed_days=2027))
    browser = console.browser("admin")
    page = browser.page("/")
    links = {key: unescape(url) for key, url in re.findall(r'id="waiting-([\w-]+)" href="([^"]+)"', page)}
    for name, kind in (("A0", "change"), ("A1", "cancel"), ("A2", "wrong-number")):
        assert re.findall(r"/people/appointments/(A\d)", browser.page(links[kind])) == [name], kind
    assert 'aria-current="true">Translation behind (' in browser.page(links["translations"])
    signed_off = browser.page(links["sign-offs"])
    assert 'aria-current="true">Needs a sign-off (' in signed_off
    path, _, place = links["closed-days"].partition("#")
    assert '<section id="days"' in browser.page(path)
    assert "Closed days of 2027" in browser.page(path)
    assert place == "days"


def test_the_first_block_replaces_itself_every_30_seconds(console: Console) -> None:
    fragment = console.browser("operator").page("/today/waiting")
    assert fragment.lstrip().startswith('<section id="waiting"')
    assert 'hx-get="/today/waiting"' in fragment
    assert 'hx-trigger="every 30s"' in fragment
    assert "<html" not in fragment


# Access


def test_all_roles_see_all_pages(console: Console) -> None:
    for role in Role:
        browser = console.browser(role)
        for path in PATHS:
            assert browser.get(path).status_code == 200, (role, path)


def test_a_stranger_is_sent_to_the_sign_in_page(console: Console) -> None:
    for path in PATHS:
        response = console.stranger().get(path)
        assert response.status_code == 302
        assert response.location.startswith("/login?next=")
