"""Commands name the database that they write to, and none creates one in the wrong folder."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from ivr.cli import main
from ivr.ledger import open_ledger
from tests.line.lint.test_runner import skip_the_graph
from tests.support.clinic import at, csv_text, row


def run(*arguments):
    return CliRunner().invoke(main, list(arguments))


COMMANDS = [
    ("reminders", "stop", "603-555-0101", "--because", "called us"),
    ("reminders", "import", "appointments.csv"),
    ("reminders", "pause", "1"),
    ("reminders", "status"),
    ("reminders", "person", "603-555-0101"),
    ("callbacks",),
    ("callbacks", "done", "1"),
    ("todos", "done", "1"),
    ("calls",),
    ("unanswered",),
    ("audit",),
    ("keys", "rotate"),
    ("prompts", "publish", "--yes"),
    ("prompts", "rollback", "1"),
    ("prompts", "draft"),
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_command_in_a_folder_without_a_database_says_so_and_creates_nothing(command, tmp_path, monkeypatch):
    monkeypatch.delenv("VAR_DIR", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "appointments.csv").write_text(csv_text([row(1, at(20))]))
    result = run(*command)
    assert (result.exit_code, result.stdout) == (2, "")
    assert len(result.stderr.splitlines()) == 1
    assert str(tmp_path / "var" / "infoline.db") in result.stderr
    assert "INFOLINE_ENV" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["appointments.csv"]


@pytest.mark.parametrize("command", [("ask", "can I wear deodorant"), ("doctor",)], ids=" ".join)
def test_a_command_that_needs_no_database_creates_none(command, tmp_path, monkeypatch):
    monkeypatch.delenv("VAR_DIR", raising=False)
    monkeypatch.chdir(tmp_path)
    skip_the_graph(monkeypatch)
    assert run(*command).exit_code in (0, 1)
    assert list(tmp_path.iterdir()) == []


def test_a_local_line_on_postgresql_without_tables_is_not_filled_by_any_command(database_url, tmp_path, monkeypatch):
    monkeypatch.setenv("VAR_DIR", str(tmp_path / "var"))
    monkeypatch.setenv("DATABASE_URL", database_url)
    assert run("reminders", "status").exit_code == 2
    empty = open_ledger(database_url)
    assert not empty.has_tables()
    empty.close()


def test_a_settings_file_makes_commands_in_any_folder_use_the_same_database(tmp_path, monkeypatch):
    monkeypatch.delenv("VAR_DIR", raising=False)
    (tmp_path / "line").mkdir()
    (tmp_path / "shell").mkdir()
    (tmp_path / "line.env").write_text(f"VAR_DIR={tmp_path / 'line'}\n")
    (tmp_path / "line.env").chmod(0o600)
    monkeypatch.chdir(tmp_path / "shell")
    monkeypatch.setenv("INFOLINE_ENV", str(tmp_path / "line.env"))
    database = tmp_path / "line" / "infoline.db"
    assert run("db", "upgrade").output == f"The database is up to date: {database}\n"
    result = run("reminders", "stop", "603-555-0101", "--because", "called us")
    assert (result.exit_code, result.stderr) == (0, f"Database: {database}\n")
    assert list((tmp_path / "shell").iterdir()) == []


def test_json_output_is_alone(clinic_for_commands):
    result = run("reminders", "stop", "603-555-0101", "--because", "called us", "--json")
    assert (result.exit_code, result.stderr) == (0, "")


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("postgresql://infoline:hunter2@db:5432/line?sslmode=require", "postgresql://db:5432/line"),
        ("postgres://infoline:hunter2@db/line?password=hunter2", "postgresql://db/line"),
        ("sqlite:////srv/line.db", "/srv/line.db"),
    ],
)
def test_the_address_of_a_database_has_no_user_and_no_password(url, address):
    assert open_ledger(url).address == address
