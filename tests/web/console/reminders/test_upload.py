"""Uploading appointment files: what is found in them, and importing them once."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import threading
import time

import pytest

from ivr.ledger.tables import appointment, batch
from ivr.people.audit import AuditKind, entries_since
from ivr.settings import example_with_faults
from ivr.web.console.app import create_console
from ivr.web.console.reminders import import_work, uploads
from ivr.web.console.reminders.uploads import Phase
from tests.support.clinic import NOW, at, csv_text, phone, row
from tests.support.paths import SHARED
from tests.web.console.reminders.upload_support import BAD, kept, number, send, settled, upload

CASES = SHARED / "cases" / "imports"
GOOD = csv_text([row(1, at(3), first_name="Maria"), row(2, at(4)), row(3, at(9))])


def test_a_file_is_checked_first_and_imported_by_one_button(console, clinic):
    browser = console.browser("scheduler")
    path, page = upload(browser, GOOD)
    assert number(page, "New") == 3
    assert "Import 3 appointments" in page
    assert "The first texts, as they will go out" in page
    assert "sent in 1 part" in page
    assert clinic.all(batch) == []
    done = settled(browser, browser.post(path, {"action": "import"}).location)
    assert "3 appointments of this file are imported, as batch 1" in done
    assert [entry.appointment_id for entry in clinic.all(appointment)] == ["A1", "A2", "A3"]
    with console.services.ledger.read() as connection:
        [entry] = entries_since(connection, NOW)
    assert (entry.kind, entry.details) == (AuditKind.APPOINTMENTS_IMPORTED, {"batch": 1, "rows": 3})
    assert entry.actor.name.startswith("console user ")


def test_what_changed_and_what_is_cancelled_are_counted(console, clinic):
    clinic.import_rows(row(1, at(3)), row(2, at(4)), row(3, at(9)))
    newer = [row(1, at(3)), row(2, at(5)), row(3, at(9), status="cancelled"), row(4, at(9))]
    _, page = upload(console.browser("scheduler"), csv_text(newer))
    assert [number(page, label) for label in ("New", "Changed", "Cancelled", "Unchanged")] == [1, 1, 1, 1]
    assert "Import 2 appointments, cancel 1<" in page
    _, page = upload(console.browser("scheduler"), csv_text([row(3, at(9), status="cancelled")]))
    assert ">Cancel 1 appointment<" in page


def test_the_texts_are_read_before_the_button_that_sends_them(console, clinic):
    _, page = upload(console.browser("scheduler"), GOOD)
    assert page.index('class="bubble"') < page.index('name="action" value="import"')


def test_a_file_with_nothing_to_import_has_no_button_but_says_what_to_do(console, clinic):
    clinic.import_rows(row(1, at(3)))
    browser = console.browser("scheduler")
    path, page = upload(browser, csv_text([row(1, at(3))]))
    assert 'value="import"' not in page
    assert "nothing to import" in page
    assert "Upload another file" in page
    assert browser.post(path, {"action": "import"}).status_code == 409


def test_faults_name_row_column_cell_and_what_to_do(console, clinic):
    browser = console.browser("scheduler")
    path, page = upload(browser, BAD)
    assert number(page, "With faults") == 2
    assert "Import 1 appointment<" in page
    assert "<bdi>12</bdi>" in page
    assert "This is not a phone number" in page
    assert "<bdi>soon</bdi>" in page
    text = browser.get(f"{path}/rows-to-mend.csv").get_data(as_text=True).removeprefix("\ufeff")
    header, first, second = csv.reader(io.StringIO(text))
    assert header == ["appointment_id", "phone", "starts_at", "notes", "what is wrong"]
    assert first[:4] == ["A2", "12", "2026-12-09 10:30", "'=cmd|x"]
    assert "not a phone number" in first[4]
    assert "not a date" in second[4]
    assert "missing" in second[4]


def test_a_line_for_trying_out_offers_a_made_up_file_with_faults(console, clinic):
    browser = console.browser("scheduler")
    assert "made-up" not in browser.get("/reminders/upload").get_data(as_text=True)
    assert browser.post("/reminders/upload", {"example": "yes"}).status_code == 400
    example_with_faults(console.services.settings.var_dir).write_text(BAD)
    assert "Check a made-up file with faults" in browser.get("/reminders/upload").get_data(as_text=True)
    page = settled(browser, browser.post("/reminders/upload", {"example": "yes"}).location)
    assert "example-with-faults.csv" in page
    assert number(page, "With faults") == 2
    assert "This is not a phone number" in page


def test_the_mended_rows_can_be_uploaded_as_they_are(console, clinic):
    browser = console.browser("scheduler")
    path, _ = upload(browser, BAD)
    text = browser.get(f"{path}/rows-to-mend.csv").get_data(as_text=True)
    mended = text.replace("A2,12,", "A2,603-555-0102,").replace("A3,,soon,", "A3,603-555-0103,2026-12-10 9:00,")
    _, page = upload(browser, mended)
    assert "Import 2 appointments" in page


def test_many_faults_are_on_pages(console, clinic):
    rows = "".join(f"A{n},12,2026-12-09 10:00\n" for n in range(120))
    browser = console.browser("scheduler")
    path, page = upload(browser, "appointment_id,phone,starts_at\n" + rows)
    assert page.count("<bdi>12</bdi>") == 50
    assert "No row of this file can be imported" in page
    assert browser.page(f"{path}?page=3").count("<bdi>12</bdi>") == 20


WORST = (
    (b"", "empty.csv", "This file is empty"),
    (b"\x89PNG\r\n", "list.csv", "it is a picture"),
    (b"%PDF-1.7", "list.xlsx", "it is a PDF"),
    (b"PK\x03\x04damaged", "list.xlsx", "damaged"),
    (b"<html>", "list.csv", "web page"),
    (b"name,age\nx,1\n", "list.csv", "The columns"),
    (b"[1, 2]", "list.json", "is not an object"),
    (b"appointment_id,phone,starts_at\n\xff\xfe\xfd\n", "list.csv", "fill it in"),
    (b'appointment_id,phone,starts_at\n"A1,2,3\n' * 3, "list.csv", "quotation mark"),
    (b'appointment_id,phone,starts_at\n<script>alert(1)</script>,"<b>",""""\n', "<b>.csv", "&lt;b&gt;"),
)


