"""Characters that a database cannot store: NUL, and halves of surrogate pairs."""

from __future__ import annotations

import json

import pytest

from ivr.ledger.tables import appointment
from tests.support.clinic import csv_text, row
from tests.web.api.conftest import booking, fields, problem

NUL, HALF = "\0", "\ud800"
PATHS = [
    ("GET", "/appointments/A%00"),
    ("PUT", "/appointments/A%00"),
    ("DELETE", "/appointments/%00"),
    ("GET", "/appointments/A%00/texts"),
    ("GET", "/batches?cursor=%00"),
    ("GET", "/batches?limit=1%00"),
    ("GET", "/callbacks?cursor=YWZ0%00ZXIgMQ=="),
    ("GET", "/work-items?%00=1"),
    ("POST", "/batches?strict=true%00"),
    ("POST", "/fhir?dry_run=%00"),
    ("POST", "/batches/1/pause?reason=%00"),
]
PHONE = "603-555-0101"
BODIES = [
    ("POST", "/callbacks/1/claim", {"user": "ann{}@example.org"}),
    ("POST", "/work-items/1/claim", {"user": "ann{}@example.org"}),
    ("POST", "/opt-outs", {"phone": PHONE, "state": "out", "reason": "Asked {}"}),
    ("POST", "/opt-outs", {"phone": "603{}5550101", "state": "out", "reason": "Asked"}),
    ("POST", "/opt-outs/lookup", {"phone": "603{}5550101"}),
    ("POST", "/webhooks", {"url": "https://ehr.example.org/{}", "events": ["text.delivered"]}),
    ("POST", "/webhooks", {"url": "https://ehr.example.org/", "events": ["text.{}"]}),
    ("PUT", "/appointments/A1", fields(first_name="Ann{}")),
    ("PUT", "/appointments/A1", fields(site="elliot{}")),
    ("PUT", "/appointments/A1", {**fields(), "more{}": "x"}),
]


@pytest.mark.parametrize(("method", "path"), PATHS)
def test_a_path_or_query_with_nul_is_a_problem(shared_api, method, path):
    client = shared_api.client()
    body = {"json": fields()} if method == "PUT" else {}
    assert problem(client.ask(method, path, **body)) == (422, "character")


@pytest.mark.parametrize("character", [NUL, HALF])
@pytest.mark.parametrize(("method", "path", "body"), BODIES)
def test_a_body_with_an_unstorable_character_is_a_problem(shared_api, method, path, body, character):
    client = shared_api.client()
    # Written as an escape, as a client's library does.
    text = json.dumps(body).replace("{}", json.dumps(character)[1:-1])
    answer = client.ask(method, path, data=text, headers={"Content-Type": "application/json"})
    assert problem(answer) == (422, "character")
    assert shared_api.clinic.all(appointment) == []


@pytest.mark.parametrize("character", [NUL, HALF])
@pytest.mark.parametrize("name", ["first_name", "appointment_id", "site", "other"])
def test_rows_with_an_unstorable_character_are_not_imported(api_on_each_database, name, character):
    client = api_on_each_database.client()
    body = json.dumps({"appointments": [booking(1, **{name: f"A{character}"})]})
    answer = client.post("/batches", data=body, headers={"Content-Type": "application/json"})
    if name == "other":
        assert answer.json["accepted"] == 1
    else:
        assert problem(answer) == (422, "file_unreadable")
        assert api_on_each_database.clinic.all(appointment) == []


def test_a_file_with_nul_is_a_problem(api_on_each_database):
    client = api_on_each_database.client()
    text = csv_text([row(1, "2026-12-08 10:00", first_name="An\0n")])
    answer = client.post("/batches", data=text, headers={"Content-Type": "text/csv"})
    assert 200 <= answer.status_code < 500, answer.status_code
    assert api_on_each_database.clinic.all(appointment) == []


@pytest.mark.parametrize("character", [NUL, HALF])
def test_fhir_with_an_unstorable_character_is_an_issue(shared_api, character):
    client = shared_api.client()
    patient = {"resourceType": "Patient", "id": "p", "telecom": [{"system": "phone", "value": PHONE}]}
    patient["name"] = [{"given": [f"Ann{character}"]}]
    people = [{"actor": {"reference": "#p"}, "status": "accepted"}]
    people += [{"actor": {"reference": "Location/elliot"}, "status": "accepted"}]
    booked = {"resourceType": "Appointment", "id": f"F{character}", "status": "booked", "participant": people}
    booked |= {"start": "2026-12-10T10:00:00-05:00", "contained": [patient]}
    answer = client.post("/fhir", data=json.dumps(booked), content_type="application/fhir+json")
    assert (answer.status_code, answer.json["resourceType"]) == (422, "OperationOutcome")


@pytest.mark.parametrize("name", ["Idempotency-Key", "Authorization", "If-Match", "Content-Type"])
def test_a_header_with_nul_is_never_a_failure_on_our_side(api_on_each_database, name):
    client = api_on_each_database.client()
    environ = {f"HTTP_{name.upper().replace('-', '_')}".replace("HTTP_CONTENT", "CONTENT"): "x\0"}
    for method, path in (("POST", "/opt-outs"), ("PUT", "/appointments/A1")):
        answer = client.ask(method, path, json=fields(), environ_overrides=environ)
        assert answer.status_code < 500, (method, answer.get_data(as_text=True))
