"""People and appointments: finding them, what their pages show, and what a scheduler changes there."""

from __future__ import annotations

import re
from datetime import timedelta
from urllib.parse import quote

import pytest
from sqlalchemy import delete, select, update

from ivr.ledger.tables import appointment, audit_entry, opt_out_event, person, text
from ivr.people.audit import entries_since
from ivr.people.callbacks import CallbackRequest, save_callback
from ivr.people.persons import opt_out
from ivr.people.replies import record_reply
from tests.support.clinic import NOW, Clinic, at, row

NUMBER, WHOLE = "+16035550101", ("603-555-0101", "6035550101", "+16035550101", "555-0101")
RTL = "قالت لا تراسلوني 🙏"
TITLE = re.compile(r"<title>(.*?)</title>", re.DOTALL)


@pytest.fixture
def clinic(clinic_for_commands: Clinic, console) -> Clinic:
    """A clinic with appointment A1 in ten days, of person 1."""
    clinic_for_commands.import_rows(row(1, at(10), first_name="Rosa 🌹", language="es"))
    return clinic_for_commands


@pytest.fixture
def ann(clinic, console):
    return console.browser("scheduler")


def audited(clinic, kind):
    with clinic.ledger.read() as connection:
        return [entry.details for entry in entries_since(connection, NOW) if entry.kind == kind]


def person_of(clinic, number=1):
    return clinic.all(person, person.c.id == number)[0]


# Finding


def test_the_first_page_explains_what_to_type(ann):
    page = ann.page("/people")
    assert "Appointment number or phone number" in page
    assert "603-555-0101" not in page


FOUND = [
    ("A1", "/people/appointments/A1"),
    ("  A1 ", "/people/appointments/A1"),
    ("603-555-0101", "/people/1"),
    ("(603) 555-0101", "/people/1"),
    ("+1 603 555 0101", "/people/1"),
]


# Console tests take most of a second to begin, so tables of cases that change nothing are loops.
def test_a_search_leads_to_a_page_whose_address_has_no_number(ann):
    for typed, path in FOUND:
        response = ann.post("/people", {"wanted": typed})
        assert (response.status_code, response.location) == (303, path), typed


NOT_FOUND = [
    ("", "Type an appointment number"),
    ("0101", "not a whole phone number"),
    ("603-555-0177", "Nothing is known"),
    ("A2", "There is no appointment"),
    ("🌹" * 5000, "There is no appointment"),
    ("<script>", "There is no appointment"),
]


def test_what_is_not_found_is_explained_and_what_was_typed_is_kept(ann):
    for typed, sentence in NOT_FOUND:
        response = ann.post("/people", {"wanted": typed})
        page = response.get_data(as_text=True)
        assert response.status_code == 404, typed
        assert sentence in page
        assert "<script>" not in page.replace("<script ", "")
        assert 'aria-invalid="true"' in page


def test_a_search_for_an_unknown_number_is_audited_without_the_number(ann, clinic):
    ann.post("/people", {"wanted": "603-555-0177"})
    assert audited(clinic, "person_read") == [{"person": None}]


def test_an_appointment_id_may_contain_slashes_and_spaces(ann, clinic):
    clinic.import_rows(row(2, at(11)) | {"appointment_id": "2026/12 <b>&?#"})
    location = ann.post("/people", {"wanted": "2026/12 <b>&?#"}).location
    page = ann.page(location)
    assert "2026/12 &lt;b&gt;&amp;?#" in page
    assert "<b>" not in page


# The page of a person


def test_the_page_of_a_person_shows_what_is_known_with_the_number_masked(ann, clinic):
    with clinic.ledger.write() as connection:
        opt_out(connection, clinic.vault, NUMBER, NOW, "text", "STOP <i>please</i>")
        save_callback(connection, clinic.vault, CallbackRequest(NUMBER, "es", "x", None, "any", "CA1"), NOW)
        record_reply(connection, clinic.vault, NUMBER, NOW, "change")
    page = ann.page("/people/1")
    for words in ("•••• 0101", "A1", "Booked", "asked for another time", "Gets no texts since", "in a text message"):
        assert words in page
    assert "STOP &lt;i&gt;please" in page
    assert "/work/callbacks/1" in page
    assert "/work/items/1" in page
    assert not any(number in page for number in WHOLE)
    assert audited(clinic, "person_read") == [{"person": 1}]


