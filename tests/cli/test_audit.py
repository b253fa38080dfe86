"""Commands that show personal data record it first, and `infoline audit` lists it."""

from __future__ import annotations

import json
import os
import pwd

import pytest
from click.testing import CliRunner
from sqlalchemy import text

from ivr.cli import main
from ivr.people.callbacks import CallbackRequest, save_callback
from ivr.people.inbound.unanswered import UnansweredLog, UnansweredQuestion
from ivr.people.work_items import add_work_item
from tests.support.clinic import NOW, at, row

PHONE = "+16035550101"
ME = pwd.getpwuid(os.getuid()).pw_name


@pytest.fixture
def clinic(clinic_for_commands, monkeypatch):
    """A clinic with an appointment, a call-back request, a work item and an unanswered question."""
    monkeypatch.delenv("SUDO_USER", raising=False)
    clinic = clinic_for_commands
    clinic.import_rows(row(1, at(20), first_name="Zoë"))
    with clinic.ledger.write() as connection:
        save_callback(connection, clinic.vault, CallbackRequest(PHONE, "en", "people", None, "any", "CA1"), NOW)
        add_work_item(connection, "wrong-number", 1, None, NOW)
    log = UnansweredLog(clinic.ledger, clinic.vault)
    log.add(UnansweredQuestion(NOW, "text", "en", "purple monkey dishwasher"))
    log.flush()
    return clinic


def run(*arguments):
    return CliRunner().invoke(main, list(arguments))


def entries():
    return json.loads(run("audit", "--json").stdout)["entries"]


READS = [
    (("callbacks",), "603-555-0101", "callbacks_read", {"callbacks": [1]}),
    (("callbacks", "--json"), PHONE, "callbacks_read", {"callbacks": [1]}),
    (("todos",), "603-555-0101", "todos_read", {"todos": [1]}),
    (("unanswered",), "purple monkey", "questions_read", {"days": 30, "questions": 1}),
    (("reminders", "person", PHONE), "A1", "person_read", {"person": 1}),
    (("reminders", "person", "603-555-0199"), "Nothing is known", "person_read", {"person": None}),
    (("reminders", "export", "1", "-o", "-", "--numbers"), "603-555-0101", "numbers_exported", {"batch": 1}),
    (("reminders", "stop", PHONE, "--because", "called us"), "no more texts", "opted_out", {"person": 1}),
    (("reminders", "start", PHONE, "--because", "called us"), "still planned", "opted_in", {"person": 1}),
    (("keys", "hash-key"), "", "hash_key_read", {}),
]


@pytest.mark.parametrize(("command", "shown", "kind", "details"), READS, ids=[" ".join(case[0]) for case in READS])
def test_a_command_that_shows_personal_data_is_recorded(clinic, command, shown, kind, details):
    result = run(*command)
    assert (result.exit_code, shown in result.stdout) == (0, True), result.output
    (entry,) = entries()
    assert (entry["actor"], entry["uid"], entry["sudo_user"]) == (ME, os.getuid(), None)
    assert (entry["kind"], entry["details"]) == (kind, details)


@pytest.mark.parametrize("command", [case[0] for case in READS[:7]], ids=lambda command: " ".join(command))
def test_nothing_is_shown_if_it_cannot_be_recorded(clinic, command):
    with clinic.ledger.write() as connection:
        connection.execute(text("DROP TABLE audit_entry"))
    result = run(*command)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) == 1


def test_an_export_without_numbers_is_not_recorded(clinic, tmp_path):
    assert run("reminders", "export", "1", "-o", str(tmp_path / "texts.csv")).exit_code == 0
    assert entries() == []
    assert run("audit").output == "No entries in the last 30 days.\n"


def test_the_environment_cannot_change_who_acts(clinic, monkeypatch):
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "somebody-else")
    run("callbacks")
    assert [entry["actor"] for entry in entries()] == [ME]


def test_who_called_sudo_is_recorded_beside_the_user(clinic, monkeypatch):
    monkeypatch.setenv("SUDO_USER", "ann")
    run("callbacks")
    assert [(entry["actor"], entry["sudo_user"]) for entry in entries()] == [(ME, "ann")]
    listed = run("audit")
    assert f"{ME} (sudo: ann)" in listed.stdout
    assert "callbacks read" in listed.stdout
    assert all(len(line) <= 80 for line in listed.stdout.splitlines())


def test_a_sudo_user_that_is_not_text_does_not_stop_a_command(clinic, monkeypatch):
    monkeypatch.setenv("SUDO_USER", "a\udcffn")
    assert run("callbacks").exit_code == 0
    assert [entry["sudo_user"] for entry in entries()] == ["a?n"]


def test_the_audit_log_contains_no_number_and_no_name(clinic):
    for command, *_ in READS:
        run(*command)
    listed = run("audit", "--json").stdout
    assert len(json.loads(listed)["entries"]) == len(READS)
    assert "555" not in listed
    assert "Zo" not in listed
