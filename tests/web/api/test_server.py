"""The API behind the line's own server: what is refused before its body is read, and where it is mounted."""

from __future__ import annotations

import json

import pytest

from ivr import create_app
from ivr.settings import load
from tests.support.serving import http_request, serving
from tests.web.api.conftest import booking


@pytest.fixture
def server(api, tmp_path):
    app = create_app(load())
    with serving(app.wsgi_app, tmp_path / "requests") as running:
        yield running


def problem_of(answer):
    status, headers, body = answer
    assert headers["content-type"] == "application/problem+json"
    return status, json.loads(body)["code"]


def test_a_body_without_a_key_or_that_is_too_large_is_not_read(server):
    head = http_request("/api/v1/batches", Content_Length=19_000_000)
    assert problem_of(server.ask(head)) == (401, "key_missing")
    for path, length in (("batches", 20_000_001), ("fhir", 20_000_001), ("opt-outs", 1_000_001)):
        head = http_request(f"/api/v1/{path}", Content_Length=length, Authorization="Bearer x")
        assert problem_of(server.ask(head)) == (413, "too_large")


def test_a_batch_is_imported_and_counted_by_its_route_only(server, api):
    body = json.dumps({"appointments": [booking()]}).encode()
    headers = {"Authorization": f"Bearer {api.key()}", "Content_Type": "application/json"}
    status, _, answer = server.ask(http_request("/api/v1/batches", body, **headers))
    assert (status, json.loads(answer)["accepted"]) == (201, 1)
    status, _, answer = server.ask(http_request("/api/v1/appointments/A1", method="GET", **headers))
    assert (status, json.loads(answer)["appointment_id"]) == (200, "A1")


@pytest.mark.parametrize("path", ["/api", "/api/", "/api/v2/health", "/api/v1"])
def test_what_is_beside_the_api_is_not_found(server, path):
    assert server.ask(http_request(path, method="GET"))[0] == 404


def test_a_process_for_twilio_alone_has_no_api(api, tmp_path):
    with serving(create_app(load(), doors="twilio").wsgi_app, tmp_path / "twilio") as running:
        assert running.ask(http_request("/api/v1/health", method="GET"))[0] == 404
