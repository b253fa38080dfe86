"""Status callbacks of texts: applied at once, or spooled while the database is down."""

from __future__ import annotations

from dataclasses import replace

import pytest
import structlog
from twilio.request_validator import RequestValidator

from ivr import create_app, log
from ivr.ledger import open_ledger
from ivr.people.spool import open_spool
from ivr.settings import load
from ivr.web.webhooks.receipts import replay_receipt
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


def post_receipt(app, attempt, **fields):
    path = f"/receipts/text/{attempt}"
    signature = RequestValidator(TOKEN).compute_signature(PUBLIC + path, fields)
    return app.test_client().post(path, data=fields, headers={"X-Twilio-Signature": signature}).status_code


def send_reminder(clinic):
    clinic.import_rows(row(10, at(2, -1)))
    return clinic.send(NOW)[0].attempt


def reminder_state(clinic):
    return next(text.state for text in clinic.texts() if text.step == "2d")


def test_a_receipt_is_applied_and_one_for_an_unknown_attempt_is_404(app):
    attempt = send_reminder(app.clinic)
    assert post_receipt(app, attempt, MessageStatus="delivered", MessageSid="SM" + "a" * 32) == 204
    assert post_receipt(app, "0" * 32, MessageStatus="delivered") == 404
    assert post_receipt(app, "not-an-attempt", MessageStatus="delivered") == 404
    assert reminder_state(app.clinic) == "delivered"


def test_while_the_database_is_down_receipts_are_spooled_and_replayed_in_order(app, monkeypatch, tmp_path):
    clinic, services = app.clinic, app.extensions["infoline"]
    attempt = send_reminder(clinic)
    without_database = replace(services, ledger=open_ledger("sqlite:////dev/null/none.db"))
    monkeypatch.setitem(app.extensions, "infoline", without_database)
    # A receipt for an unknown attempt must not block the others.
    for fields in (
        {"attempt": "0" * 32},
        {"MessageStatus": "undelivered", "ErrorCode": "30005"},
        {"MessageStatus": "sent"},
    ):
        assert post_receipt(app, fields.pop("attempt", attempt), **fields) == 204
    assert reminder_state(clinic) == "handed_over"
    # The web process replays them too, once a second.
    open_spool(tmp_path / "var", clinic.ledger, services.vault, replay_receipt).replay()
    wait_for(lambda: reminder_state(clinic) == "undelivered")


def test_an_unexpected_error_is_logged_without_the_path(app, monkeypatch, capsys):
    def fail(*_arguments):
        raise RuntimeError("unexpected")

    monkeypatch.setattr("ivr.web.webhooks.receipts.apply_receipt", fail)
    log.configure()
    attempt = "0123456789abcdef" * 2
    assert post_receipt(app, attempt, MessageStatus="delivered") == 500
    structlog.reset_defaults()
    lines = capsys.readouterr().err
    assert '"event": "request_failed"' in lines
    assert attempt not in lines
