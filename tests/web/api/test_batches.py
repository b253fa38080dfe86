"""Batches through the API."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from ivr.ledger.tables import appointment
from ivr.settings import shift_file
from ivr.web.api import import_work
from tests.support.clinic import NOW, at, csv_text, phone, row
from tests.support.workbooks import workbook
from tests.web.api.conftest import booking, problem

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def test_json_is_imported_as_a_file_is(api_on_each_database):
    api = api_on_each_database
    client = api.client()
    response = client.post("/batches", {"appointments": [booking(1), booking(2, phone="x"), booking(3)]})
    assert response.status_code == 201
    counts = {name: response.json[name] for name in ("rows", "accepted", "updated", "unchanged", "rejected")}
    assert counts == {"rows": 3, "accepted": 2, "updated": 0, "unchanged": 0, "rejected": 1}
    [error] = response.json["errors"]
    assert (error["row"], error["column"], error["code"]) == (2, "phone", "phone_invalid")
    assert response.headers["Location"] == f"/api/v1/batches/{response.json['batch']}"
    status = client.get(f"/batches/{response.json['batch']}").json
    assert (status["appointments"], status["texts"]["planned"]) == (2, 2)
    assert ("api key 1", "appointments_imported") in api.audited()


def test_a_csv_and_a_workbook_are_imported(api, client):
    rows = [row(1, at(7), site="elliot"), row(2, at(8), site="elliot")]
    answer = client.post("/batches", data=csv_text(rows), headers={"Content-Type": "text/csv"})
    assert (answer.status_code, answer.json["accepted"]) == (201, 2)
    header = ["appointment_id", "phone", "starts_at", "site"]
    book = workbook({"Sheet1": [header, ["A3", phone(3), at(9), "elliot"]]})
    answer = client.post("/batches", data=book, headers={"Content-Type": XLSX})
    assert (answer.status_code, answer.json["accepted"]) == (201, 1)


def test_the_names_of_columns_are_those_that_a_file_may_use(client):
    appointment = {"Appt ID": "A1", "Cell Phone": phone(1), "Date/Time": at(7), "Location": "elliot"}
    assert client.post("/batches", {"appointments": [appointment]}).json["accepted"] == 1


def test_a_dry_run_writes_nothing_and_shows_the_first_texts(api, client):
    answer = client.post("/batches?dry_run=true", {"appointments": [booking()]})
    assert (answer.status_code, answer.json["batch"], answer.json["accepted"]) == (200, None, 1)
    assert answer.json["preview"][0]["words"]
    assert api.clinic.all(appointment) == []


def test_a_strict_import_with_a_bad_row_imports_nothing(client):
    answer = client.post("/batches?strict=true", {"appointments": [booking(1), booking(2, phone="x")]})
    assert problem(answer) == (422, "phone_invalid")
    assert client.get("/batches").json == {"batches": [], "next": None}


@pytest.mark.parametrize(
    ("body", "media_type", "expected"),
    [
        (b"", "application/json", (422, "file_empty")),
        (b"{", "application/json", (422, "file_unreadable")),
        (b'{"appointments": []}', "application/json", (422, "file_no_appointments")),
        (b"a,b\n1,2\n", "text/csv", (422, "column_missing")),
        (b"x", "text/plain", (415, "media_type")),
        (b"x", None, (415, "media_type")),
    ],
)
def test_what_cannot_be_read_is_a_problem_with_the_code_of_the_import(client, body, media_type, expected):
    headers = {"Content-Type": media_type} if media_type else {}
    assert problem(client.post("/batches", data=body, headers=headers)) == expected


def test_a_file_that_is_too_large_is_refused(api, client):
    answer = client.post("/batches", data=b"x" * 20_000_001, headers={"Content-Type": "text/csv"})
    assert problem(answer) == (413, "too_large")
    answer = client.post("/opt-outs", data=b"x" * 1_000_001, headers={"Content-Type": "application/json"})
    assert problem(answer) == (413, "too_large")


def test_a_batch_is_paused_resumed_and_cancelled_for_good(api, client):
    number = client.post("/batches", {"appointments": [booking()]}).json["batch"]
    assert client.post(f"/batches/{number}/pause").json["paused"] is True
    assert client.post(f"/batches/{number}/resume").json["paused"] is False
    assert client.post(f"/batches/{number}/cancel").json["texts"]["planned"] == 0
    assert problem(client.post(f"/batches/{number}/resume")) == (409, "batch_cancelled")
    assert problem(client.post("/batches/99/pause")) == (404, "not_found")
    assert problem(client.get("/batches/99")) == (404, "not_found")
    kinds = [kind for _, kind in api.audited()]
    assert kinds == ["appointments_imported", "batch_paused", "batch_resumed", "batch_cancelled"]


def test_batches_come_in_pages_the_newest_first(client):
    for number in range(1, 6):
        client.post("/batches", {"appointments": [booking(number)]})
    seen, cursor = [], ""
    while cursor is not None:
        page = client.get("/batches", query_string={"limit": 2, "cursor": cursor}).json
        seen.append([status["batch"] for status in page["batches"]])
        cursor = page["next"]
    assert seen == [[5, 4], [3, 2], [1]]


@pytest.mark.parametrize("cursor", ["x", "é", "MQ==", "YWZ0ZXIgMA==", "YWZ0ZXIgOTk5OTk5OTk5OTk5"])
def test_a_cursor_that_nobody_returned_is_refused(client, cursor):
    assert problem(client.get("/batches", query_string={"cursor": cursor})) == (422, "cursor")


def test_a_wrong_query_names_its_field_without_quoting_it(client):
    answer = client.get("/batches", query_string={"limit": "603-555-0101"})
    assert problem(answer) == (422, "invalid")
    assert [fault["field"] for fault in answer.json["errors"]] == ["limit"]
    assert "603" not in json.dumps(answer.json)


@pytest.mark.processes
def test_a_large_body_is_imported_in_a_process_of_its_own(api, client, tmp_path, monkeypatch):
    monkeypatch.setattr(import_work, "SMALL_BYTES", 0)
    monkeypatch.setattr(import_work, "SMALL_FHIR_BYTES", 0)
    monkeypatch.setattr("ivr.web.api.resources.imports.run_job", lambda *_: pytest.fail("not in this process"))
    shift_file(tmp_path).write_text(str((NOW - datetime.now(UTC)).total_seconds()))
    answer = client.post("/batches", {"appointments": [booking(1), booking(2, phone="x")]})
    assert (answer.status_code, answer.json["accepted"], answer.json["rejected"]) == (201, 1, 1)
    assert answer.json["errors"][0]["code"] == "phone_invalid"
    assert ("api key 1", "appointments_imported") in api.audited()
    answer = client.post("/batches?dry_run=true", {"appointments": [booking(3)]})
    assert answer.json["preview"][0]["words"]
    patient = {"resourceType": "Patient", "id": "p", "telecom": [{"system": "phone", "value": "555"}]}
    listed = [{"actor": {"reference": "#p"}, "status": "accepted"}]
    appointment = {
        "resourceType": "Appointment",
        "id": "F1",
        "status": "booked",
        "start": at(7),
        "contained": [patient],
    }
    answer = client.post("/fhir", {**appointment, "participant": listed})
    places = [issue["expression"] for issue in answer.json["issue"] if issue["severity"] == "error"]
    assert ["Appointment.contained[0].telecom"] in places
