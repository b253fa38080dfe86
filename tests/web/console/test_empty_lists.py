"""A list without entries says what to do first; a list of work, that there is nothing to do and what would be on it."""

from __future__ import annotations

import re

import pytest

from ivr.line.callflow.holiday_calendar import closed_days
from ivr.line.content.loader import LINE_FILE, read_content, read_folder
from ivr.people.persons import get_or_create_persons
from ivr.releases.store import publish_release
from tests.support.clinic import NOW, at, row
from tests.support.paths import ROOT
from tests.web.console.empty_lists import LISTS
from tests.web.console.prompts.support import form_of
from tests.web.console.security.support import addresses


@pytest.fixture
def published(console, content):
    publish_release(console.services.ledger, content, NOW, "release", "", "folder")
    return console


def block_of(page: str) -> str:
    """The notice that a page shows instead of an empty list, from its start tag to its end tag."""
    start, depth = page.index('<div class="empty">'), 0
    for tag in re.finditer(r"<(/?)div\b", page[start:]):
        depth += -1 if tag[1] else 1
        if depth == 0:
            return page[start : start + tag.end()]
    raise AssertionError(page[start:])


def says(block: str, title: str, first: str) -> bool:
    """Whether an empty list has its title and what to do first."""
    shown = first if not first.startswith("/") else f'(?:href|action)="{re.escape(first)}"'
    return title in block and re.search(shown, block) is not None


@pytest.mark.parametrize(("path", "title", "first"), LISTS)
def test_an_empty_list_says_what_to_do_first(published, counted_at_now, finished, path, title, first):
    block = block_of(published.browser("admin").page(path))
    assert says(block, title, first), block


def test_no_page_shows_a_table_without_rows(published, counted_at_now):
    client, shown = published.browser("admin").client, 0
    for address in addresses(published.app, "GET"):
        answer = client.get(address.path)
        if answer.status_code == 200 and answer.mimetype == "text/html":
            assert not re.search(r"<tbody>\s*</tbody>", answer.get_data(as_text=True)), str(address)
            shown += 1
    assert shown > 30


def test_who_may_not_upload_sees_no_link_to_it(published):
    block = block_of(published.browser("operator").page("/reminders/appointments/2026-12-04"))
    assert says(block, "No appointments on this day", "/reminders/appointments")
    assert "upload" not in block.replace("upload a newer file", "")


def test_a_year_without_closed_days_says_how_to_close_one(published, content):
    nurse, path = published.browser("operator"), "/prompts/hours?year=2027"
    for day in closed_days(content.config.holidays, 2027):
        form = {"version": form_of(nurse.page(path))["version"], "year": "2027", "day": day.isoformat()}
        assert nurse.post("/prompts/hours/days", {**form, "action": "open"}).status_code == 303
    block = block_of(nurse.page(path))
    assert says(block, "No closed days in 2027", "To close them on a day, enter it below.")
    assert "An operator can change that." in block_of(published.browser("scheduler").page(path))


def test_a_history_without_releases_says_who_publishes_the_first(console):
    block = block_of(console.browser("operator").page("/prompts/history"))
    assert says(block, "Nothing has been published yet", "<code>infoline release</code>")


def test_a_batch_without_texts_says_why(published, clinic_for_commands):
    clinic_for_commands.import_rows(row(1, at(3), channel="call"))
    block = block_of(published.browser("scheduler").page("/reminders/batches/1"))
    assert says(block, "No texts went out, and none are ahead", "/reminders/upload")


def test_an_appointment_without_texts_says_why(published, clinic_for_commands):
    clinic_for_commands.import_rows(row(1, at(3)))
    files = read_folder(ROOT / "prompts")
    # The plan is the last part of the file.
    files[LINE_FILE] = files[LINE_FILE].partition(b"  plan:\n")[0] + b"  plan: []\n"
    publish_release(published.services.ledger, read_content(files), NOW, "release", "", "folder")
    published.services.releases.refresh()
    block = block_of(published.browser("scheduler").page("/people/appointments/A1"))
    assert says(block, "No text is planned, and none went out", "/reminders/plan")


def test_a_person_without_appointments_leads_to_the_search(published):
    with published.services.ledger.write() as connection:
        get_or_create_persons(connection, published.services.vault, ["+16035550101"], NOW)
    block = block_of(published.browser("scheduler").page("/people/1"))
    assert says(block, "No appointment has this number", "/people")
