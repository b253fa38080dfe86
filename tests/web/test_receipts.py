"""Receipts at the web's door: taken in, and kept on disk while the ledger is away."""

from __future__ import annotations

from dataclasses import replace

import pytest
from twilio.request_validator import RequestValidator

from ivr import create_app
from ivr.ledger import open_ledger
from ivr.people.spool import open_spool
from ivr.settings import load
from ivr.web.receipts import replay_receipt
from tests.support.clinic import NOW, at, open_clinic, row
from tests.support.network import TOKEN, wait_for
from tests.support.processes import environment

PUBLIC = "https://line.example.org"


@pytest.fixture
def app(content, tmp_path, monkeypatch):
    with open_clinic(content, tmp_path) as clinic:
        for name, value in environment(tmp_path).items():
            monkeypatch.setenv(name, value)
        app = create_app(load().model_copy(update={"public_url": PUBLIC}))
        app.clinic = clinic
        yield app


def tell(app, attempt, **fields):
    path = f"/receipts/text/{attempt}"
    signature = RequestValidator(TOKEN).compute_signature(PUBLIC + path, fields)
    return app.test_client().post(path, data=fields, headers={"X-Twilio-Signature": signature}).status_code


def sent(clinic):
    clinic.take(row(10, at(2, -1)))
    return clinic.send(NOW)[0].attempt


def state(clinic):
    return next(one.state for one in clinic.texts() if one.step == "2d")


def test_a_receipt_is_taken_in_and_one_of_nobody_is_not_found(app):
    attempt = sent(app.clinic)
    assert tell(app, attempt, MessageStatus="delivered", MessageSid="SM" + "a" * 32) == 204
    assert tell(app, "0" * 32, MessageStatus="delivered") == 404
    assert tell(app, "not-an-attempt", MessageStatus="delivered") == 404
    assert state(app.clinic) == "delivered"


def test_while_the_ledger_is_away_receipts_wait_on_disk_and_are_entered_in_their_order(app, monkeypatch, tmp_path):
    clinic, here = app.clinic, app.extensions["infoline"]
    attempt = sent(clinic)
    away = replace(here, ledger=open_ledger("sqlite:////dev/null/away.db"))
    monkeypatch.setitem(app.extensions, "infoline", away)
    # One of an attempt that nobody knows must not hold the others up.
    for told in (
        {"attempt": "0" * 32},
        {"MessageStatus": "undelivered", "ErrorCode": "30005"},
        {"MessageStatus": "sent"},
    ):
        assert tell(app, told.pop("attempt", attempt), **told) == 204
    assert state(clinic) == "handed_over"
    # The web process looks after them too, once a second.
    open_spool(tmp_path / "var", clinic.ledger, here.vault, replay_receipt).replay()
    wait_for(lambda: state(clinic) == "undelivered")
