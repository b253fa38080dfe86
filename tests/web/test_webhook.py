"""The webhooks of the web process: access, limits, and availability without the database and the queue."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from twilio.request_validator import RequestValidator
from werkzeug.test import Client

from ivr import create_app
from ivr.ledger.tables import opt_out_event, person
from ivr.settings import load
from ivr.web.services import Services
from ivr.web.webhooks.fast_path import FastPath
from ivr.web.webhooks.webhook import Webhook
from tests.support.clinic import write_empty_ledger

TOKEN, OTHER_TOKEN = "first-token", "second-token"
PUBLIC = "https://line.example.org"
SID = "AC" + "1" * 32
KEY = "8Wn1qT0mZ4kXc7vJ2yLrB9sGfHdPaEuKiOwQtR5xYz0"
Post = Callable[..., tuple[int, str]]
CALL = {"CallSid": "CA" + "2" * 32, "From": "+16035550123", "To": "+16035550100", "CallStatus": "ringing"}
TEXT = {"MessageSid": "SM" + "3" * 32, "From": "+16035550123", "To": "+16035550100", "Body": "1", "NumMedia": "0"}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    """The web process of a public line behind a proxy, without a queue, during a token rotation."""
    tmp_path = tmp_path_factory.mktemp("public")
    environment = {
        "VAR_DIR": str(tmp_path),
        "DATABASE_URL": f"sqlite:///{tmp_path}/infoline.db",
        "PUBLIC_URL": PUBLIC,
        "PHONE_KEY": KEY,
        "TWILIO_ACCOUNT_SID": SID,
        "TWILIO_AUTH_TOKEN": TOKEN,
        "TWILIO_AUTH_TOKEN_SECONDARY": OTHER_TOKEN,
        "TWILIO_FROM": "+16035550100",
    }
    write_empty_ledger(tmp_path / "infoline.db")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        return create_app(load())


@pytest.fixture
def client(app: Flask) -> Iterator[FlaskClient]:
    with app.test_client() as client:
        yield client


@pytest.fixture
def post(client: FlaskClient) -> Post:
    """Post a form as Twilio does: signed over the public URL."""

    def send(path: str, fields: dict[str, str], token: str = TOKEN, base: str = PUBLIC) -> tuple[int, str]:
        signature = RequestValidator(token).compute_signature(base + path, fields)
        response = client.post(path, data=fields, headers={"X-Twilio-Signature": signature})
        return response.status_code, response.text

    return send


def _row_count(app: Flask) -> int:
    ledger = app.extensions["infoline"].ledger
    with ledger.read() as connection:
        return len(connection.execute(select(person.c.id)).all()) + len(
            connection.execute(select(opt_out_event.c.id)).all()
        )


def test_a_signed_call_hears_the_welcome(post: Post) -> None:
    status, document = post("/voice", CALL)
    assert status == 200
    assert "press 1" in document


@pytest.mark.parametrize("token", [TOKEN, OTHER_TOKEN])
def test_both_tokens_are_accepted_during_a_rotation(post: Post, token: str) -> None:
    assert post("/voice", CALL, token)[0] == 200


FORGED = [
    ("another token", {"token": "stolen"}),
    ("the local URL instead of the public one", {"base": "http://localhost"}),
    ("another path", {"base": f"{PUBLIC}/elsewhere"}),
]


@pytest.mark.parametrize(("label", "forgery"), FORGED, ids=[label for label, _ in FORGED])
@pytest.mark.parametrize(("path", "fields"), [("/voice", CALL), ("/sms", {**TEXT, "Body": "STOP"})])
def test_a_forged_webhook_is_403_and_writes_nothing(
    app: Flask, post: Post, label: str, forgery: dict[str, str], path: str, fields: dict[str, str]
) -> None:
    before = _row_count(app)
    assert post(path, fields, **forgery)[0] == 403
    assert _row_count(app) == before


@pytest.mark.parametrize("path", ["/voice", "/sms", "/receipts/text/" + "0" * 32, "/voice/abc/def"])
def test_an_unsigned_webhook_is_403(client: FlaskClient, path: str) -> None:
    assert client.post(path, data=CALL).status_code == 403


def test_a_changed_field_breaks_the_signature(client: FlaskClient) -> None:
    signature = RequestValidator(TOKEN).compute_signature(PUBLIC + "/sms", TEXT)
    response = client.post("/sms", data={**TEXT, "Body": "STOP"}, headers={"X-Twilio-Signature": signature})
    assert response.status_code == 403


@pytest.mark.parametrize("path", ["/voice", "/sms", "/receipts/text/" + "0" * 32])
def test_a_body_over_64_kb_is_413(post: Post, path: str) -> None:
    assert post(path, {**TEXT, "Body": "a" * 66_000})[0] == 413


@pytest.mark.parametrize("path", ["/voice", "/sms", "/receipts/text/" + "0" * 32, "/voice/abc/def"])
@pytest.mark.parametrize("method", ["get", "put", "delete"])
def test_another_method_is_405(client: FlaskClient, path: str, method: str) -> None:
    assert getattr(client, method)(path).status_code == 405


@pytest.mark.parametrize("state", ["en.menu-nowhere", "..", "en.piece-cancer-99", "x" * 300])
def test_an_unknown_state_or_release_gets_the_welcome(app: Flask, post: Post, state: str) -> None:
    live = app.extensions["infoline"].releases.live.digest
    welcome = post("/voice", CALL)[1]
    assert post(f"/voice/{live}/{state}", CALL)[1] == welcome
    assert post("/voice/000000000000/en.menu-welcome", CALL)[1] == welcome


@pytest.mark.parametrize("digits", ["", "77", "A", "*#*#", "9" * 200, "\x00", "é"])
def test_malformed_digits_get_a_document(app: Flask, post: Post, digits: str) -> None:
    live = app.extensions["infoline"].releases.live.digest
    status, document = post(f"/voice/{live}/en.menu-welcome", {**CALL, "Digits": digits})
    assert status == 200
    assert document.startswith("<?xml")


@pytest.mark.parametrize("status", ["", "answered", "nonsense"])
def test_an_unknown_dial_status_gets_a_document(app: Flask, post: Post, status: str) -> None:
    live = app.extensions["infoline"].releases.live.digest
    path = f"/voice/{live}/en.transfer-central-scheduling-0"
    assert post(path, {**CALL, "DialCallStatus": status})[0] == 200


def test_an_empty_form_is_answered(post: Post) -> None:
    assert post("/voice", {})[0] == 200
    assert post("/sms", {})[1].endswith("<Response />")


def test_a_redelivered_stop_is_stored_once(app: Flask, post: Post) -> None:
    before = _row_count(app)
    for _ in range(3):
        status, document = post("/sms", {**TEXT, "Body": "STOP"})
        assert (status, document.endswith("<Response />")) == (200, True)
    assert _row_count(app) == before + 2


def test_a_receipt_for_an_unknown_attempt_is_404(post: Post) -> None:
    assert post("/receipts/text/" + "0" * 32, {"MessageStatus": "delivered"})[0] == 404


def test_without_a_queue_the_line_is_ready_and_reports_the_queue_as_down(client: FlaskClient) -> None:
    response = client.get("/readyz")
    assert response.status_code == 200
    assert response.json is not None
    assert set(response.json) == {"voice", "texts", "ledger", "queue", "release"}
    assert (response.json["voice"], response.json["ledger"], response.json["queue"]) == (True, True, False)
    assert client.get("/healthz").status_code == 200


def test_the_line_answers_while_database_and_queue_are_both_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VAR_DIR", str(tmp_path))
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:9/nothing")
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:9/0")
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", TOKEN)
    client = create_app(load()).test_client()
    for path, fields in (("/voice", CALL), ("/sms", TEXT)):
        signature = RequestValidator(TOKEN).compute_signature("http://127.0.0.1:8000" + path, fields)
        assert client.post(path, data=fields, headers={"X-Twilio-Signature": signature}).status_code == 200
    request = {**TEXT, "Body": "español", "MessageSid": "SM" + "4" * 32}
    signature = RequestValidator(TOKEN).compute_signature("http://127.0.0.1:8000/sms", request)
    reply = client.post("/sms", data=request, headers={"X-Twilio-Signature": signature}).text
    assert "Desodorante" in reply, "the menu, and no promise of a language that is not stored"
    assert "Desde ahora" not in reply
    ready = client.get("/readyz")
    assert ready.status_code == 200
    assert ready.json is not None
    assert (ready.json["ledger"], ready.json["queue"], ready.json["voice"]) == (False, False, True)


def test_without_any_release_the_line_is_not_ready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAR_DIR", str(tmp_path))
    monkeypatch.setenv("PROMPTS_DIR", str(tmp_path / "nothing"))
    assert create_app(load()).test_client().get("/readyz").status_code == 503


def test_the_signature_covers_the_query(client: FlaskClient) -> None:
    path = "/voice?a=1&b=%20x"
    signature = RequestValidator(TOKEN).compute_signature(PUBLIC + path, CALL)
    response = client.post(path, data=CALL, headers={"X-Twilio-Signature": signature})
    assert response.status_code == 200


def test_a_form_with_too_many_fields_is_rejected_without_an_error(client: FlaskClient) -> None:
    body = urlencode([(f"a{n}", "1") for n in range(600)])
    response = client.post("/sms", data=body, content_type="application/x-www-form-urlencoded")
    assert response.status_code in (400, 403)


def _signed(path: str, fields: dict[str, str], token: str = TOKEN) -> dict[str, Any]:
    signature = RequestValidator(token).compute_signature(PUBLIC + path, fields)
    return {"path": path, "method": "POST", "data": fields, "headers": {"X-Twilio-Signature": signature}}


def _stub_fast_path(app: Flask) -> Client:
    """The app behind a fast path whose handlers return their arguments."""

    def answer(services: Services, webhook: Webhook, *path: str) -> bytes:
        return (
            f"{services is app.extensions['infoline']} {webhook.fields.get('Digits')} {webhook.query} {path}".encode()
        )

    return Client(FastPath(app.wsgi_app, app.extensions["infoline"], answer, answer, answer))


def test_the_fast_path_answers_signed_turns(app: Flask) -> None:
    fast_path, fields = _stub_fast_path(app), {**CALL, "Digits": "5"}
    first, later = (fast_path.open(**_signed(path, fields)) for path in ("/voice", "/voice/ab12/en.menu?held=x"))
    assert (first.status_code, first.text) == (200, "True 5  ()")
    assert (later.status_code, later.text) == (200, "True 5 held=x ('ab12', 'en.menu')")
    assert later.content_type == "text/xml; charset=utf-8"


OTHER_REQUESTS: list[tuple[str, dict[str, Any], int]] = [
    ("forged", _signed("/voice", CALL, "stolen"), 403),
    ("unsigned", {"path": "/voice/abc/def", "method": "POST", "data": CALL}, 403),
    ("too large", _signed("/voice", {**CALL, "Digits": "1" * 66_000}), 413),
    ("too many fields", _signed("/voice", {f"a{n}": "1" for n in range(600)}), 400),
    ("another method", {"path": "/voice", "method": "GET"}, 405),
    ("HEAD", {"path": "/voice/abc/def", "method": "HEAD"}, 405),
    ("another method for texts", {"path": "/sms", "method": "GET"}, 405),
    ("a release without a state", _signed("/voice/abc", CALL), 404),
    ("a longer path", _signed("/voice/abc/def/ghi", CALL), 404),
    ("a path below /sms", _signed("/sms/abc", TEXT), 404),
    ("no path", {"path": "", "method": "GET"}, 404),
    ("health", {"path": "/healthz", "method": "GET"}, 200),
]


@pytest.mark.parametrize(
    ("request_", "status"), [case[1:] for case in OTHER_REQUESTS], ids=[case[0] for case in OTHER_REQUESTS]
)
def test_any_other_request_gets_its_http_status(app: Flask, request_: dict[str, Any], status: int) -> None:
    assert Client(app.wsgi_app).open(**request_).status_code == status
    assert _stub_fast_path(app).open(**request_).status_code == status


def test_a_rejected_method_is_answered_with_the_allowed_one(client: FlaskClient) -> None:
    assert client.get("/voice").headers["Allow"] == "POST"


def test_without_any_release_webhooks_get_503(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAR_DIR", str(tmp_path))
    monkeypatch.setenv("PROMPTS_DIR", str(tmp_path / "nothing"))
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", TOKEN)
    client = create_app(load()).test_client()
    for path, fields in (("/voice", CALL), ("/voice/abc/def", CALL), ("/sms", TEXT)):
        signature = RequestValidator(TOKEN).compute_signature("http://127.0.0.1:8000" + path, fields)
        assert client.post(path, data=fields, headers={"X-Twilio-Signature": signature}).status_code == 503
