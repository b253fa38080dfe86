"""Receipts at the web's door: taken in, and kept on disk while the ledger is away."""

from __future__ import annotations

from dataclasses import replace

import pytest
from twilio.request_validator import RequestValidator

from ivr import create_app
from ivr.ledger import open_ledger
from ivr.people.spool import Kept
from ivr.settings import load
from ivr.web.receipts import enter_kept
from tests.support.clinic import NOW, at, row, small_house
from tests.support.network import TOKEN, wait_for
from tests.support.processes import environment

PUBLIC = "https://line.example.org"


@pytest.fixture
def app(content, tmp_path, monkeypatch):
    with small_house(content, tmp_path) as house:
        for name, value in environment(tmp_path).items():
            monkeypatch.setenv(name, value)
        app = create_app(load().model_copy(update={"public_url": PUBLIC}))
        app.house = house
        yield app


def tell(app, attempt, **fields):
    path = f"/receipts/text/{attempt}"
    signature = RequestValidator(TOKEN).compute_signature(PUBLIC + path, fields)
    return app.test_client().post(path, data=fields, headers={"X-Twilio-Signature": signature}).status_code


def sent(house):
    house.take(row(10, at(2, -1)))
    return house.send(NOW)[0].attempt


def state(house):
    return next(one.state for one in house.texts() if one.step == "2d")


def test_a_receipt_is_taken_in_and_one_of_nobody_is_not_found(app):
    attempt = sent(app.house)
    assert tell(app, attempt, MessageStatus="delivered", MessageSid="SM" + "a" * 32) == 204
    assert tell(app, "0" * 32, MessageStatus="delivered") == 404
    assert tell(app, "not-an-attempt", MessageStatus="delivered") == 404
    assert state(app.house) == "delivered"


def test_while_the_ledger_is_away_receipts_wait_on_disk_and_are_entered_in_their_order(app, monkeypatch, tmp_path):
    house, here = app.house, app.extensions["infoline"]
    attempt = sent(house)
    away = replace(here, ledger=open_ledger("sqlite:////dev/null/away.db"))
    monkeypatch.setitem(app.extensions, "infoline", away)
    # One of an attempt that nobody knows must not hold the others up.
    for told in (
        {"attempt": "0" * 32},
        {"MessageStatus": "undelivered", "ErrorCode": "30005"},
        {"MessageStatus": "sent"},
    ):
        assert tell(app, told.pop("attempt", attempt), **told) == 204
    assert state(house) == "handed_over"
    # The web process looks after them too, once a second.
    Kept(tmp_path / "var", house.ledger, here.vault, enter_kept).enter()
    wait_for(lambda: state(house) == "undelivered")
