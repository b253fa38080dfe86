"""`infoline run`: starts, watches and stops every process."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import urllib.error
import urllib.request
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from ivr.private_files import exposed_paths
from tests.e2e.running import INFOLINE, RunningLine, running_line, until
from tests.support.paths import ROOT
from tests.support.processes import free_port

pytestmark = pytest.mark.processes


def _child(line: RunningLine, command: str) -> int | None:
    return next((pid for args, pid in line.children().items() if command in args), None)


def _training(line: RunningLine) -> int | None:
    """The process that trains the model, which some process of the line has started."""
    listed = subprocess.run(["ps", "-A", "-o", "pid=,args="], capture_output=True, text=True, check=True).stdout
    pids = [int(row.split(None, 1)[0]) for row in listed.splitlines() if "ivr.releases.training_process" in row]
    mine = str(line.var_dir).encode()
    return next((pid for pid in pids if mine in _environment_of(pid)), None)


def _environment_of(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return b""


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_dead_processes_are_restarted_and_ctrl_c_stops_all_of_them(tmp_path: Path) -> None:
    with running_line(tmp_path / "var", "--at", "2026-12-01T10:00") as line:
        queue = until(lambda: _child(line, "valkey"), "the queue server")
        os.kill(queue, signal.SIGKILL)
        line.call().presses("1", "1").hears("Calcifications")
        line.json("reminders", "import", line.var_dir / "example-appointments.csv")
        until(lambda: len(line.carrier_log()) == 20, "20 texts after the queue came back")
        for command in ("ivr.cli web", "-m simulator", "-m worker clock"):
            first = _child(line, command)
            assert first
            os.kill(first, signal.SIGKILL)
            until(
                lambda command=command, first=first: _child(line, command) not in (None, first),
                f"a new {command}",
            )
        until(lambda: line.readyz().get("voice"), "an answer from the web process")
        children = list(until(lambda: len(line.children()) >= 5 and line.children(), "all processes").values())
        line.process.send_signal(signal.SIGINT)
        printed = line.process.communicate(timeout=30)[0]
        assert line.process.returncode == 0
        assert line.readyz() == {}, "a process that was left behind still answers"
    assert [pid for pid in children if _is_alive(pid)] == []
    assert not (tmp_path / "var" / "clock-shift").exists()
    assert printed.count("The web process died and is being restarted.") == 1
    assert printed.count("The queue died and is being restarted.") == 1


@pytest.mark.parametrize("signals", [(signal.SIGTERM,), (signal.SIGINT, signal.SIGINT)], ids=["one TERM", "two Ctrl-C"])
def test_a_signal_while_the_model_is_trained_leaves_no_process_behind(
    tmp_path: Path, signals: tuple[signal.Signals, ...]
) -> None:
    environment = {**os.environ, "VAR_DIR": str(tmp_path / "var"), "MODEL_DIR": str(tmp_path / "models")}
    environment |= {"PORT": str(free_port()), "SIMULATOR_URL": f"http://127.0.0.1:{free_port()}"}
    process = subprocess.Popen([*INFOLINE, "run"], env=environment, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    line = RunningLine(process, environment, tmp_path / "var")
    until(lambda: _training(line), "the training")
    children = [*line.children().values(), _training(line)]
    for number in signals:
        process.send_signal(number)
    process.communicate(timeout=30)
    # The second one: while it builds the made-up clinic, it has not begun to wait for a signal.
    assert process.returncode in (0, 128 + signals[0])
    until(lambda: not any(map(_is_alive, children)), "the end of all processes")


def test_other_users_can_open_nothing_that_a_running_line_writes_and_the_doctor_finds_it_fine(tmp_path: Path) -> None:
    former = os.umask(0o022)
    try:
        with running_line(tmp_path / "var", "--at", "2026-12-01T10:00") as line:
            line.call().presses("1")
            line.text("hello")
            line.json("reminders", "import", line.var_dir / "example-appointments.csv")
            until(lambda: len(line.carrier_log()) == 20, "20 texts")
            assert list(exposed_paths(line.var_dir)) == []
            names = {path.name for path in line.var_dir.iterdir()}
            assert {"infoline.db", "queue", "logs", "releases"} <= names
            checked = line.infoline("doctor")
            assert (checked.returncode, "missing" in checked.stdout) == (0, False), checked.stdout
        assert list(exposed_paths(line.var_dir)) == []
        assert not (tmp_path / "var" / "running-line.json").exists()
    finally:
        os.umask(former)


def test_a_port_in_use_is_an_error(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        environment = {**os.environ, "VAR_DIR": str(tmp_path), "PORT": str(port)}
        for command in ("run", "web"):
            result = subprocess.run(
                [*INFOLINE, command], env=environment, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
            )
            assert result.returncode == 2
            assert f"Port {port} is in use" in result.stderr
            assert "Traceback" not in result.stderr


def test_an_empty_start_moves_the_data_of_earlier_runs(tmp_path: Path) -> None:
    var_dir = tmp_path / "var"
    soon = f"{datetime.now().astimezone() + timedelta(days=30):%Y-%m-%d} 09:00"
    (tmp_path / "one.csv").write_text(f"appointment_id,phone,starts_at\nE2E-1,603-555-0101,{soon}\n")
    earlier = {**os.environ, "VAR_DIR": str(var_dir)}
    for arguments in (("db", "upgrade"), ("reminders", "import", str(tmp_path / "one.csv"))):
        subprocess.run([*INFOLINE, *arguments], env=earlier, cwd=ROOT, check=True)
    with running_line(var_dir, "--empty", "--at", "2026-12-01T10:00") as line:
        assert line.json("reminders", "status")["appointments"] == 0
    assert list(var_dir.glob("set-aside-*/infoline.db"))


def test_broken_prompts_are_reported_and_the_live_release_keeps_running(tmp_path: Path) -> None:
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
        assert (line.var_dir / "logs" / "release.log").exists()
        until(lambda: not _child(line, "ivr.cli release"), "the end of publishing")
        line.process.send_signal(signal.SIGINT)
        printed = line.process.communicate(timeout=30)[0]
    assert "en/cancer.md:1" in printed


def test_broken_prompts_without_a_release_are_an_error(tmp_path: Path) -> None:
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
    result = subprocess.run(
        [*INFOLINE, "run"], env=environment, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert result.returncode == 1
    assert "line.yaml:" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("command", ["worker", "clock"])
def test_worker_and_clock_refuse_to_start_without_a_queue(tmp_path: Path, command: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "REDIS_URL"}
    result = subprocess.run(
        [*INFOLINE, command],
        env={**environment, "VAR_DIR": str(tmp_path)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 2
    assert "REDIS_URL is not set" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_web_process_for_twilio_has_no_console(tmp_path: Path) -> None:
    port = free_port()
    environment = {**os.environ, "VAR_DIR": str(tmp_path), "PORT": str(port)}
    with subprocess.Popen([*INFOLINE, "web", "--doors", "twilio"], env=environment, cwd=ROOT) as process:
        try:
            line = RunningLine(process, environment, tmp_path)
            until(lambda: line.readyz().get("voice"), "the web process", 180)
            with pytest.raises(urllib.error.HTTPError, match="404"):
                urllib.request.urlopen(f"{line.url}/console/login", timeout=10)
        finally:
            process.terminate()
