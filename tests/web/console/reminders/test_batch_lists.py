"""Finding a batch among many, the appointments behind a reason, and files that wait to be imported."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from sqlalchemy import insert, update

from ivr.ledger.tables import appointment, batch, text
from tests.support.clinic import NOW, at, csv_text, row
from tests.web.console.reminders.upload_support import upload

BATCH = re.compile(r'href="/reminders/batches/(\d+)"')


@pytest.fixture
def clinic(clinic_for_commands):
    """Thirty-five batches, of which only the first has appointments."""
    clinic = clinic_for_commands
    clinic.import_rows(row(1, at(3)), row(2, at(3, 1)), name="december.csv")
    with clinic.ledger.write() as connection:
        [columns] = connection.execute(batch.select()).mappings()
        more = [
            {**columns, "id": number, "filename": f"Week_{number}.csv", "created_at": NOW - timedelta(days=number)}
            for number in range(2, 36)
        ]
        connection.execute(insert(batch), more)
    return clinic


def found(browser, **query):
    page = browser.get("/reminders", query_string=query).get_data(as_text=True)
    return [int(number) for number in BATCH.findall(page)]


def test_a_batch_is_found_by_its_file_name_or_by_its_day(console, clinic):
    browser = console.browser("operator")
    assert found(browser, file="december") == [1]
    assert found(browser, file="week_3") == [35, 34, 33, 32, 31, 30, 3]
    assert found(browser, file="week%") == []
    assert found(browser, day=(NOW - timedelta(days=7)).date().isoformat()) == [7]
    assert found(browser, file="dec", day=(NOW - timedelta(days=7)).date().isoformat()) == []
    assert "No batch was found" in browser.page("/reminders?file=nothing")
    assert found(browser, day="someday") == list(range(35, 25, -1))


def test_the_first_and_the_last_page_of_the_batches_are_one_link_away(console, clinic):
    browser = console.browser("operator")
    page = browser.page("/reminders")
    assert "Page 1 of 4" in page
    assert 'href="/reminders?page=4">Last</a>' in page
    page = browser.page("/reminders?page=4&file=")
    assert found(browser, page=4) == [5, 4, 3, 2, 1]
    assert 'href="/reminders?page=1&amp;file=">First</a>' in page
    assert ">Last</a>" not in page
    assert 'rel="prev" href="/reminders?page=4"' in browser.page("/reminders?page=9000")


def test_the_appointments_behind_a_reason_are_listed_in_pages(console, clinic):
    with clinic.ledger.write() as connection:
        values = {"batch_id": 1, "appointment_id": 1, "person_id": 1, "starts_at": NOW, "updated_at": NOW}
        rows = [{**values, "step": f"s{number}", "state": "failed", "reason": "error_30003"} for number in range(60)]
        connection.execute(insert(text), [*rows, {**values, "step": "x", "state": "skipped", "reason": "late"}])
        connection.execute(update(appointment).values(next_due_at=None))
    browser = console.browser("operator")
    link = 'href="/reminders/batches/1?reason=error_30003#reason-title"'
    assert link in browser.page("/reminders/batches/1")
    assert link in browser.page("/reminders/batches/1/live")
    pages = [browser.page(f"/reminders/batches/1?reason=error_30003&page={number}") for number in (1, 2, 3)]
    assert [page.count('href="/people/appointments/A1"') for page in pages] == [50, 10, 0]
    assert "error 30003" in pages[0]
    assert browser.page("/reminders/batches/1?reason=late").count('href="/people/appointments/A1"') == 1
    assert "no such text" in browser.page("/reminders/batches/1?reason=%F0%9F%99%82")


def test_a_file_that_waits_is_linked_for_the_user_who_sent_it(console, clinic):
    ann, bob = console.browser("scheduler", "Ann"), console.browser("scheduler", "Bob")
    path, _ = upload(ann, csv_text([row(7, at(9))]), "thursday.csv")
    page = ann.page("/reminders")
    assert f'<a href="{path}"><bdi>thursday.csv</bdi></a>' in page
    assert "waits for you to import it" in page
    assert "You can leave this page and come back" in page
    assert path not in bob.page("/reminders")
    ann.post(path, {"action": "throw-away"})
    assert path not in ann.page("/reminders")
