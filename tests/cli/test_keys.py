"""`infoline keys`, and every process refuses to start with keys that do not fit the database."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import make_url
from twilio.request_validator import RequestValidator

from ivr import create_app
from ivr.cli import main
from ivr.ledger import Vault, open_ledger
from ivr.ledger.tables import person
from ivr.settings import load
from tests.support.clinic import Clinic, at, row, write_empty_ledger
from tests.support.network import wait_for
from tests.support.paths import ROOT
from tests.support.processes import free_port
from worker import __main__ as worker

OLD, NEW = (hashlib.sha256(name).digest() for name in (b"old", b"new"))
PHONE, PHONE_2 = "+16035550101", "+16035550102"


def encoded(*keys):
    return ",".join(base64.urlsafe_b64encode(key).decode() for key in keys)


@pytest.fixture
def clinic(content, tmp_path, monkeypatch):
    """A clinic whose data is encrypted with the old key, in the database of the commands."""
    monkeypatch.setenv("VAR_DIR", str(tmp_path / "var"))
    monkeypatch.setenv("PHONE_KEY", encoded(OLD))
    monkeypatch.delenv("PHONE_HASH_KEY", raising=False)
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1")
    database = load().database_url
    write_empty_ledger(Path(str(make_url(database).database)))
    clinic = Clinic(open_ledger(database), Vault([OLD]), content, tmp_path)
    clinic.import_rows(row(1, at(20), first_name="Ann"))
    assert run("reminders", "stop", PHONE, "--because", "called us").exit_code == 0
    return clinic


def run(*arguments):
    return CliRunner().invoke(main, list(arguments))


COMMANDS = {
    "web": ("web", "--port", "0"),
    "release": ("release",),
    "db upgrade": ("db", "upgrade"),
    "run": ("run",),
    "callbacks": ("callbacks",),
    "todos": ("todos",),
    "reminders person": ("reminders", "person", PHONE),
    "reminders stop": ("reminders", "stop", PHONE, "--because", "called us"),
    "reminders import": ("reminders", "import", "appointments.csv"),
    "keys hash-key": ("keys", "hash-key"),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_exits_with_one_sentence_if_the_keys_are_in_the_wrong_order(clinic, name, monkeypatch):
    monkeypatch.setenv("PHONE_KEY", encoded(OLD, NEW))
    monkeypatch.setenv("SIMULATOR_URL", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("PORT", str(free_port()))
    result = run(*(argument if argument != "0" else str(free_port()) for argument in COMMANDS[name]))
    check_refusal(result.exit_code, result.stdout, result.stderr)


def test_a_worker_exits_with_one_sentence_if_the_keys_are_in_the_wrong_order(clinic, monkeypatch, capsys):
    monkeypatch.setenv("PHONE_KEY", encoded(OLD, NEW))
    check_refusal(worker.main([]), *capsys.readouterr())


def test_a_process_exits_with_one_sentence_if_the_keys_are_in_the_wrong_order(clinic):
    """The clock, because its command becomes another program."""
    environment = {**os.environ, "PHONE_KEY": encoded(OLD, NEW)}
    command = [sys.executable, "-m", "ivr.cli", "clock"]
    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)
    check_refusal(result.returncode, result.stdout, result.stderr)


def check_refusal(status, output, errors):
    assert (status, output) == (2, "")
    (sentence,) = [line for line in errors.splitlines() if not line.startswith("Database:")]
    assert "PHONE_KEY" in sentence
    assert "former order" in sentence


def post(app, path, **fields):
    token = app.extensions["infoline"].settings.twilio_auth_token
    fields = {"From": PHONE_2, "To": "+16035550100", **fields}
    signature = RequestValidator(token).compute_signature("http://127.0.0.1:8000" + path, fields)
    return app.test_client().post(path, data=fields, headers={"X-Twilio-Signature": signature})


def test_a_web_process_whose_database_turns_out_to_need_other_keys_answers_calls_and_spools_opt_outs(
    clinic, monkeypatch, tmp_path
):
    """As when the database was down at the start, so that the process could not refuse."""
    monkeypatch.setenv("PHONE_KEY", encoded(OLD, NEW))
    app = create_app()
    ready = app.test_client().get("/readyz")
    assert (ready.status_code, ready.json["voice"], ready.json["ledger"]) == (200, True, False)
    call = post(app, "/voice", CallSid="CA" + "1" * 32, CallStatus="ringing")
    assert (call.status_code, "<Say" in call.text) == (200, True)
    assert post(app, "/sms", MessageSid="SM" + "1" * 32, Body="STOP", NumMedia="0").status_code == 200
    spooled = [path for path in (tmp_path / "var" / "kept").iterdir() if not path.name.startswith(".")]
    assert len(spooled) == 1
    assert len(clinic.all(person)) == 1
    right = create_app(load().model_copy(update={"phone_key": encoded(OLD)}))
    assert wait_for(lambda: len(clinic.all(person)) == 2, 30)
    assert right.test_client().get("/readyz").json["ledger"]


def test_the_hash_key_lets_the_oldest_key_go_after_a_rotation(clinic, monkeypatch):
    monkeypatch.setenv("PHONE_KEY", encoded(NEW, OLD))
    rotated = run("keys", "rotate")
    assert rotated.exit_code == 0, rotated.output
    assert "3 values and 0 spooled writes" in rotated.stdout
    assert "infoline keys hash-key" in " ".join(rotated.stdout.split())
    printed = run("keys", "hash-key")
    assert (printed.exit_code, printed.stderr) == (0, "")
    monkeypatch.setenv("PHONE_KEY", encoded(NEW))
    assert run("reminders", "person", PHONE).exit_code == 2
    monkeypatch.setenv("PHONE_HASH_KEY", printed.stdout.strip())
    person = run("reminders", "person", PHONE)
    assert (person.exit_code, "opted out since" in person.stdout) == (0, True)
    again = run("keys", "rotate")
    assert (again.exit_code, "0 values" in again.stdout, "hash-key" in again.stdout) == (0, True, False)


def test_a_rotation_reports_values_that_need_a_missing_key(clinic, monkeypatch):
    hash_key = run("keys", "hash-key").stdout.strip()
    monkeypatch.setenv("PHONE_HASH_KEY", hash_key)
    monkeypatch.setenv("PHONE_KEY", encoded(NEW))
    refused = run("keys", "rotate")
    assert (refused.exit_code, "key id" in refused.stderr) == (2, True)
    without = run("keys", "rotate", "--forget-lost")
    assert without.exit_code == 1
    assert "values need a key that PHONE_KEY lacks" in " ".join(without.stdout.split())
    assert run("reminders", "status").exit_code == 0


def test_the_status_counts_the_values_of_each_key_and_says_which_may_be_removed(clinic, monkeypatch):
    monkeypatch.setenv("PHONE_KEY", encoded(NEW, OLD))
    before = run("keys", "rotate", "--status")
    assert before.exit_code == 1
    assert "still needed" in before.output
    assert "the newest" in before.output
    rotated = run("keys", "rotate")
    assert rotated.exit_code == 0
    old_id = Vault([OLD]).newest_key_id
    assert old_id in rotated.output
    after = run("keys", "rotate", "--status")
    assert after.exit_code == 0
    assert "unused: it may be removed from PHONE_KEY, unless it is the next one" in " ".join(after.output.split())
    keys = json.loads(run("keys", "rotate", "--status", "--json").stdout)
    assert {key["key"]: key["values"] > 0 for key in keys["keys"]} == {Vault([NEW]).newest_key_id: True, old_id: False}
    assert keys["older_keys_needed"] is False


def test_json_without_status_is_wrong_use(clinic):
    assert run("keys", "rotate", "--json").exit_code == 2
