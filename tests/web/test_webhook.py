"""The doors of the web process: who is let in, what is too large, and what works when things are away."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from twilio.request_validator import RequestValidator
from werkzeug.test import Client, EnvironBuilder

from ivr import create_app
from ivr.cli.web import WEB_THREADS
from ivr.ledger import open_ledger
from ivr.ledger.tables import opt_out_event, person
from ivr.settings import load
from ivr.web.services import Services
from ivr.web.webhook import PLACES, FastPath, Webhook
from tests.support.network import wait_for

TOKEN, OTHER_TOKEN = "first-token", "second-token"
PUBLIC = "https://line.example.org"
SID = "AC" + "1" * 32
KEY = "a" * 43
Post = Callable[..., tuple[int, str]]
CALL = {"CallSid": "CA" + "2" * 32, "From": "+16035550123", "To": "+16035550100", "CallStatus": "ringing"}
TEXT = {"MessageSid": "SM" + "3" * 32, "From": "+16035550123", "To": "+16035550100", "Body": "1", "NumMedia": "0"}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    """The web process of a public line, behind a proxy, with no queue, during a token rotation."""
    tmp_path = tmp_path_factory.mktemp("public")
    environment = {
        "VAR_DIR": str(tmp_path),
        "DATABASE_URL": f"sqlite:///{tmp_path}/infoline.db",
        "PUBLIC_URL": PUBLIC,
        "SECRET_KEY": "secret",
        "PHONE_KEY": KEY,
        "TWILIO_ACCOUNT_SID": SID,
        "TWILIO_AUTH_TOKEN": TOKEN,
        "TWILIO_AUTH_TOKEN_SECONDARY": OTHER_TOKEN,
        "TWILIO_FROM": "+16035550100",
    }
    open_ledger(environment["DATABASE_URL"]).upgrade()
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
    """Post a form as the carrier would: signed over the public address."""

    def posted(path: str, fields: dict[str, str], token: str = TOKEN, base: str = PUBLIC) -> tuple[int, str]:
        signature = RequestValidator(token).compute_signature(base + path, fields)
        answer = client.post(path, data=fields, headers={"X-Twilio-Signature": signature})
        return answer.status_code, answer.text

    return posted


def _rows(app: Flask) -> int:
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
def test_both_tokens_count_during_a_rotation(post: Post, token: str) -> None:
    assert post("/voice", CALL, token)[0] == 200


FORGED = [
    ("another token", {"token": "stolen"}),
    ("the address that the app sees, not the public one", {"base": "http://localhost"}),
    ("another path", {"base": f"{PUBLIC}/elsewhere"}),
]


@pytest.mark.parametrize(("label", "how"), FORGED, ids=[label for label, _ in FORGED])
@pytest.mark.parametrize(("path", "fields"), [("/voice", CALL), ("/sms", {**TEXT, "Body": "STOP"})])
def test_a_forged_webhook_is_403_and_writes_nothing(
    app: Flask, post: Post, label: str, how: dict[str, str], path: str, fields: dict[str, str]
) -> None:
    before = _rows(app)
    assert post(path, fields, **how)[0] == 403
    assert _rows(app) == before


@pytest.mark.parametrize("path", ["/voice", "/sms", "/receipts/text/" + "0" * 32, "/voice/abc/def"])
def test_an_unsigned_webhook_is_403(client: FlaskClient, path: str) -> None:
    assert client.post(path, data=CALL).status_code == 403


def test_a_changed_field_breaks_the_signature(client: FlaskClient) -> None:
    signature = RequestValidator(TOKEN).compute_signature(PUBLIC + "/sms", TEXT)
    answer = client.post("/sms", data={**TEXT, "Body": "STOP"}, headers={"X-Twilio-Signature": signature})
    assert answer.status_code == 403


@pytest.mark.parametrize("path", ["/voice", "/sms", "/receipts/text/" + "0" * 32])
def test_a_body_over_64_kb_is_413(post: Post, path: str) -> None:
    assert post(path, {**TEXT, "Body": "a" * 66_000})[0] == 413


@pytest.mark.parametrize("path", ["/voice", "/sms", "/receipts/text/" + "0" * 32, "/voice/abc/def"])
@pytest.mark.parametrize("method", ["get", "put", "delete"])
def test_another_method_is_405(client: FlaskClient, path: str, method: str) -> None:
    assert getattr(client, method)(path).status_code == 405


@pytest.mark.parametrize("state", ["en.menu-nowhere", "..", "en.piece-cancer-99", "x" * 300])
def test_an_unknown_state_or_release_is_the_welcome_again(app: Flask, post: Post, state: str) -> None:
    live = app.extensions["infoline"].shelf.live.digest
    welcome = post("/voice", CALL)[1]
    assert post(f"/voice/{live}/{state}", CALL)[1] == welcome
    assert post("/voice/000000000000/en.menu-welcome", CALL)[1] == welcome


@pytest.mark.parametrize("digits", ["", "77", "A", "*#*#", "9" * 200, "\x00", "é"])
def test_garbage_digits_get_a_document(app: Flask, post: Post, digits: str) -> None:
    live = app.extensions["infoline"].shelf.live.digest
    status, document = post(f"/voice/{live}/en.menu-welcome", {**CALL, "Digits": digits})
    assert status == 200
    assert document.startswith("<?xml")


@pytest.mark.parametrize("status", ["", "answered", "nonsense"])
def test_an_unknown_outcome_of_a_transfer_gets_a_document(app: Flask, post: Post, status: str) -> None:
    live = app.extensions["infoline"].shelf.live.digest
    path = f"/voice/{live}/en.transfer-central-scheduling-0"
    assert post(path, {**CALL, "DialCallStatus": status})[0] == 200


def test_fields_that_are_missing_do_no_harm(post: Post) -> None:
    assert post("/voice", {})[0] == 200
    assert post("/sms", {})[1].endswith("<Response />")


def test_a_stop_is_written_once_however_often_it_is_posted(app: Flask, post: Post) -> None:
    before = _rows(app)
    for _ in range(3):
        status, document = post("/sms", {**TEXT, "Body": "STOP"})
        assert (status, document.endswith("<Response />")) == (200, True)
    assert _rows(app) == before + 2


def test_a_receipt_for_an_attempt_that_is_not_ours_is_404(post: Post) -> None:
    assert post("/receipts/text/" + "0" * 32, {"MessageStatus": "delivered"})[0] == 404


def test_the_line_is_ready_without_a_queue_and_says_so(client: FlaskClient) -> None:
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json is not None
    assert set(answer.json) == {"voice", "texts", "ledger", "queue", "release"}
    assert (answer.json["voice"], answer.json["ledger"], answer.json["queue"]) == (True, True, False)
    assert client.get("/healthz").status_code == 200


def test_the_line_answers_with_ledger_and_queue_both_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAR_DIR", str(tmp_path))
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:9/nothing")
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:9/0")
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", TOKEN)
    client = create_app(load()).test_client()
    for path, fields in (("/voice", CALL), ("/sms", TEXT)):
        signature = RequestValidator(TOKEN).compute_signature("http://127.0.0.1:8000" + path, fields)
        assert client.post(path, data=fields, headers={"X-Twilio-Signature": signature}).status_code == 200
    wish = {**TEXT, "Body": "español", "MessageSid": "SM" + "4" * 32}
    signature = RequestValidator(TOKEN).compute_signature("http://127.0.0.1:8000/sms", wish)
    told = client.post("/sms", data=wish, headers={"X-Twilio-Signature": signature}).text
    assert "Desodorante" in told, "the menu, and no promise of a language that was not kept"
    assert "Desde ahora" not in told
    ready = client.get("/readyz")
    assert ready.status_code == 200
    assert ready.json is not None
    assert (ready.json["ledger"], ready.json["queue"], ready.json["voice"]) == (False, False, True)


def test_without_any_release_the_line_is_not_ready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAR_DIR", str(tmp_path))
    monkeypatch.setenv("PROMPTS_DIR", str(tmp_path / "nothing"))
    assert create_app(load()).test_client().get("/readyz").status_code == 503


def test_a_query_is_part_of_what_is_signed(client: FlaskClient) -> None:
    path = "/voice?a=1&b=%20x"
    signature = RequestValidator(TOKEN).compute_signature(PUBLIC + path, CALL)
    answer = client.post(path, data=CALL, headers={"X-Twilio-Signature": signature})
    assert answer.status_code == 200


def test_an_unreadable_body_is_refused_and_not_an_error(client: FlaskClient) -> None:
    many = urlencode([(f"a{n}", "1") for n in range(600)])
    answer = client.post("/sms", data=many, content_type="application/x-www-form-urlencoded")
    assert answer.status_code in (400, 403)


def _signed(path: str, fields: dict[str, str], token: str = TOKEN) -> dict[str, Any]:
    signature = RequestValidator(token).compute_signature(PUBLIC + path, fields)
    return {"path": path, "method": "POST", "data": fields, "headers": {"X-Twilio-Signature": signature}}


def _front(app: Flask) -> Client:
    """The framework with the front before it, which answers turns and texts with what it was asked."""

    def answer(here: Services, asked: Webhook, *at: str) -> bytes:
        return f"{here is app.extensions['infoline']} {asked.fields.get('Digits')} {asked.query} {at}".encode()

    return Client(FastPath(app.wsgi_app, app.extensions["infoline"], answer, answer))


def test_the_front_answers_signed_turns_itself(app: Flask) -> None:
    front, fields = _front(app), {**CALL, "Digits": "5"}
    first, later = front.open(**_signed("/voice", fields)), front.open(**_signed("/voice/ab12/en.menu?held=x", fields))
    assert (first.status_code, first.text) == (200, "True 5  ()")
    assert (later.status_code, later.text) == (200, "True 5 held=x ('ab12', 'en.menu')")
    assert later.content_type == "text/xml; charset=utf-8"


UNLIKE_A_TURN: list[tuple[str, dict[str, Any]]] = [
    ("forged", _signed("/voice", CALL, "stolen")),
    ("unsigned", {"path": "/voice/abc/def", "method": "POST", "data": CALL}),
    ("too large", _signed("/voice", {**CALL, "Digits": "1" * 66_000})),
    ("too many fields", _signed("/voice", {f"a{n}": "1" for n in range(600)})),
    ("another method", {"path": "/voice", "method": "GET"}),
    ("another address", _signed("/voice/abc", CALL)),
    ("a longer address", _signed("/voice/abc/def/ghi", CALL)),
    ("no address", {"path": "", "method": "GET"}),
    ("a text", _signed("/sms", TEXT)),
    ("health", {"path": "/healthz", "method": "GET"}),
]


@pytest.mark.parametrize(("label", "asked"), UNLIKE_A_TURN, ids=[label for label, _ in UNLIKE_A_TURN])
def test_what_is_no_turn_is_answered_as_without_the_front(app: Flask, label: str, asked: dict[str, Any]) -> None:
    assert _front(app).open(**asked).status_code == Client(app.wsgi_app).open(**asked).status_code


def test_calls_are_answered_while_everything_else_hangs(app: Flask) -> None:
    hangs, inside = threading.Event(), list[Webhook]()

    def call(_here: Services, _asked: Webhook, *_at: str) -> bytes:
        return b"<Response/>"

    def text(_here: Services, asked: Webhook) -> bytes:
        inside.append(asked)
        assert hangs.wait(30)
        return b"<Response/>"

    front = Client(FastPath(app.wsgi_app, app.extensions["infoline"], call, text))
    with ThreadPoolExecutor(PLACES) as texters:
        texts = [texters.submit(front.open, **_signed("/sms", TEXT)) for _ in range(PLACES)]
        wait_for(lambda: len(inside) == PLACES)
        refused = front.open(**_signed("/sms", TEXT))
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
        assert front.open(**_signed("/voice", CALL)).status_code == 200
        assert WEB_THREADS - PLACES >= 8
        assert front.get("/healthz").status_code == 200
        hangs.set()
        assert {text.result().status_code for text in texts} == {200}
    assert front.open(**_signed("/sms", TEXT)).status_code == 200


@pytest.mark.parametrize(("digits", "status"), [("1", 200), ("1" * 66_000, 413)])
def test_a_body_in_chunks_is_read_to_its_end_and_no_further(client: FlaskClient, digits: str, status: int) -> None:
    asked = _signed("/voice", {**CALL, "Digits": digits})
    body = urlencode(asked.pop("data")).encode()
    environ = EnvironBuilder(**asked, input_stream=BytesIO(body), content_type="application/x-www-form-urlencoded")
    told = {**environ.get_environ(), "wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}
    assert client.open(told).status_code == status
