"""Requests whose process dies: the effect and the stored answer are there together, or not at all."""

from __future__ import annotations

from typing import Any

import pytest

from ivr import clock
from ivr.ledger.tables import appointment, batch, staged_change, webhook
from ivr.people.audit import AuditKind
from ivr.reminders.imports.rows import RowReader
from ivr.reminders.imports.staging import ImportStage
from ivr.web.api import idempotency, import_work, repeated
from tests.support.clinic import NOW, at
from tests.web.api.conftest import Api, Client, booking, fields, problem
from tests.web.api.test_people import add_staff, ask_for_calls, ask_for_change

HEADERS = {"Idempotency-Key": "3f0c"}
OPT_OUT = {"phone": "603-555-0101", "state": "out", "reason": "Asked at the desk"}
ANN = {"user": "ann@example.org"}
EVENTS = {"url": "https://ehr.example.org/events", "events": ["text.delivered"]}
# A request, its answer as far as it is known, and the entry of the audit log that its effect adds.
REQUESTS = [
    ("/batches/1/pause", None, {"paused": True}, AuditKind.BATCH_PAUSED),
    ("/batches/1/cancel", None, {"batch": 1}, AuditKind.BATCH_CANCELLED),
    ("/opt-outs", OPT_OUT, {"state": "out", "changed": True}, AuditKind.OPTED_OUT),
    ("/opt-outs/lookup", {"phone": "603-555-0101"}, {"state": "in"}, AuditKind.PERSON_READ),
    ("/callbacks/1/claim", ANN, {"id": 1, "claimed_by": "Ann Example"}, AuditKind.WORK_CLAIMED),
    ("/callbacks/1/done", None, {"id": 1, "done": True}, AuditKind.WORK_DONE),
    ("/work-items/1/claim", ANN, {"id": 1, "claimed_by": "Ann Example"}, AuditKind.WORK_CLAIMED),
    ("/work-items/1/done", None, {"id": 1, "done": True}, AuditKind.WORK_DONE),
    ("/webhooks", EVENTS, {"url": EVENTS["url"]}, AuditKind.WEBHOOK_ADDED),
]


class Killed(BaseException):
    """Ends the request as a kill would: no code catches it."""


class KillOnce:
    """A function that kills the first call, and then does what the real one does."""

    def __init__(self, real: Any) -> None:
        self.real, self.has_killed = real, False

    def __call__(self, *arguments: Any, **values: Any) -> Any:
        if not self.has_killed:
            self.has_killed = True
            raise Killed
        return self.real(*arguments, **values)


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Client:
    monkeypatch.setenv("WEBHOOK_HOSTS", "ehr.example.org")
    api: Api = request.getfixturevalue("api_on_each_database")
    client = api.client()
    ask_for_calls(api, 1)
    ask_for_change(api, client, 1)
    add_staff(api)
    return client


@pytest.mark.parametrize(("path", "body", "expected", "kind"), REQUESTS)
def test_a_request_killed_before_its_answer_is_stored_has_no_effect_and_its_repetition_has_one(
    client, api_on_each_database, monkeypatch, path, body, expected, kind
):
    api = api_on_each_database

    def effects() -> int:
        return [entry for _, entry in api.audited()].count(kind)

    before = effects()
    monkeypatch.setattr(repeated, "store_answer", KillOnce(repeated.store_answer))
    with pytest.raises(Killed):
        client.post(path, body, headers=HEADERS)
    assert effects() == before
    answers = [client.post(path, body, headers=HEADERS) for _ in range(2)]
    assert effects() == before + 1
    assert {name: answers[0].json[name] for name in expected} == expected
    assert (answers[0].status_code, answers[0].data) == (answers[1].status_code, answers[1].data)


