"""Opt-outs, call-back requests and work items through the API."""

from __future__ import annotations

import pytest

from ivr.ledger.tables import callback, opt_out_event, person, todo
from ivr.people.callbacks import CallbackRequest, save_callback
from ivr.people.replies import record_reply
from ivr.staff.users import Role, add_user, set_active
from tests.support.clinic import NOW, at
from tests.web.api.conftest import fields, problem

PHONE = {"phone": "(603) 555-0101"}


def ask_for_calls(api, *numbers):
    with api.services.ledger.write() as connection:
        for number in numbers:
            request = CallbackRequest(f"+160355501{number:02}", "en", "scheduling", None, "morning", f"CA{number}")
            save_callback(connection, api.services.vault, request, NOW)


def ask_for_change(api, client, *numbers):
    for number in numbers:
        client.put(f"/appointments/A{number}", fields(number, starts_at=at(7)))
        with api.services.ledger.write() as connection:
            record_reply(connection, api.services.vault, f"+160355501{number:02}", NOW, "change")


def add_staff(api, email="ann@example.org"):
    with api.services.ledger.write() as connection:
        return add_user(connection, email, "Ann Example", Role.SCHEDULER, NOW).user


def test_an_opt_out_is_set_with_its_evidence_looked_up_and_revoked(api, client):
    assert client.post("/opt-outs/lookup", PHONE).json == {"state": "in", "since": None, "source": None}
    change = {**PHONE, "state": "out", "reason": "Asked at the desk"}
    assert client.post("/opt-outs", change).json == {"state": "out", "changed": True}
    assert client.post("/opt-outs", change).json == {"state": "out", "changed": False}
    found = client.post("/opt-outs/lookup", {"phone": "+16035550101"}).json
    assert (found["state"], found["source"]) == ("out", "staff")
    [event] = api.clinic.all(opt_out_event)
    assert api.services.vault.open(event.evidence_sealed) == "Asked at the desk"
    assert client.post("/opt-outs", {**change, "state": "in"}).json == {"state": "in", "changed": True}
    assert api.clinic.all(person)[0].opted_out_at is None
    kinds = [kind for _, kind in api.audited()]
    assert kinds == ["person_read", "opted_out", "opted_out", "person_read", "opted_in"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"phone": "603-555"}, "phone_invalid"),
        ({"phone": "+1 900 234 5678"}, "phone_special"),
        ({"phone": ""}, "invalid"),
        ({}, "invalid"),
        ([], "invalid"),
        ({**PHONE, "more": 1}, "invalid"),
    ],
)
def test_a_wrong_number_or_body_is_a_problem(client, body, code):
    assert problem(client.post("/opt-outs/lookup", body)) == (422, code)


def test_call_backs_come_in_pages_and_are_done_once(api, client):
    ask_for_calls(api, 1, 2, 3)
    first = client.get("/callbacks", query_string={"limit": 2}).json
    assert [each["phone"] for each in first["callbacks"]] == ["+16035550101", "+16035550102"]
    second = client.get("/callbacks", query_string={"limit": 2, "cursor": first["next"]}).json
    assert [each["phone"] for each in second["callbacks"]] == ["+16035550103"]
    assert second["next"] is None
    assert client.post("/callbacks/1/done").json == {"id": 1, "done": True}
    assert api.clinic.all(callback)[0].done_by == "Epic (API)"
    assert problem(client.post("/callbacks/1/done")) == (404, "not_found")
    assert ("api key 1", "callbacks_read") in api.audited()


def test_a_work_item_is_taken_for_a_user_and_done(api, client):
    ask_for_change(api, client, 1, 2)
    user = add_staff(api)
    items = client.get("/work-items").json["items"]
    assert [(item["kind"], item["appointment_id"]) for item in items] == [("change", "A1"), ("change", "A2")]
    number = items[0]["id"]
    taken = client.post(f"/work-items/{number}/claim", {"user": "Ann@example.org"})
    assert taken.json == {"id": number, "claimed_by": "Ann Example"}
    assert api.clinic.all(todo)[0].claimed_by == user.id
    assert problem(client.post(f"/work-items/{number}/claim", {"user": "ann@example.org"})) == (409, "work_taken")
    assert client.post(f"/work-items/{number}/done").status_code == 200
    assert len(client.get("/work-items").json["items"]) == 1


def test_only_an_active_user_can_be_named(api, client):
    ask_for_calls(api, 1)
    user = add_staff(api)
    assert problem(client.post("/callbacks/1/claim", {"user": "nobody@example.org"})) == (422, "user_unknown")
    with api.services.ledger.write() as connection:
        set_active(connection, user.id, active=False)
    assert problem(client.post("/callbacks/1/claim", {"user": "ann@example.org"})) == (422, "user_unknown")