def test_the_number_is_shown_when_somebody_asks_for_it_and_that_is_audited(console, clinic):
    for role in ("scheduler", "admin"):
        browser = console.browser(role)
        page = browser.post("/people/1/number").get_data(as_text=True)
        assert 'href="tel:+16035550101"' in page
        assert "603-555-0101" in page
        assert "0101" not in TITLE.search(page)[1]
        part = browser.post("/people/1/number", headers={"HX-Request": "true"}).get_data(as_text=True)
        assert part.strip().startswith("<a ")
        assert "<html" not in part
    assert audited(clinic, "number_shown") == [{"person": 1}] * 4
    assert browser.get("/people/1/number").status_code == 405


WAYS_BACK = [
    ("/people/appointments/A1", "/people/appointments/A1"),
    ("/work/callbacks/7", "/work/callbacks/7"),
    ("https://evil.example", "/people/1"),
    ("//evil.example", "/people/1"),
    ("javascript:alert(1)", "/people/1"),
    ("/work//evil.example", "/people/1"),
]


def test_the_way_back_from_a_number_stays_in_the_console(ann):
    for back, expected in WAYS_BACK:
        page = ann.post("/people/1/number", {"back": back}).get_data(as_text=True)
        assert f'<a href="{expected}">' in page, back


def test_a_number_whose_key_is_lost_is_explained(ann, clinic):
    with clinic.ledger.write() as connection:
        connection.execute(update(person).values(phone_sealed=b"0" * 40))
    assert "cannot be read" in ann.post("/people/1/number").get_data(as_text=True)
    for path in ("/people/1", "/people/appointments/A1"):
        assert "••••" in ann.page(path)
    response = ann.post("/people/1/opt-out", {"reason": "called"})
    assert (response.status_code, "older key" in response.get_data(as_text=True)) == (409, True)


def test_no_title_and_no_address_contains_a_number(ann, clinic):
    pages = [ann.page(path) for path in ("/people", "/people/1", "/people/appointments/A1", "/people/1/opt-out")]
    for page in pages:
        assert "0101" not in TITLE.search(page)[1]
        assert not any("0101" in link for link in re.findall(r'(?:href|action|hx-post)="([^"]*)"', page))


# Opting out and in


def test_staff_opt_a_number_out_and_in_with_a_reason_as_evidence(ann, clinic):
    assert "Stop all texts" in ann.page("/people/1/opt-out")
    response = ann.post("/people/1/opt-out", {"reason": f"  {RTL}\r\nlater "})
    assert (response.status_code, response.location) == (303, "/people/1")
    assert person_of(clinic).opted_out_at == NOW
    page = ann.page("/people/1")
    assert RTL in page
    assert "gets no more texts" in page
    [event] = clinic.all(opt_out_event)
    assert (event.kind, event.source) == ("stop", "staff")
    assert clinic.vault.open(event.evidence_sealed) == f"{RTL}\nlater"
    ann.post("/people/1/opt-in", {"reason": "called again"})
    assert person_of(clinic).opted_out_at is None
    assert (audited(clinic, "opted_out"), audited(clinic, "opted_in")) == ([{"person": 1}], [{"person": 1}])


@pytest.mark.parametrize(("reason", "sentence"), [("  ", "Write what the patient said"), ("x" * 1001, "Shorten it")])
def test_a_reason_is_required_and_limited_and_kept_when_it_is_wrong(ann, clinic, reason, sentence):
    response = ann.post("/people/1/opt-out", {"reason": reason})
    page = response.get_data(as_text=True)
    assert response.status_code == 422
    assert sentence in page
    assert reason.strip() in page
    assert person_of(clinic).opted_out_at is None


def test_a_second_opt_out_changes_nothing_and_says_so(ann, clinic):
    for _ in range(2):
        page = ann.post("/people/1/opt-out", {"reason": "called"}, follow_redirects=True).get_data(as_text=True)
    assert "This number got no texts before either" in page
    assert len(clinic.all(opt_out_event)) == 1


