"""Replacing PHONE_KEY in two restarts, as docs/keys.md describes it, while calls go on."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from flask import Flask

from ivr.cli import main
from ivr.doctor import stores
from ivr.doctor.result import Level, Line
from ivr.ledger import Vault, open_ledger
from ivr.ledger.keys import refuse_wrong_keys
from ivr.ledger.tables import person
from ivr.settings import load
from tests.support.clinic import Clinic, at, row
from tests.web.test_voice import OTHER, SUNDAY, Phone, callbacks, make_app, set_time

OLD, NEW = b"o" * 32, b"n" * 32
PHONE = "+16035550101"
Start = Callable[..., Flask]


def encoded(*keys: bytes) -> str:
    return ",".join(base64.urlsafe_b64encode(key).decode() for key in keys)


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ledger_url: str) -> Start:
    """Starts a web process with these keys."""
    monkeypatch.setattr("ivr.web.call_tasks.SECONDS", 20.0)
    set_time(monkeypatch, SUNDAY)

    def start_with(*keys: bytes, hash_key: str = "") -> Flask:
        more = {"PHONE_KEY": encoded(*keys), "PHONE_HASH_KEY": hash_key, "DATABASE_URL": ledger_url}
        app = make_app(tmp_path, monkeypatch, **more)
        # A command would exit with status 2.
        refuse_wrong_keys(ledger_url, app.extensions["infoline"].vault)
        return app

    return start_with


def infoline(*arguments: str) -> str:
    result = CliRunner().invoke(main, list(arguments))
    assert result.exit_code == 0, result.output
    return " ".join(result.stdout.split())


def number_read_back(phone: Phone, before: Flask, after: Flask) -> str:
    """Key in a number while `before` answers, and confirm it while `after` does."""
    phone.client = before.test_client()
    phone.presses("0", "1", "2", "6035550144")
    assert "603-555-0144" in phone.said
    phone.client = after.test_client()
    phone.presses("1", "3")
    return phone.said


STEPS = [
    ("the first restart", ((OLD,), False), ((OLD, NEW), True)),
    ("the second restart", ((OLD, NEW), True), ((NEW, OLD), True)),
    ("the last restart", ((NEW, OLD), True), ((NEW,), True)),
]


@pytest.mark.parametrize(("before", "after"), [step[1:] for step in STEPS], ids=[step[0] for step in STEPS])
@pytest.mark.parametrize("turns", ["to a restarted process", "to one that is not restarted yet"])
def test_a_call_in_progress_goes_on_while_processes_are_restarted(start: Start, before, after, turns: str) -> None:
    hash_key = Vault([OLD]).hash_key_text
    running = [start(*keys, hash_key=hash_key if is_set else "") for keys, is_set in (before, after)]
    if turns == "to one that is not restarted yet":
        running.reverse()
    said = number_read_back(Phone(running[0]), *running)
    assert "I wrote that down for our staff" in said
    assert [callbacks(app) for app in running] == [[(OTHER, "en", "central-scheduling", "any")]] * 2


def test_with_one_restart_the_caller_would_be_asked_again(start: Start) -> None:
    """The reason for two of them."""
    before, after = start(OLD), start(NEW, OLD)
    phone = Phone(after)
    phone.presses("0", "1", "2", "6035550144")
    phone.client = before.test_client()
    assert "Please enter the number" in phone.presses("1").said


def test_the_commands_and_the_doctor_accept_each_step_and_name_the_key_that_may_go(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content, ledger_url: str
) -> None:
    old_id, new_id = (Vault([key]).newest_key_id for key in (OLD, NEW))
    start(OLD)
    ledger = open_ledger(ledger_url)
    clinic = Clinic(ledger, Vault([OLD]), content, tmp_path)
    clinic.import_rows(row(1, at(20), first_name="Ann"))
    assert len(clinic.all(person)) == 1
    hash_key = infoline("keys", "hash-key")

    start(OLD, NEW, hash_key=hash_key)
    monkeypatch.setenv("PHONE_HASH_KEY", hash_key)
    assert stores.check_keys(Line(load(), "")).level is Level.OK
    # The new key is listed, encrypts nothing yet, and is not among those that may go.
    assert new_id not in infoline("keys", "rotate")
    assert "unless it is the next one" in infoline("keys", "rotate", "--status")

    start(NEW, OLD, hash_key=hash_key)
    assert f"Older keys (key id {old_id}) may then be removed" in infoline("keys", "rotate")
    start(NEW, hash_key=hash_key)
    assert "603-555-0101" in infoline("reminders", "person", PHONE)
