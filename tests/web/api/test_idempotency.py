"""Requests that a client repeats."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from ivr import clock
from ivr.ledger.tables import api_request, batch, opt_out_event
from ivr.reminders.imports.importer import Importer
from ivr.web.api import idempotency
from ivr.web.api.resources import opt_outs
from tests.support.clinic import NOW
from tests.web.api.conftest import Client, booking, problem

HEADERS = {"Idempotency-Key": "3f0c"}
CHANGE = {"phone": "603-555-0101", "state": "out", "reason": "Asked at the desk"}


def test_the_same_request_takes_effect_once_and_gets_the_same_answer(api_on_each_database):
    client = api_on_each_database.client()
    first, second = (client.post("/opt-outs", CHANGE, headers=HEADERS) for _ in range(2))
    assert first.json == {"state": "out", "changed": True}
    assert (second.status_code, second.data, second.content_type) == (first.status_code, first.data, first.content_type)
    assert len(api_on_each_database.clinic.all(opt_out_event)) == 1


def test_an_import_that_is_repeated_names_the_same_batch(client):
    first, second = (client.post("/batches", {"appointments": [booking()]}, headers=HEADERS) for _ in range(2))
    assert first.json["batch"] == second.json["batch"] == 1
    assert second.headers["Location"] == first.headers["Location"]
    assert client.post("/batches", {"appointments": [booking()]}).json["batch"] is None


@pytest.mark.parametrize(
    ("path", "body"), [("/opt-outs", {**CHANGE, "reason": "Other"}), ("/opt-outs/lookup", {"phone": "603-555-0101"})]
)
def test_another_request_with_the_same_key_is_refused(client, path, body):
    client.post("/opt-outs", CHANGE, headers=HEADERS)
    assert problem(client.post(path, body, headers=HEADERS)) == (422, "idempotency_reused")


def test_the_keys_of_two_systems_are_not_the_same(api, client):
    client.post("/opt-outs", CHANGE, headers=HEADERS)
    other = {**CHANGE, "phone": "603-555-0102"}
    assert api.client().post("/opt-outs", other, headers=HEADERS).json["changed"] is True


@pytest.mark.parametrize("name", ["", "x" * 256, "é", "a\tb"])
def test_a_key_that_is_no_key_is_refused(client, name):
    assert problem(client.post("/opt-outs", CHANGE, headers={"Idempotency-Key": name})) == (400, "idempotency_key")


def test_a_problem_is_the_same_again_but_a_failure_on_our_side_is_not(api, client, monkeypatch):
    assert problem(client.post("/opt-outs", {**CHANGE, "phone": "x"}, headers=HEADERS)) == (422, "phone_invalid")
    assert problem(client.post("/opt-outs", {**CHANGE, "phone": "x"}, headers=HEADERS)) == (422, "phone_invalid")
    with monkeypatch.context() as patch:
        patch.setattr("ivr.web.api.resources.opt_outs.config", lambda: 1 / 0)
        assert problem(client.post("/opt-outs", CHANGE, headers={"Idempotency-Key": "2"})) == (500, "failed")
    assert client.post("/opt-outs", CHANGE, headers={"Idempotency-Key": "2"}).json["changed"] is True


# A request, what it calls before it takes effect, and the table of its effect.
WAITING = [
    ("/opt-outs", CHANGE, (opt_outs, "_phone"), opt_out_event),
    ("/batches", {"appointments": [booking()]}, (Importer, "run_rows"), batch),
]


@pytest.mark.parametrize(("path", "body", "place", "table"), WAITING, ids=[case[0] for case in WAITING])
def test_a_repeated_request_waits_for_the_first_one(api_on_each_database, monkeypatch, path, body, place, table):
    api, started, go_on, answers = api_on_each_database, threading.Event(), threading.Event(), {}
    real = getattr(*place)

    def wait_then_go_on(*arguments, **values):
        started.set()
        assert go_on.wait(60)
        return real(*arguments, **values)

    monkeypatch.setattr(*place, wait_then_go_on)
    monkeypatch.setattr(idempotency, "WAIT_SECONDS", 60)
    key = api.key()

    def ask(name):
        answers[name] = Client(api.app.test_client(), key).post(path, body, headers=HEADERS)

    threads = [threading.Thread(target=ask, args=(name,)) for name in ("first", "second")]
    threads[0].start()
    assert started.wait(60)
    threads[1].start()
    threads[1].join(0.5)
    assert "second" not in answers
    go_on.set()
    for thread in threads:
        thread.join(60)
    assert answers["first"].status_code in (200, 201)
    assert answers["first"].data == answers["second"].data
    assert len(api.clinic.all(table)) == 1


def test_answers_are_forgotten_after_a_day_and_kept_encrypted_until_then(api, client, monkeypatch):
    client.post("/opt-outs", CHANGE, headers=HEADERS)
    [row] = api.clinic.all(api_request)
    assert b"changed" not in row.answer_sealed
    monkeypatch.setattr(clock, "now", lambda: NOW + timedelta(days=1, seconds=1))
    assert client.post("/opt-outs", CHANGE, headers=HEADERS).json["changed"] is False
    assert len(api.clinic.all(api_request)) == 1
