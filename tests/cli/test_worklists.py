"""`infoline callbacks`, `todos` and `unanswered`: lists for the staff."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ivr import clock
from ivr.cli import main
from ivr.ledger import Ledger, Vault, open_ledger
from ivr.people.callbacks import CallbackRequest, save_callback
from ivr.people.inbound.unanswered import UnansweredLog, UnansweredQuestion
from ivr.people.persons import get_or_create_persons
from ivr.people.work_items import add_work_item
from ivr.settings import load
from tests.support.clinic import write_empty_ledger

PHONE, NOW = "+16035550123", datetime(2026, 12, 1, 15, tzinfo=UTC)


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Ledger, Vault]:
    monkeypatch.setenv("VAR_DIR", str(tmp_path))
    monkeypatch.setattr(clock, "now", lambda: NOW)
    settings = load()
    write_empty_ledger(tmp_path / "infoline.db")
    return open_ledger(settings.database_url), Vault.of(settings)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def test_a_work_item_is_listed_until_it_is_done(database: tuple[Ledger, Vault]) -> None:
    ledger, vault = database
    assert run("todos").output == "No work items.\n"
    with ledger.write() as connection:
        person_id = get_or_create_persons(connection, vault, [PHONE], NOW)[PHONE]
        for _ in range(2):
            add_work_item(connection, "wrong-number", person_id, None, NOW)
    listed = run("todos")
    assert "603-555-0123" in listed.output
    assert "not the patient" in listed.output
    assert all(len(line) <= 80 for line in listed.output.splitlines())
    assert [item["kind"] for item in json.loads(run("todos", "--json").output)["todos"]] == ["wrong-number"]
    assert run("todos", "done", "1").stdout == "Work item 1 is done.\n"
    again = run("todos", "done", "1")
    assert again.exit_code == 2
    assert "infoline todos" in again.output


def test_a_call_back_request_after_a_red_flag_is_marked_and_comes_first(database: tuple[Ledger, Vault]) -> None:
    ledger, vault = database
    with ledger.write() as connection:
        for phone, call, topic in ((PHONE, "CA1", "cancer"), ("+16035550124", "CA2", "person-soon")):
            request = CallbackRequest(phone, "en", "breast-health-center", topic, "any", call)
            save_callback(connection, vault, request, NOW)
    callbacks = json.loads(run("callbacks", "--json").output)["callbacks"]
    assert [callback["topic"] for callback in callbacks] == ["person-soon", "cancer"]
    assert "!" in run("callbacks").output


def test_an_unanswered_question_is_listed_without_its_sender(database: tuple[Ledger, Vault]) -> None:
    ledger, vault = database
    assert "No unanswered questions" in run("unanswered").output
    log = UnansweredLog(ledger, vault)
    log.add(UnansweredQuestion(NOW, "text", "en", "purple monkey dishwasher"))
    log.flush()
    assert "purple monkey dishwasher" in run("unanswered").output
    unanswered = json.loads(run("unanswered", "--json").output)["unanswered"]
    assert [(question["source"], question["language"]) for question in unanswered] == [("text", "en")]
    assert PHONE not in run("unanswered").output
