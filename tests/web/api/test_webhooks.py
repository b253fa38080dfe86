"""Webhooks through the API."""

from __future__ import annotations

import pytest

from ivr.ledger.tables import webhook
from tests.web.api.conftest import Api, problem

URL = "https://ehr.example.org/events"
BODY = {"url": URL, "events": ["appointment.confirmed", "text.delivered"]}


@pytest.fixture
def client(monkeypatch, request):
    monkeypatch.setenv("WEBHOOK_HOSTS", "ehr.example.org")
    api: Api = request.getfixturevalue("api")
    return api.client()


def test_a_webhook_is_added_listed_without_its_secret_and_ended(client, api):
    made = client.post("/webhooks", BODY)
    assert made.status_code == 201
    assert made.json["secret"].startswith("whsec_")
    [listed] = client.get("/webhooks").json["webhooks"]
    assert (listed["url"], listed["events"]) == (URL, BODY["events"])
    assert "secret" not in listed
    assert made.json["secret"].encode() not in api.clinic.all(webhook)[0].secret_sealed
    assert client.delete(f"/webhooks/{listed['id']}").status_code == 204
    assert client.get("/webhooks").json == {"webhooks": []}
    assert problem(client.delete(f"/webhooks/{listed['id']}")) == (404, "not_found")
    assert [kind for _, kind in api.audited()] == ["webhook_added", "webhook_ended"]


def test_the_webhooks_of_another_key_are_not_shown_and_cannot_be_ended(client, api):
    number = client.post("/webhooks", BODY).json["id"]
    other = api.client()
    assert other.get("/webhooks").json == {"webhooks": []}
    assert problem(other.delete(f"/webhooks/{number}")) == (404, "not_found")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"url": "https://evil.example/"}, "webhook_url"),
        ({"url": "http://ehr.example.org/"}, "webhook_url"),
        ({"events": []}, "invalid"),
        ({"events": ["all"]}, "invalid"),
    ],
)
def test_a_wrong_url_or_event_is_refused(client, change, code):
    assert problem(client.post("/webhooks", {**BODY, **change})) == (422, code)


def test_a_key_has_a_limited_number_of_webhooks(client, monkeypatch):
    monkeypatch.setattr("ivr.people.webhooks.MAX_PER_KEY", 1)
    client.post("/webhooks", BODY)
    assert problem(client.post("/webhooks", BODY)) == (409, "webhooks_full")
