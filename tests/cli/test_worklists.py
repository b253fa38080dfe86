"""What waits for the staff, in the terminal."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from ivr import clock
from ivr.cli import main
from ivr.ledger import Ledger, Vault, open_ledger
from ivr.people.callbacks import CallbackRequest, save_callback
from ivr.people.inbound.unanswered import UnansweredLog, UnansweredQuestion
from ivr.people.persons import get_or_create_persons
from ivr.people.work_items import add_work_item
from ivr.settings import load

HER, NOW = "+16035550123", datetime(2026, 12, 1, 15, tzinfo=UTC)


@pytest.fixture
def clinic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Ledger, Vault]:
    monkeypatch.setenv("VAR_DIR", str(tmp_path))
    monkeypatch.setattr(clock, "now", lambda: NOW)
    settings = load()
    ledger = open_ledger(settings.database_url)
    ledger.upgrade()
    return ledger, Vault.of(settings)


def run(*words: str):
    return CliRunner().invoke(main, list(words))


def test_what_schedulers_must_look_at_is_listed_and_taken_off(clinic) -> None:
    ledger, vault = clinic
    assert run("todos").output == "Nothing waits.\n"
    with ledger.write() as connection:
        someone = get_or_create_persons(connection, vault, [HER], NOW)[HER]
        for _ in range(2):
            add_work_item(connection, "wrong-number", someone, None, NOW)
    listed = run("todos")
    assert "603-555-0123" in listed.output
    assert "not the patient" in listed.output
    assert all(len(line) <= 80 for line in listed.output.splitlines())
    assert [one["kind"] for one in json.loads(run("todos", "--json").output)["todos"]] == ["wrong-number"]
    assert run("todos", "done", "1").output == "To-do 1 is done.\n"
    again = run("todos", "done", "1")
    assert again.exit_code == 2
    assert "infoline todos" in again.output


def test_a_call_back_after_a_red_flag_comes_first_and_is_marked(clinic) -> None:
    ledger, vault = clinic
    with ledger.write() as connection:
        for call, topic in (("CA1", "cancer"), ("CA2", "person-soon")):
            wish = CallbackRequest(HER, "en", "breast-health-center", topic, "any", call)
            save_callback(connection, vault, wish, NOW)
    assert [one["topic"] for one in json.loads(run("callbacks", "--json").output)["callbacks"]] == [
        "person-soon",
        "cancer",
    ]
    assert "!" in run("callbacks").output


def test_what_nobody_understood_is_listed_without_who_said_it(clinic) -> None:
    ledger, vault = clinic
    assert "All was understood" in run("unanswered").output
    notes = UnansweredLog(ledger, vault)
    notes.add(UnansweredQuestion(NOW, "text", "en", "purple monkey dishwasher"))
    notes.flush()
    assert "purple monkey dishwasher" in run("unanswered").output
    told = json.loads(run("unanswered", "--json").output)["unanswered"]
    assert [(one["source"], one["language"]) for one in told] == [("text", "en")]
    assert HER not in run("unanswered").output