def test_the_worst_files_get_a_sentence(console, clinic):
    browser = console.browser("scheduler")
    for content, name, sentence in WORST:
        response = send(browser, content, name)
        page = settled(browser, response.location) if content else response.get_data(as_text=True)
        assert sentence in page, (content, name)
        assert 'value="import"' not in page
        assert "<script>" not in page
    assert clinic.all(batch) == []


@pytest.mark.skipif(not CASES.is_dir(), reason="the shared cases are not here")
def test_the_shared_cases_are_read_as_the_command_reads_them(console, clinic):
    from ivr.reminders.imports.importer import Importer

    browser, own = console.browser("scheduler"), frozenset({console.services.settings.twilio_from})
    for file in sorted(CASES.iterdir()):
        importer = Importer(clinic.ledger, clinic.vault, clinic.content, own_numbers=own)
        report = importer.dry_run(file, NOW)
        path, page = upload(browser, file.read_bytes(), file.name)
        if report.rows:
            assert number(page, "New") == report.accepted, file.name
            assert number(page, "With faults") == report.rejected, file.name
        assert ('value="import"' in page) == bool(report.accepted + report.updated), file.name
        # A token of the form may have two hyphens.
        words = re.sub(r"<!--.*?-->|<code>.*?</code>|<input [^>]*>|<body [^>]*>", "", page)
        assert "--" not in words, file.name
        mend = browser.get(f"{path}/rows-to-mend.csv")
        assert mend.status_code == (200 if report.rejected else 404), file.name


@pytest.mark.skipif(not CASES.is_dir(), reason="the shared cases are not here")
def test_hidden_rows_and_other_sheets_are_read_when_asked_for(console, clinic):
    browser = console.browser("scheduler")
    path, page = upload(browser, (CASES / "hidden-rows.xlsx").read_bytes(), "hidden-rows.xlsx")
    before = number(page, "New")
    assert "Read the hidden rows too" in page
    page = settled(browser, browser.post(path, {"action": "read", "hidden_rows": "yes"}).location)
    assert number(page, "New") > before
    page = settled(browser, browser.post(path, {"action": "read", "sheet": "nonsense"}).location)
    assert "it has no sheet with that name" in page


def test_a_form_without_a_file_asks_for_one(console, clinic):
    browser = console.browser("scheduler")
    for form in ({}, {"file": ""}, {"file": (io.BytesIO(b"x"), "")}):
        response = browser.post("/reminders/upload", form)
        assert response.status_code == 400
        assert "Choose the file with your appointments." in response.get_data(as_text=True)


