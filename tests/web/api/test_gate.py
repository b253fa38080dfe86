"""Who may call what."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from ivr import clock
from ivr.staff.api_keys import api_keys, revoke_api_key
from ivr.web.api.gate import ANYONE
from tests.support.clinic import NOW
from tests.web.api.conftest import Client, booking, problem


def test_every_endpoint_is_in_the_table_of_access(api):
    assert {rule.endpoint for rule in api.app.url_map.iter_rules()} == set(api.app.extensions["api_gate"].access)


@pytest.mark.parametrize("role", ["scheduler", "operator", None])
def test_an_operation_answers_only_for_the_roles_of_the_table(api, role):
    client = api.client(role) if role else Client(api.app.test_client(), "infoline_1_" + "a" * 43)
    access = api.app.extensions["api_gate"].access
    for rule in api.app.url_map.iter_rules():
        if access[rule.endpoint] != ANYONE and role not in access[rule.endpoint]:
            path = re.sub(r"<[^>]*>", "1", rule.rule)
            for method in rule.methods - {"HEAD", "OPTIONS"}:
                assert problem(client.ask(method, path))[0] == (403 if role else 401), rule.rule


@pytest.mark.parametrize("header", [None, "", "Basic abc", "Bearer", "Bearer x"])
def test_without_a_valid_key_the_answer_is_401(api, header):
    headers = {} if header is None else {"Authorization": header}
    response = api.app.test_client().get("/batches", headers=headers)
    assert problem(response)[0] == 401
    assert response.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_revoked_and_an_expired_key_are_refused(api, monkeypatch):
    client = Client(api.app.test_client(), api.key(days=1))
    assert client.get("/batches").status_code == 200
    monkeypatch.setattr(clock, "now", lambda: NOW + timedelta(days=1))
    assert problem(client.get("/batches")) == (401, "key_invalid")
    monkeypatch.setattr(clock, "now", lambda: NOW)
    with api.services.ledger.write() as connection:
        revoke_api_key(connection, 1, NOW)
    assert problem(client.get("/batches")) == (401, "key_invalid")


def test_the_last_use_of_a_key_is_written_once_in_some_minutes(api, client, monkeypatch):
    used = []
    for minutes in (0, 1, 6):
        monkeypatch.setattr(clock, "now", lambda minutes=minutes: NOW + timedelta(minutes=minutes))
        client.get("/batches")
        with api.services.ledger.read() as connection:
            used.append(api_keys(connection)[0].last_used_at)
    assert used == [NOW, NOW, NOW + timedelta(minutes=6)]


def test_too_many_requests_wait_and_other_keys_do_not(api, monkeypatch):
    monkeypatch.setattr(api.app.extensions["api_gate"]._limit, "_most", 3.0)
    first, second = api.client(), api.client()
    answers = [first.get("/batches") for _ in range(4)]
    assert [answer.status_code for answer in answers[:3]] == [200, 200, 200]
    assert problem(answers[3]) == (429, "too_many_requests")
    assert 1 <= int(answers[3].headers["Retry-After"]) <= 60
    assert second.get("/batches").status_code == 200


def test_monitoring_and_documents_need_no_key(api):
    stranger = api.app.test_client()
    assert stranger.get("/health").json["ledger"] is True
    assert stranger.get("/openapi.json").json["openapi"].startswith("3.1")
    page = stranger.get("/docs").get_data(as_text=True)
    assert "/batches/{batch_id}/pause" in page
    assert re.findall(r'(?:src|href)="(?!#)([^"]*)"', page) == ["docs.css", "openapi.json"]
    assert stranger.get("/docs.css").content_type.startswith("text/css")
    assert "<script" not in page


def test_wrong_addresses_and_methods_are_problems_too(client):
    assert problem(client.get("/nothing")) == (404, "not_found")
    response = client.ask("PATCH", "/batches")
    assert problem(response) == (405, "method")
    assert "POST" in response.headers["Allow"]


def test_what_went_wrong_on_our_side_is_logged_without_the_request(api, client, monkeypatch, caplog):
    def fail(*_arguments, **_values):
        raise RuntimeError("603-555-0101")

    monkeypatch.setattr("ivr.web.api.resources.batches.import_request", fail)
    assert problem(client.post("/batches", {"appointments": [booking()]})) == (500, "failed")


def test_without_the_database_the_answer_is_503(api, client):
    api.services.ledger.file.rename(api.services.ledger.file.with_suffix(".away"))
    api.services.ledger.close()
    response = client.get("/batches")
    assert problem(response) == (503, "unavailable")
    assert response.headers["Retry-After"]
