"""After a rollback of the program, the commands that keep a line safe go on with the tables of the newer release."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import text

from ivr.cli import main
from ivr.ledger import Ledger, NewerTables
from ivr.ledger.engine import latest_migration
from tests.line.lint.test_runner import skip_the_graph


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def set_version(ledger: Ledger, version: str) -> None:
    with ledger.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :version"), {"version": version})


@pytest.fixture
def newer(ledger: Ledger, ledger_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ledger]:
    """A ledger that a later release has upgraded."""
    monkeypatch.setenv("VAR_DIR", str(tmp_path / "var"))
    monkeypatch.setenv("DATABASE_URL", ledger_url)
    assert run("db", "upgrade").exit_code == 0
    set_version(ledger, "9999")
    yield ledger
    set_version(ledger, latest_migration())


def test_newer_tables_can_be_used_and_are_named(newer: Ledger) -> None:
    with pytest.raises(NewerTables, match="9999"):
        newer.check()
    assert newer.is_usable()


def test_reconcile_warns_and_works(newer: Ledger) -> None:
    done = run("reminders", "reconcile", "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["waiting"] == 0
    assert "Warning: A newer version" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_doctor_warns(newer: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    skip_the_graph(monkeypatch)
    checks = {check["name"]: check for check in json.loads(run("doctor", "--json").stdout)["checks"]}
    assert checks["ledger"]["level"] == "warning"
    assert "9999" in checks["ledger"]["message"]


def test_other_commands_refuse(newer: Ledger) -> None:
    refused = run("callbacks")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "install that version" in refused.stderr