def test_a_file_above_the_limit_is_refused(console, clinic):
    browser = console.browser("scheduler")
    response = send(browser, b"x" * (20 * 1024 * 1024 + 1))
    assert response.status_code == 400
    assert "larger than 20 MB" in response.get_data(as_text=True)
    response = send(browser, b"x" * (23 * 1024 * 1024))
    assert response.status_code == 413
    assert "The file is too large. The limit is 20 MB" in response.get_data(as_text=True)


def test_two_tabs_import_a_file_once(console, clinic, monkeypatch):
    monkeypatch.setattr(import_work, "WAIT_SECONDS", 0)
    browsers = [console.browser("scheduler"), console.browser("admin")]
    path, _ = upload(browsers[0], GOOD)
    tokens = [browser.token() for browser in browsers]
    answers: list[int] = []

    def press(browser, token):
        response = browser.client.post(path, data={"csrf_token": token, "action": "import"})
        answers.append(response.status_code)

    threads = [threading.Thread(target=press, args=pair) for pair in zip(browsers, tokens, strict=True) for _ in "12"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(answers) == {303}
    assert "as batch 1" in settled(browsers[0], path)
    assert len(clinic.all(batch)) == 1
    with console.services.ledger.read() as connection:
        assert len(entries_since(connection, NOW)) == 1
    # A click after the import leads to its batch as well.
    assert "as batch 1" in settled(browsers[1], browsers[1].post(path, {"action": "import"}).location)
    assert len(clinic.all(batch)) == 1


def test_while_a_file_is_read_its_page_shows_progress_and_reloads_itself(console, clinic, monkeypatch):
    go_on, work = threading.Event(), import_work.Desk.work
    monkeypatch.setattr(import_work, "WAIT_SECONDS", 0)
    monkeypatch.setattr(import_work.Desk, "work", lambda desk, upload: (go_on.wait(10), work(desk, upload)))
    browser = console.browser("scheduler")
    path = send(browser, GOOD).location
    page = browser.page(path)
    assert "Reading your file" in page
    assert '<noscript><meta http-equiv="refresh"' in page
    assert 'hx-trigger="every 1s"' in browser.get(f"{path}/progress").get_data(as_text=True)
    response = browser.post(path, {"action": "import"}, follow_redirects=True)
    assert "being worked on already" in response.get_data(as_text=True)
    go_on.set()
    settled(browser, path)
    response = browser.get(f"{path}/progress")
    assert (response.status_code, response.headers["HX-Redirect"]) == (204, path)


def test_a_file_is_thrown_away(console, clinic):
    browser = console.browser("scheduler")
    path, _ = upload(browser, GOOD)
    response = browser.post(path, {"action": "throw-away"}, follow_redirects=True)
    assert "thrown away" in response.get_data(as_text=True)
    assert browser.get(path).status_code == 404
    assert clinic.all(batch) == []
    assert list((console.services.settings.var_dir / "uploads").iterdir()) == []


FORGED = ("0" * 32, "x", "..", "%2e%2e%2fstate", "A" * 32, "0" * 31 + "g")


def test_a_forged_upload_is_not_found(console, clinic):
    browser = console.browser("scheduler")
    for upload_id in FORGED:
        for path in ("", "/progress", "/rows-to-mend.csv"):
            assert browser.get(f"/reminders/uploads/{upload_id}{path}").status_code == 404
        assert browser.post(f"/reminders/uploads/{upload_id}", {"action": "import"}).status_code in (404, 405)


def test_an_unknown_action_is_refused(console, clinic):
    browser = console.browser("scheduler")
    path, _ = upload(browser, GOOD)
    assert browser.post(path, {"action": "explode"}).status_code == 400


def test_a_file_is_sealed_while_it_waits_and_gone_after_the_import(console, clinic):
    browser = console.browser("scheduler")
    path, _ = upload(browser, GOOD)
    folder = console.services.settings.var_dir / "uploads"
    files = [file for file in folder.rglob("*") if file.is_file()]
    assert files
    for file in files:
        assert file.stat().st_mode & 0o077 == 0
        assert b"603-555" not in file.read_bytes()
        assert b"Maria" not in file.read_bytes()
    settled(browser, browser.post(path, {"action": "import"}).location)
    assert {file.name for file in folder.rglob("*") if file.is_file()} == {"state", "lock"}


def test_a_file_is_deleted_after_an_hour(console, clinic):
    browser = console.browser("scheduler")
    path, _ = upload(browser, GOOD)
    for file in (console.services.settings.var_dir / "uploads").rglob("*"):
        os.utime(file, (time.time() - uploads.KEPT_SECONDS - 1,) * 2)
    assert browser.get(path).status_code == 404
    assert browser.post(path, {"action": "import"}).status_code == 404
    assert kept(console).remove_old() == 0
    assert list((console.services.settings.var_dir / "uploads").iterdir()) == []


@pytest.mark.parametrize(
    ("phase", "sentence"),
    [(Phase.READING, "Reading did not finish"), (Phase.IMPORTING, "The import did not finish")],
)
def test_work_that_died_can_be_begun_again(console, clinic, phase, sentence):
    browser = console.browser("scheduler")
    path, _ = upload(browser, GOOD)
    died = kept(console).get(path.rpartition("/")[2])
    died.phase = phase
    kept(console).save(died)
    assert sentence in browser.page(path)
    action = "read" if phase is Phase.READING else "import"
    page = settled(browser, browser.post(path, {"action": action}).location)
    assert ("Import 3 appointments" if phase is Phase.READING else "as batch 1") in page


def test_an_error_of_ours_is_no_fault_of_the_file(console, clinic, monkeypatch):
    def fail(*_arguments):
        raise RuntimeError("a defect")

    monkeypatch.setattr(import_work, "findings_of", fail)
    _, page = upload(console.browser("scheduler"), GOOD)
    assert "This is no fault of the file" in page
    assert "a defect" not in page


def test_a_session_that_ends_leads_back_to_the_file(console, clinic):
    browser = console.browser("scheduler")
    path, _ = upload(browser, GOOD)
    response = console.stranger().post(path, data={"action": "import"})
    assert response.status_code == 302
    assert response.location.startswith("/login")
    assert clinic.all(batch) == []
    with browser.client.session_transaction() as session:
        session.pop("_user_id")
    response = browser.client.get(path)
    assert response.status_code == 302
    assert path in response.location
    live = browser.client.get(f"{path}/progress", headers={"HX-Request": "true"})
    assert "HX-Redirect" in live.headers
    assert console.browser("scheduler").get(path).status_code == 200


def test_a_file_that_came_after_the_session_had_ended_is_asked_for_again(console, clinic):
    browser = console.browser("scheduler")
    sent = {"upload": "1", "file": (io.BytesIO(b"x"), "x.csv")}
    browser.post_too_late("/reminders/upload", sent, "/reminders/upload")
    assert "The file did not arrive. Choose it again." in browser.page("/reminders/upload")
    assert "The file did not arrive" not in browser.page("/reminders/upload")


def test_files_that_a_process_left_behind_are_deleted_at_the_next_start(console, clinic):
    kept(console).add("list.csv", b"x", 1)
    for file in (console.services.settings.var_dir / "uploads").rglob("*"):
        os.utime(file, (time.time() - uploads.KEPT_SECONDS - 1,) * 2)
    create_console(console.services)
    for _ in range(100):
        if not list((console.services.settings.var_dir / "uploads").iterdir()):
            return
        time.sleep(0.02)
    raise AssertionError("it is still there")


def test_five_thousand_rows_are_read_and_imported_in_a_process_of_their_own(console, clinic):
    rows = [row(n, at(3 + n % 20), first_name="José 🙂 مريم") | {"phone": phone(1 + n % 99)} for n in range(5_000)]
    browser = console.browser("scheduler")
    content = csv_text(rows).encode()
    assert len(content) > import_work.SMALL_BYTES
    begun = time.monotonic()
    response = send(browser, content)
    assert time.monotonic() - begun < 2
    page = settled(browser, response.location)
    assert "Import 5,000 appointments" in page
    # Thousands of warnings of one kind hide no other.
    assert "more like this" in page
    assert "Appointments missing from this file stay unchanged" in page
    done = settled(browser, browser.post(response.location, {"action": "import"}).location)
    assert "5,000 appointments of this file are imported" in done
    assert len(clinic.all(appointment)) == 5_000


def test_json_gives_its_bad_rows_back_too(console, clinic):
    browser = console.browser("scheduler")
    items = [{"appointment_id": "J1", "phone": "12", "starts_at": at(3)}]
    path, _ = upload(browser, json.dumps(items), "list.json")
    text = browser.get(f"{path}/rows-to-mend.csv").get_data(as_text=True)
    assert "J1,12," in text