def test_after_an_opt_out_by_text_the_carrier_may_still_block(ann, clinic):
    with clinic.ledger.write() as connection:
        opt_out(connection, clinic.vault, NUMBER, NOW, "text", "STOP")
    response = ann.post("/people/1/opt-in", {"reason": "called"}, follow_redirects=True)
    assert "until START is texted" in response.get_data(as_text=True)


def test_a_reason_is_kept_when_the_session_has_ended(ann, clinic):
    ann.post_too_late("/people/1/opt-out", {"reason": RTL}, "/people/1/opt-out")
    assert RTL in ann.page("/people/1/opt-out")
    assert RTL not in ann.page("/people/1/opt-out")


def test_a_browser_warns_before_typed_words_are_lost(ann):
    for path in ("/people/1/opt-out", "/people/1/opt-in"):
        assert " data-unsaved>" in ann.page(path), path


# The language


def test_the_language_is_changed_and_taken_back(ann, clinic):
    for chosen, stored in (("es", "es"), ("", None)):
        assert ann.post("/people/1/language", {"language": chosen}).status_code == 303
        assert person_of(clinic).language == stored
    assert audited(clinic, "language_changed") == [{"person": 1}] * 2
    assert ann.post("/people/1/language", {"language": "tlh"}).status_code == 400


# The page of an appointment


def test_the_page_of_an_appointment_tells_its_story(ann, clinic):
    clinic.send(NOW + timedelta(days=3))
    [sent] = clinic.texts("A1")
    with clinic.ledger.write() as connection:
        record_reply(connection, clinic.vault, NUMBER, NOW + timedelta(days=4), "confirmed")
    page = ann.page("/people/appointments/A1")
    story = page[page.index("What happened") :]
    told = [
        "The appointment was imported.",
        "From: appointments.csv",
        "began to send it",
        "7 days before: sent",
        "confirmed",
        "2 days before: planned",
    ]
    positions = [story.index(words) for words in told]
    assert positions == sorted(positions)
    assert sent.step == "7d"
    assert "Rosa 🌹" in page
    assert "Español" in page
    assert "/reminders/batches/1" in page
    assert audited(clinic, "appointment_read") == [{"appointment": 1}]


def test_a_planned_text_is_sent_now_and_left_out(ann, clinic):
    form = {"appointment_id": "A1", "step": "7d"}
    assert "Send now" in ann.page("/people/appointments/A1")
    response = ann.post("/people/texts/leave-out", form)
    assert (response.status_code, response.location) == (303, "/people/appointments/A1")
    assert clinic.states("A1") == {"7d": "skipped"}
    assert "somebody of the staff left it out" in ann.page("/people/appointments/A1")
    asked = ann.post("/people/texts/send", form)
    assert asked.status_code == 200
    assert "Send this text now?" in asked.get_data(as_text=True)
    assert clinic.states("A1") == {"7d": "skipped"}
    ann.post("/people/texts/send", {**form, "confirmed": "yes"})
    assert clinic.states("A1") == {"7d": "planned"}
    page = ann.page("/people/appointments/A1")
    assert "It goes out within moments" in page
    assert "asked to send it now" in page
    assert audited(clinic, "texts_left_out") == [{"appointment": 1}]
    assert audited(clinic, "text_requested") == [{"appointment": 1}]


@pytest.mark.parametrize(
    ("values", "sentence"),
    [({"status": "cancelled"}, "The appointment is cancelled"), ({"channel": "none"}, "gets no texts")],
)
def test_a_text_that_must_not_go_out_is_refused_with_a_reason(ann, clinic, values, sentence):
    with clinic.ledger.write() as connection:
        connection.execute(update(appointment).values(values))
    response = ann.post("/people/texts/send", {"appointment_id": "A1", "step": "7d", "confirmed": "yes"})
    assert response.status_code == 409
    assert sentence in response.get_data(as_text=True)
    assert "infoline" not in response.get_data(as_text=True).split("<main")[1].split("<footer")[0]
    assert clinic.all(text) == []


