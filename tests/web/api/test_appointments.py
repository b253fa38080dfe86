"""One appointment through the API."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ivr.people.replies import record_reply
from ivr.web.api.resources import appointments
from tests.support.clinic import NOW, at
from tests.web.api.conftest import booking, fields, problem


def test_an_appointment_is_put_read_changed_and_cancelled(api_on_each_database):
    client = api_on_each_database.client()
    made = client.put("/appointments/A1", fields())
    assert (made.status_code, made.json["result"]) == (201, "accepted")
    shown = client.get("/appointments/A1")
    assert shown.json == made.json["appointment"]
    assert shown.headers["ETag"] == made.headers["ETag"]
    assert client.put("/appointments/A1", fields()).json["result"] == "unchanged"
    moved = client.put("/appointments/A1", fields(starts_at=at(8)))
    assert (moved.status_code, moved.json["result"]) == (200, "updated")
    assert moved.headers["ETag"] != made.headers["ETag"]
    assert client.delete("/appointments/A1").status_code == 204
    assert client.get("/appointments/A1").json["status"] == "cancelled"
    assert client.delete("/appointments/A1").status_code == 204


def test_an_appointment_is_shown_without_number_and_name(client):
    client.put("/appointments/A1", fields(first_name="Rosa"))
    text = client.get("/appointments/A1").get_data(as_text=True)
    assert "Rosa" not in text
    assert "555" not in text


def test_a_fault_has_the_fields_of_the_import_and_no_others(client):
    [fault] = client.put("/appointments/A1", fields(phone="nobody")).json["errors"]
    assert {**fault, "message": ""} == {"row": 1, "column": "phone", "code": "phone_invalid", "message": ""}


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_an_unknown_appointment_is_a_problem(client, method):
    assert problem(client.ask(method, "/appointments/A9")) == (404, "not_found")
    assert problem(client.get("/appointments/A9/texts")) == (404, "not_found")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"phone": "555"}, "phone_invalid"),
        ({"starts_at": at(-1)}, "date_past"),
        ({"site": "nowhere"}, "site_unknown"),
        ({"status": "perhaps"}, "status_unknown"),
        ({"phone": 6035550101}, "invalid"),
    ],
)
def test_a_bad_field_has_the_code_of_the_import(client, change, code):
    assert problem(client.put("/appointments/A1", fields(**change))) == (422, code)
    assert problem(client.get("/appointments/A1")) == (404, "not_found")


def test_fields_have_the_names_that_a_file_may_use(client):
    answer = client.put("/appointments/A1", {**fields(), "Preferred Language": "Spanish"})
    assert answer.json["appointment"]["language"] == "es"


@pytest.mark.parametrize("change", [{"phone": "603-555-0177"}, {"first_name": "Eve"}])
def test_the_version_also_changes_with_the_number_and_the_name_that_it_does_not_show(client, change):
    version = client.put("/appointments/A1", fields()).headers["ETag"]
    assert client.put("/appointments/A1", fields(**change)).headers["ETag"] != version
    assert problem(client.delete("/appointments/A1", headers={"If-Match": version})) == (412, "changed")


def test_a_change_needs_the_version_that_was_read(client):
    version = client.put("/appointments/A1", fields()).headers["ETag"]
    assert client.put("/appointments/A1", fields(starts_at=at(8)), headers={"If-Match": version}).status_code == 200
    answer = client.put("/appointments/A1", fields(starts_at=at(9)), headers={"If-Match": version})
    assert problem(answer) == (412, "changed")
    assert problem(client.delete("/appointments/A1", headers={"If-Match": version})) == (412, "changed")
    assert problem(client.put("/appointments/A2", fields(2), headers={"If-Match": "*"})) == (412, "changed")
    assert client.put("/appointments/A2", fields(2), headers={"If-None-Match": "*"}).status_code == 201
    assert problem(client.put("/appointments/A2", fields(2), headers={"If-None-Match": "*"})) == (412, "changed")


def test_a_change_between_check_and_commit_is_noticed(api, client, monkeypatch):
    version = client.put("/appointments/A1", fields()).headers["ETag"]
    other, importer, meanwhile = api.client(), appointments.importer, []

    def import_later(on_live):
        if not meanwhile:
            meanwhile.append(True)
            assert other.put("/appointments/A1", fields(starts_at=at(9))).status_code == 200
        return importer(on_live)

    monkeypatch.setattr(appointments, "importer", import_later)
    answer = client.put("/appointments/A1", fields(starts_at=at(8)), headers={"If-Match": version})
    assert problem(answer) == (412, "changed")
    assert client.get("/appointments/A1").json["starts_at"] == "2026-12-10 10:00-05:00"


def test_a_cancellation_that_is_older_than_what_is_known_is_refused(api_on_each_database):
    client, clinic = api_on_each_database.client(), api_on_each_database.clinic
    cells = {name: str(value) for name, value in booking().items()}
    clinic.import_rows(cells, now=NOW + timedelta(minutes=1))
    assert problem(client.delete("/appointments/A1")) == (412, "changed")
    assert client.get("/appointments/A1").json["status"] == "booked"
    clinic.import_rows({**cells, "status": "cancelled"}, now=NOW + timedelta(minutes=2))
    assert client.delete("/appointments/A1").status_code == 204


def test_a_body_that_is_too_large_is_refused_as_documented(api, client):
    answer = client.put("/appointments/A1", fields(first_name="x" * (1 << 20)))
    assert problem(answer) == (413, "too_large")
    document = api.app.extensions["api_document"].read()["paths"]["/appointments/{appointment_id}"]["put"]
    assert "413" in document["responses"]


def test_a_reader_who_has_the_version_gets_no_body(client):
    version = client.put("/appointments/A1", fields()).headers["ETag"]
    answer = client.get("/appointments/A1", headers={"If-None-Match": version})
    assert (answer.status_code, answer.data) == (304, b"")


def test_an_answer_of_the_patient_changes_the_version_and_is_shown(api, client):
    version = client.put("/appointments/A1", fields()).headers["ETag"]
    with api.services.ledger.write() as connection:
        record_reply(connection, api.services.vault, "+16035550101", NOW, "confirmed")
    shown = client.get("/appointments/A1")
    assert shown.json["answer"] == "confirmed"
    assert shown.headers["ETag"] != version


def test_the_texts_of_an_appointment_are_listed_with_their_states(api, client):
    client.post("/batches", {"appointments": [booking(1, starts_at=at(7, 1))]})
    listed = client.get("/appointments/A1/texts").json["texts"]
    assert [text["state"] for text in listed] == ["planned"] * len(listed)
    assert listed
    assert listed[0]["due_at"]
