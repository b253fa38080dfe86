"""`infoline run`: everything on one machine, started, watched and ended."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.e2e.running import INFOLINE, RunningLine, free_port, running_line, until
from tests.support.paths import ROOT


def _started(line: RunningLine, words: str) -> int | None:
    return next((number for args, number in line.children().items() if words in args), None)


def _lives(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    return True


def test_what_dies_is_started_again_and_said_so_and_ctrl_c_leaves_nothing_behind(tmp_path: Path) -> None:
    with running_line(tmp_path / "var", "--at", "2026-12-01T10:00") as line:
        queue = until(lambda: _started(line, "valkey"), "the queue server")
        os.kill(queue, signal.SIGKILL)
        line.call().presses("1", "1").hears("Calcifications")
        line.json("reminders", "import", line.var_dir / "example-appointments.csv")
        until(lambda: len(line.carrier_log()) == 20, "20 texts after the queue came back")
        for words in ("ivr.cli web", "-m simulator", "-m worker clock"):
            first = _started(line, words)
            assert first
            os.kill(first, signal.SIGKILL)
            until(lambda words=words, first=first: _started(line, words) not in (None, first), f"{words} again")
        until(lambda: line.readyz().get("voice"), "the web to answer again")
        children = list(until(lambda: len(line.children()) >= 5 and line.children(), "all processes").values())
        line.process.send_signal(signal.SIGINT)
        told = line.process.communicate(timeout=30)[0]
        assert line.process.returncode == 0
        assert line.readyz() == {}, "a process that was left behind still answers"
    assert [number for number in children if _lives(number)] == []
    assert not (tmp_path / "var" / "clock-shift").exists()
    assert told.count("The web process died and is being restarted.") == 1
    assert told.count("The queue died and is being restarted.") == 1


def test_a_taken_port_is_said_plainly(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        environment = {**os.environ, "VAR_DIR": str(tmp_path), "PORT": str(port)}
        for command in ("run", "web"):
            tried = subprocess.run(
                [*INFOLINE, command], env=environment, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
            )
            assert tried.returncode == 2
            assert f"Port {port} is in use" in tried.stderr
            assert "Traceback" not in tried.stderr


def test_an_empty_start_sets_aside_what_earlier_runs_left(tmp_path: Path) -> None:
    var_dir = tmp_path / "var"
    soon = f"{datetime.now().astimezone() + timedelta(days=30):%Y-%m-%d} 09:00"
    (tmp_path / "one.csv").write_text(f"appointment_id,phone,starts_at\nE2E-1,603-555-0101,{soon}\n")
    earlier = {**os.environ, "VAR_DIR": str(var_dir)}
    subprocess.run([*INFOLINE, "reminders", "import", str(tmp_path / "one.csv")], env=earlier, cwd=ROOT, check=True)
    with running_line(var_dir, "--empty", "--at", "2026-12-01T10:00") as line:
        assert line.json("reminders", "status")["appointments"] == 0
    assert list(var_dir.glob("set-aside-*/infoline.db"))


def test_broken_words_stop_nothing_that_runs_and_are_named(tmp_path: Path) -> None:
    prompts = tmp_path / "prompts"
    shutil.copytree(ROOT / "prompts", prompts)
    earlier = {**os.environ, "VAR_DIR": str(tmp_path / "var"), "PROMPTS_DIR": str(prompts)}
    subprocess.run([*INFOLINE, "release"], env=earlier, cwd=ROOT, check=True)
    (prompts / "en" / "cancer.md").write_text("no fields on top\n")
    with running_line(tmp_path / "var", PROMPTS_DIR=str(prompts)) as line:
        line.call().presses("1", "2").hears("cancer")
        checked = line.infoline("prompts", "check")
        assert checked.returncode == 1
        assert "en/cancer.md:1" in checked.stdout
        line.process.send_signal(signal.SIGINT)
        told = line.process.communicate(timeout=30)[0]
    assert "en/cancer.md:1" in told


def test_without_a_release_and_with_broken_words_it_says_so_and_ends(tmp_path: Path) -> None:
    prompts = tmp_path / "prompts"
    shutil.copytree(ROOT / "prompts", prompts)
    (prompts / "line.yaml").write_text("hospital: [\n")
    environment = {
        **os.environ,
        "VAR_DIR": str(tmp_path / "var"),
        "PORT": str(free_port()),
        "SIMULATOR_URL": f"http://127.0.0.1:{free_port()}",
        "PROMPTS_DIR": str(prompts),
    }
    tried = subprocess.run(
        [*INFOLINE, "run"], env=environment, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert tried.returncode == 1
    assert "line.yaml:" in tried.stderr
    assert "Traceback" not in tried.stderr


@pytest.mark.parametrize("command", ["worker", "clock"])
def test_worker_and_clock_need_a_queue_and_say_so(tmp_path: Path, command: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "REDIS_URL"}
    tried = subprocess.run(
        [*INFOLINE, command],
        env={**environment, "VAR_DIR": str(tmp_path)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert tried.returncode == 2
    assert "REDIS_URL is not set" in tried.stderr
    assert "Traceback" not in tried.stderr