def test_every_outcome_of_an_action_has_words_of_the_console(console):
    from ivr.reminders.reports.manual import RESULT_SENTENCES, ManualResult
    from ivr.web.console.people.words import _RESULTS, result_words

    assert _RESULTS.keys() == {str(code) for code in RESULT_SENTENCES}
    values = {"state": "handed over", "batch": 1, "quiet_end": "08:00", "day": 1, "week": 3}
    with console.app.test_request_context("/"):
        for code in _RESULTS:
            words = result_words(ManualResult("A1", "7d", code, values))
            assert "infoline" not in words
            assert "%" not in words


# Bad input and roles

FORGED = [
    ("get", "/people/77", {}),
    ("get", "/people/99999999999999999999", {}),
    ("get", "/people/-1", {}),
    ("get", "/people/1/opt-sideways", {}),
    ("get", "/people/77/opt-out", {}),
    ("get", "/people/appointments/A77", {}),
    ("get", "/people/appointments/%00", {}),
    ("get", f"/people/appointments/{quote('🌹' * 60)}", {}),
    ("post", "/people/77/number", {}),
    ("post", "/people/99999999999/number", {}),
    ("post", "/people/77/opt-out", {"reason": "x"}),
    ("post", "/people/77/language", {"language": "es"}),
    ("post", "/people/texts/send", {}),
    ("post", "/people/texts/send", {"appointment_id": "A77", "step": "7d"}),
    ("post", "/people/texts/send", {"appointment_id": "A1", "step": "77d"}),
    ("post", "/people/texts/leave-out", {"appointment_id": "A1", "step": ""}),
    ("post", "/people/texts/plan-again", {"appointment_id": "A1", "step": ""}),
    ("post", "/people/texts/burn", {"appointment_id": "A1", "step": "7d"}),
]


def test_a_forged_id_is_not_found(ann, clinic):
    for method, path, data in FORGED:
        response = ann.get(path) if method == "get" else ann.post(path, data)
        assert response.status_code == 404, (path, data)
    assert clinic.all(text) == []


CHANGES = [
    ("/people/1/opt-out", {"reason": "x"}),
    ("/people/1/opt-in", {"reason": "x"}),
    ("/people/1/language", {"language": "es"}),
    ("/people/texts/send", {"appointment_id": "A1", "step": "7d"}),
    ("/people/texts/leave-out", {"appointment_id": "A1", "step": "7d"}),
    ("/people/texts/plan-again", {"appointment_id": "A1", "step": "7d"}),
]


def test_an_operator_looks_and_does_not_change(console, clinic):
    browser = console.browser("operator")
    for path in ("/people", "/people/1", "/people/appointments/A1"):
        page = browser.page(path)
        assert "Stop all texts" not in page
        assert "Send now" not in page
        assert "Save the language" not in page
    for path, data in CHANGES:
        assert browser.post(path, data).status_code == 403
    assert browser.get("/people/1/opt-out").status_code == 403


def test_a_post_without_a_token_changes_nothing(ann, clinic):
    for path, data in [*CHANGES, ("/people/1/number", {}), ("/people", {"wanted": "A1"})]:
        assert ann.client.post(path, data=data).status_code == 400
    assert clinic.all(opt_out_event) == clinic.all(text) == []


def test_the_audit_log_names_nobody(ann, clinic):
    ann.post("/people", {"wanted": "603-555-0101"})
    ann.page("/people/1")
    ann.post("/people/1/number")
    ann.post("/people/1/opt-out", {"reason": "Rosa called"})
    stored = repr([tuple(entry) for entry in clinic.all(audit_entry)])
    assert not any(secret in stored for secret in (*WHOLE, "Rosa"))


def test_a_person_without_appointments_has_a_page(ann, clinic):
    with clinic.ledger.write() as connection:
        connection.execute(delete(appointment))
    assert "No appointment has this number" in ann.page("/people/1")


def test_the_words_name_every_stored_value(clinic):
    from ivr.reminders.outbox.text_states import TextState
    from ivr.web.console.people import words

    assert words._MOVES.keys() == set(TextState)
    with clinic.ledger.read() as connection:
        assert connection.execute(select(appointment.c.status)).scalar_one() in words.STATUSES