def test_a_failure_on_our_side_undoes_what_the_request_did(client, api_on_each_database, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("ivr.web.api.resources.webhooks._json", lambda _made: 1 / 0)
        assert problem(client.post("/webhooks", EVENTS, headers=HEADERS)) == (500, "failed")
    assert api_on_each_database.clinic.all(webhook) == []
    assert client.post("/webhooks", EVENTS, headers=HEADERS).status_code == 201
    assert len(api_on_each_database.clinic.all(webhook)) == 1


def send(client: Client, path: str) -> Any:
    """A batch that adds an appointment, moves one, and rejects a row; as FHIR, one that adds an appointment."""
    if path == "/batches":
        rows = [booking(1, starts_at=at(9)), booking(2), booking(3, phone="x")]
        return client.post(path, {"appointments": rows}, headers=HEADERS)
    patient = {"resourceType": "Patient", "id": "p", "telecom": [{"system": "phone", "value": "603-555-0102"}]}
    people = [{"reference": "#p"}, {"reference": "Location/elliot"}]
    booked = {"resourceType": "Appointment", "id": "F1", "status": "booked", "start": at(9), "contained": [patient]}
    booked |= {"participant": [{"actor": actor, "status": "accepted"} for actor in people]}
    return client.post(path, booked, headers={**HEADERS, "Content-Type": "application/fhir+json"})


@pytest.mark.parametrize("path", ["/batches", "/fhir"])
@pytest.mark.parametrize("point", ["_apply_all", "_apply_some", "store_answer"])
def test_an_import_killed_once_it_is_live_is_completed_and_answered_by_its_repetition(
    client, api_on_each_database, monkeypatch, point, path
):
    api = api_on_each_database
    batches = len(api.clinic.all(batch))
    place = repeated if point == "store_answer" else ImportStage
    kill = KillOnce(getattr(place, point))
    monkeypatch.setattr(place, point, kill if place is repeated else lambda *arguments: kill(*arguments))
    with pytest.raises(Killed):
        send(client, path)
    answers = [send(client, path) for _ in range(2)]
    assert answers[0].data == answers[1].data
    assert answers[0].headers["Location"] == answers[1].headers["Location"] == f"/api/v1/batches/{batches + 1}"
    assert len(api.clinic.all(batch)) == batches + 1
    assert api.clinic.all(staged_change) == []
    if path == "/batches":
        counts = {"batch": batches + 1, "rows": 3, "accepted": 1, "updated": 1, "unchanged": 0, "rejected": 1}
        assert {name: answers[0].json[name] for name in counts} == counts
        assert client.get("/appointments/A1").json["starts_at"] == "2026-12-10 10:00-05:00"
    assert [kind for _, kind in api.audited()].count(AuditKind.APPOINTMENTS_IMPORTED) == batches + 1


def test_an_import_killed_before_it_is_live_is_done_by_a_repetition_after_the_lease(
    client, api_on_each_database, monkeypatch
):
    kill = KillOnce(ImportStage.go_live)
    monkeypatch.setattr(ImportStage, "go_live", lambda *arguments: kill(*arguments))
    monkeypatch.setattr(idempotency, "WAIT_SECONDS", 0)
    with pytest.raises(Killed):
        send(client, "/batches")
    answer = send(client, "/batches")
    assert problem(answer) == (409, "still_running")
    assert answer.headers["Retry-After"]
    monkeypatch.setattr(clock, "now", lambda: NOW + repeated.LEASE)
    answers = [send(client, "/batches") for _ in range(2)]
    assert answers[0].data == answers[1].data
    assert client.get("/appointments/A1").json["starts_at"] == "2026-12-10 10:00-05:00"
    status = client.get(f"/batches/{answers[0].json['batch']}").json
    assert (status["live"], status["appointments"]) == (True, 2)
    assert len(api_on_each_database.clinic.all(appointment)) == 2


def kill_put(client: Client, monkeypatch: pytest.MonkeyPatch, point: str) -> None:
    """Put A7, in a process that is killed before the batch is live (go_live), or before its change is applied."""
    kill = KillOnce(getattr(ImportStage, point))
    with monkeypatch.context() as patch:
        patch.setattr(ImportStage, point, lambda *arguments: kill(*arguments))
        with pytest.raises(Killed):
            client.put("/appointments/A7", fields(7))


@pytest.mark.usefixtures("api_on_each_database")
def test_an_appointment_that_is_not_live_is_not_there_until_it_is_put_again(client, monkeypatch):
    kill_put(client, monkeypatch, "go_live")
    for path in ("/appointments/A7", "/appointments/A7/texts"):
        assert problem(client.get(path)) == (404, "not_found")
    assert problem(client.put("/appointments/A7", fields(7), headers={"If-Match": "*"})) == (412, "changed")
    made = client.put("/appointments/A7", fields(7), headers={"If-None-Match": "*"})
    assert (made.status_code, made.json["result"]) == (201, "accepted")
    assert client.get("/appointments/A7").json == made.json["appointment"]
    assert client.get("/appointments/A7/texts").json["texts"]


@pytest.mark.usefixtures("api_on_each_database")
def test_an_appointment_that_another_request_makes_live_at_this_moment_is_there(client, monkeypatch):
    kill_put(client, monkeypatch, "go_live")
    kill_put(client, monkeypatch, "_apply_all")
    assert problem(client.put("/appointments/A7", fields(7), headers={"If-None-Match": "*"})) == (412, "changed")
    assert client.put("/appointments/A7", fields(7)).status_code in (200, 201)


def test_a_cancellation_of_what_an_import_has_staged_is_kept_when_that_goes_live_later(client, api_on_each_database):
    clinic = api_on_each_database.clinic
    stage = ImportStage(clinic.ledger, clinic.vault, clinic.content.config, "appointments.csv", NOW)
    cells = {name: str(value) for name, value in booking(7).items()}
    stage.add(RowReader(clinic.content.config, NOW).read([(2, cells)]))
    assert client.delete("/appointments/A7").status_code == 204
    stage.go_live()
    assert client.get("/appointments/A7").json["status"] == "cancelled"


@pytest.mark.parametrize("point", ["run_rows", "on_live"])
def test_of_an_import_and_a_faster_repetition_only_one_counts(client, api_on_each_database, monkeypatch, point):
    """The first one outlives its lease, before it has read a row, or after it has staged all of them."""
    api, answers, waits = api_on_each_database, [], [True]
    batches = len(api.clinic.all(batch))
    place, name = (import_work.Importer, "run_rows") if point == "run_rows" else (ImportStage, "go_live")
    real = getattr(place, name)

    def let_another_be_faster(*arguments: Any, **values: Any) -> Any:
        if waits:
            waits.clear()
            monkeypatch.setattr(clock, "now", lambda: NOW + repeated.LEASE)
            answers.append(send(client, "/batches"))
        return real(*arguments, **values)

    monkeypatch.setattr(place, name, let_another_be_faster)
    answers.append(send(client, "/batches"))
    assert answers[0].data == answers[1].data
    assert (answers[0].json["batch"], answers[0].json["updated"]) in {(batches + 1, 1), (batches + 2, 1)}
    assert [kind for _, kind in api.audited()].count(AuditKind.APPOINTMENTS_IMPORTED) == batches + 1
    assert api.clinic.all(staged_change) == []
