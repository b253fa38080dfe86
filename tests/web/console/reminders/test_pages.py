"""The batches, their pages, and the appointments by day."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import insert, update

from ivr.ledger.tables import appointment, batch, text
from ivr.people.audit import AuditKind, entries_since
from ivr.web.console.reminders.state_words import reason_words
from tests.support.clinic import NOW, at, row

PAGES = ("/reminders", "/reminders/appointments", "/reminders/appointments/2026-12-04", "/reminders/plan")
PERSON = {"person_id": 1, "appointment_id": 1, "starts_at": NOW}
FORGED = ("0", "-1", "999", "99999999999999999999", "x", "1%00", "1'--")


@pytest.fixture
def clinic(clinic_for_commands):
    clinic_for_commands.import_rows(row(1, at(3)), row(2, at(3, 1)), row(3, at(9)), name="december.csv")
    return clinic_for_commands


def kinds(console):
    with console.services.ledger.read() as connection:
        return [entry.kind for entry in entries_since(connection, NOW)]


def test_everybody_may_look(console, clinic):
    for role in ("scheduler", "operator", "admin"):
        browser = console.browser(role)
        for path in (*PAGES, "/reminders/batches/1", "/reminders/batches/1/live", "/reminders/batches/1/texts.csv"):
            assert browser.get(path).status_code == 200, (role, path)


CHANGES = (
    ("get", "/reminders/upload"),
    ("post", "/reminders/upload"),
    ("get", "/reminders/batches/1/cancel"),
    ("post", "/reminders/batches/1"),
    ("post", "/reminders/batches/1/texts-with-numbers.csv"),
    ("get", f"/reminders/uploads/{'0' * 32}"),
    ("post", f"/reminders/uploads/{'0' * 32}"),
)


def test_an_operator_changes_nothing(console, clinic):
    browser = console.browser("operator")
    for method, path in CHANGES:
        assert getattr(browser, method)(path).status_code == 403, path
    assert not clinic.batch(1).paused


def test_an_operator_sees_no_buttons_that_she_may_not_press(console, clinic):
    page = console.browser("operator").page("/reminders/batches/1")
    assert "Pause this batch" not in page
    assert "numbers and names" not in page
    assert "Upload appointments" not in console.browser("operator").page("/reminders")


def test_batches_are_listed_newest_first_on_pages(console, clinic):
    for number in range(10, 22):
        clinic.import_rows(row(number, at(4)), name=f"week-{number}.csv")
    browser = console.browser("scheduler")
    first, second = browser.page("/reminders"), browser.page("/reminders?page=2")
    assert first.index("week-21.csv") < first.index("week-20.csv")
    assert "december.csv" not in first
    assert "december.csv" in second
    assert "Next" not in second


def test_a_page_that_does_not_exist_is_no_error(console, clinic):
    browser = console.browser("scheduler")
    for page in ("0", "-3", "x", "99999999999999999999"):
        for path in ("/reminders", "/reminders/appointments/2026-12-04"):
            assert browser.get(f"{path}?page={page}").status_code == 200


def test_a_forged_number_of_a_batch_is_not_found_and_changes_nothing(console, clinic):
    browser = console.browser("scheduler")
    for number in FORGED:
        for path in ("", "/live", "/cancel", "/texts.csv"):
            assert browser.get(f"/reminders/batches/{number}{path}").status_code == 404, (number, path)
        assert browser.post(f"/reminders/batches/{number}", {"action": "cancel"}).status_code == 404
        assert browser.post(f"/reminders/batches/{number}/texts-with-numbers.csv").status_code == 404
    assert kinds(console) == []


def test_a_batch_shows_its_states_and_what_to_do(console, clinic):
    clinic.import_rows(row(7, at(1, 1)), name="late.csv")
    clinic.send(NOW)
    page = console.browser("scheduler").page("/reminders/batches/2")
    assert "sent, not known yet if it arrived" in page
    assert 'hx-trigger="every 3s"' in page
    assert "<script>" not in page


@pytest.mark.parametrize(
    ("state", "waits"),
    [
        ("planned", False),  # Of a planned text, its appointment has the next due time.
        ("claimed", True),
        ("uncertain", True),
        ("handed_over", True),
        ("delivered", False),
        ("no_receipt", False),
        ("skipped", False),
    ],
)
def test_a_batch_refreshes_itself_while_a_text_can_still_change(console, clinic, state, waits):
    with clinic.ledger.write() as connection:
        connection.execute(update(appointment).values(next_due_at=None))
        connection.execute(insert(text).values(batch_id=1, step="7d", state=state, updated_at=NOW, **PERSON))
    browser = console.browser("scheduler")
    for path in ("/reminders/batches/1", "/reminders/batches/1/live"):
        assert ('hx-trigger="every 3s"' in browser.page(path)) == waits, path


def test_the_live_part_has_the_buttons_of_the_batch_as_it_is_now(console, clinic):
    browser, live = console.browser("scheduler"), "/reminders/batches/1/live"
    assert 'id="pause"' in browser.page(live)
    browser.post("/reminders/batches/1", {"action": "pause"})
    page = browser.page(live)
    assert 'id="resume"' in page
    assert 'id="pause"' not in page
    assert browser.page("/reminders/batches/1").count('id="resume"') == 1
    assert 'id="resume"' not in console.browser("operator").page(live)


def test_a_batch_is_paused_resumed_and_cancelled(console, clinic):
    browser = console.browser("scheduler")
    assert browser.post("/reminders/batches/1", {"action": "pause"}).status_code == 303
    assert clinic.batch(1).paused
    assert "Resume this batch" in browser.page("/reminders/batches/1")
    browser.post("/reminders/batches/1", {"action": "resume"})
    assert not clinic.batch(1).paused
    browser.post("/reminders/batches/1", {"action": "cancel"})
    assert clinic.batch(1).cancelled_at == NOW
    assert kinds(console) == [AuditKind.BATCH_PAUSED, AuditKind.BATCH_RESUMED, AuditKind.BATCH_CANCELLED]
    page = browser.page("/reminders/batches/1")
    assert "Cancelled" in page
    assert "Pause this batch" not in page


def test_the_question_before_a_cancellation_says_how_many_texts_are_left(console, clinic):
    page = console.browser("scheduler").page("/reminders/batches/1/cancel")
    # Three appointments, each with three texts of the plan.
    assert "Up to 9 texts" in page
    assert "3 appointments" in page
    clinic.send(NOW)
    assert "Up to 7 texts" in console.browser("scheduler").page("/reminders/batches/1/cancel")


def test_a_cancelled_batch_cannot_be_resumed_by_another_tab(console, clinic):
    browser = console.browser("scheduler")
    browser.post("/reminders/batches/1", {"action": "cancel"})
    response = browser.post("/reminders/batches/1", {"action": "resume"}, follow_redirects=True)
    assert "cancelled for good" in response.get_data(as_text=True)
    assert kinds(console) == [AuditKind.BATCH_CANCELLED]
    assert browser.get("/reminders/batches/1/cancel").status_code == 302


def test_an_unknown_action_is_refused(console, clinic):
    browser = console.browser("scheduler")
    for action in ("", "explode", "cancel; drop"):
        assert browser.post("/reminders/batches/1", {"action": action}).status_code == 400


def test_a_form_without_its_token_changes_nothing(console, clinic):
    assert (
        console.browser("scheduler").client.post("/reminders/batches/1", data={"action": "cancel"}).status_code == 400
    )
    assert clinic.batch(1).cancelled_at is None


def test_an_appointment_is_found_in_its_batch(console, clinic):
    browser = console.browser("scheduler")
    page = browser.page("/reminders/batches/1?appointment=A2")
    assert "Texts of this appointment" in page
    assert "planned" in page
    for wanted in ("B9", "%", "A", "'; --", "🙂" * 200, "א"):
        response = browser.get("/reminders/batches/1", query_string={"appointment": wanted})
        assert "This batch has no appointment with the number" in response.get_data(as_text=True)


def test_the_texts_of_a_batch_are_named_by_their_times(console, clinic):
    with clinic.ledger.write() as connection:
        skipped = {"batch_id": 1, "step": "2d", "state": "skipped", "reason": "late", "updated_at": NOW, **PERSON}
        connection.execute(insert(text).values(skipped))
    browser = console.browser("scheduler")
    for language, name in (("en", "Reminder 2 days before"), ("es", "Recordatorio, 2 días antes")):
        browser.post("/account/language", {"language": language})
        for query in ("appointment=A2", "reason=late"):
            page = browser.page(f"/reminders/batches/1?{query}")
            assert re.search(rf"<td data-label=\"\w+\">{name}</td>", page), query
            assert not re.search(r">\d+d</td>", page), query
    console.services.releases.live = None
    assert "“2d”" in browser.page("/reminders/batches/1?reason=late")


def test_a_download_hides_numbers_unless_they_are_asked_for(console, clinic):
    browser = console.browser("scheduler")
    masked = browser.get("/reminders/batches/1/texts.csv").get_data(as_text=True)
    assert "***-***-0101" in masked
    assert "first_name" not in masked
    assert kinds(console) == []
    response = browser.post("/reminders/batches/1/texts-with-numbers.csv")
    assert "603-555-0101" in response.get_data(as_text=True)
    assert "batch-1-numbers.csv" in response.headers["Content-Disposition"]
    assert kinds(console) == [AuditKind.NUMBERS_EXPORTED]


def test_the_import_that_did_not_finish_is_named(console, clinic):
    with clinic.ledger.write() as connection:
        connection.execute(update(batch).values(live_at=None))
    browser = console.browser("scheduler")
    assert "Import unfinished" in browser.page("/reminders")
    assert "did not finish" in browser.page("/reminders/batches/1")
    assert "Booked appointments by day" not in browser.page("/reminders/appointments")


def test_the_days_ahead_have_counts_and_lists(console, clinic):
    browser = console.browser("operator")
    page = browser.page("/reminders/appointments")
    assert 'href="/reminders/appointments/2026-12-04"' in page
    assert 'href="/reminders/appointments/2026-12-05"' not in page
    day = browser.page("/reminders/appointments/2026-12-04")
    assert ">A1<" in day
    assert ">A2<" in day
    assert ">A3<" not in day
    assert "10:00" in day


def test_appointments_link_to_their_page_if_there_is_one(console, clinic):
    browser, link = console.browser("operator"), 'href="/people/appointments/A1"'
    has_page = "people.appointment" in console.app.view_functions
    for path in ("/reminders/appointments/2026-12-04", "/reminders/batches/1?appointment=A1"):
        assert (link in browser.page(path)) == has_page


def test_days_far_ahead_are_one_link_away(console, clinic):
    clinic.import_rows(row(50, at(200)), name="far.csv")
    page = console.browser("operator").page("/reminders/appointments")
    assert "from=2027-06-19" in page


def test_a_day_that_is_none_is_not_found(console, clinic):
    browser = console.browser("operator")
    for day in ("2026-13-01", "yesterday", "0001-01-01", "9999-12-31", "2026-12-04T00:00"):
        assert browser.get(f"/reminders/appointments/{day}").status_code == 404
        assert browser.get(f"/reminders/appointments?from={day}").status_code == 200


def test_the_plan_is_drawn_and_has_a_table(console):
    page = console.browser("operator").page("/reminders/plan")
    assert "<svg" in page
    assert "7 days before" in page
    assert "No texts from 21:00 to 08:00" in page
    assert "At most 1 a day and 3 in seven days" in page


REASONS = (
    ("late", "too late"),
    ("error_30006", "landline"),
    ("error_30007", "IT department"),
    ("error_99999", "cannot receive texts (error 99999)"),
    ("something_new", "Something new."),
)


def test_a_reason_has_words_and_says_what_to_do(console):
    with console.app.test_request_context("/"):
        for reason, words in REASONS:
            assert words in f"{reason_words(reason).why} {reason_words(reason).todo}"
