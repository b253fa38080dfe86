"""The systemd units are valid, hardened, and start commands that exist."""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest

from ivr.cli import main
from tests.docs.pages import shell_commands
from tests.support.paths import ROOT

UNITS = ROOT / "deploy/systemd"
OPERATIONS = sorted((ROOT / "docs/operations").glob("*.md"))
SERVICES = sorted(path.name for path in UNITS.glob("*.service"))
WORST_SCORE = 2.0
"""On the scale of `systemd-analyze security`, from 0 (best) to 10; docs/operations/install.md states it."""
_SET_MDWE, _REFUSE_EXEC_GAIN = 65, 1

needs_systemd = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The units, with the programs where this environment has them."""
    bin_folder = Path(sys.executable).parent
    for unit in UNITS.iterdir():
        text = unit.read_text().replace("/opt/infoline/.venv/bin/", f"{bin_folder}/")
        (tmp_path / unit.name).write_text(text)
    return tmp_path


def analyze(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True, timeout=60, check=False)


@needs_systemd
def test_systemd_accepts_every_unit(installed: Path) -> None:
    result = analyze("verify", "--man=no", *sorted(installed.iterdir()))
    assert (result.returncode, result.stderr) == (0, "")


@needs_systemd
@pytest.mark.parametrize("name", SERVICES)
def test_every_service_has_a_good_security_score(name: str, installed: Path) -> None:
    result = analyze("security", "--offline=yes", "--no-pager", installed / name)
    if "unrecognized option" in result.stderr:
        pytest.skip("this systemd-analyze cannot score a unit that is not running")
    score = re.search(r"Overall exposure level for .*: ([\d.]+)", result.stdout)
    assert score, result.stderr
    assert float(score[1]) < WORST_SCORE


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_starts_a_command_that_exists(name: str) -> None:
    text = (UNITS / name).read_text()
    (command,) = re.findall(r"^ExecStart=(.*)", text, re.MULTILINE)
    program, *arguments = command.replace("%i", "8001").split()
    if program.endswith("/python"):
        script = Path(arguments[0].replace("/opt/infoline/source", str(ROOT)))
        assert script.is_file()
        return
    command_or_group: click.Command | None = main
    while isinstance(command_or_group, click.Group) and arguments[:1] and not arguments[0].startswith("-"):
        with click.Context(command_or_group) as context:
            command_or_group = command_or_group.get_command(context, arguments.pop(0))
    assert command_or_group is not None
    # Raises an error for an unknown option.
    command_or_group.make_context(program, arguments)


def test_every_process_of_the_procfile_has_a_unit() -> None:
    lines = (ROOT / "Procfile").read_text().splitlines()
    commands = {line.partition(": ")[2] for line in lines}
    started = {
        re.search(r"ExecStart=\S+/(infoline .*)", (UNITS / name).read_text())[1].partition(" --")[0]
        for name in SERVICES
        if "/infoline " in (UNITS / name).read_text()
    }
    assert commands <= started


def test_all_services_are_hardened_alike() -> None:
    settings = {name: (UNITS / name).read_text().partition("\n[Install]")[0] for name in SERVICES}
    hardening = {name: text.partition("User=infoline")[2].rstrip() for name, text in settings.items()}
    assert len(set(hardening.values())) == 1
    for option in ("NoNewPrivileges=yes", "ProtectSystem=strict", "CapabilityBoundingSet=\n"):
        assert all(option in text for text in hardening.values())


# A hospital has one or two of the feeds, and enables them.
FEEDS = {f"infoline-{feed}.service" for feed in ("hl7", "watch", "pull")}
# The release and the backup end by themselves.
NOT_IN_TARGET = {"infoline-release.service", "infoline-backup.service"} | FEEDS


def test_no_service_that_restarts_is_given_up() -> None:
    """systemd gives a unit up that it has started five times within ten seconds."""
    for name in SERVICES:
        text = (UNITS / name).read_text()
        if "Restart=always" in text:
            (pause,) = re.findall(r"^RestartSec=(\d+)$", text, re.MULTILINE)
            assert int(pause) * 5 > 10 or "\nStartLimitIntervalSec=0\n" in text.partition("[Service]")[0], name


def test_the_target_starts_every_long_running_process() -> None:
    wanted = re.findall(r"infoline-[\w@.]+", (UNITS / "infoline.target").read_text())
    names = {re.sub(r"@\d+\.", "@.", name) for name in wanted}
    assert names == {*SERVICES, "infoline-backup.timer"} - NOT_IN_TARGET


def enabled_on_the_pages() -> set[str]:
    lines = [line for page in OPERATIONS for line in shell_commands(page)]
    return {unit for line in lines if line.startswith("systemctl enable") for unit in line.split() if "." in unit}


def test_every_unit_that_a_page_enables_can_be_enabled() -> None:
    """Without [Install], `systemctl enable` exits with status 0, and the unit is down after a reboot."""
    assert enabled_on_the_pages() == {"infoline.target"} | FEEDS
    for name in enabled_on_the_pages():
        wanted_by = "multi-user.target" if name == "infoline.target" else "infoline.target"
        assert (UNITS / name).read_text().endswith(f"\n[Install]\nWantedBy={wanted_by}\n"), name


def test_an_upgrade_restarts_every_unit_that_runs_all_the_time() -> None:
    upgrade = (ROOT / "docs/operations/upgrade.md").read_text()
    restarted = re.findall(r"^ *systemctl (?:try-)?restart (.*)", upgrade, re.MULTILINE)
    names = {re.sub(r"@\d+\.", "@.", name) for line in restarted for name in line.split()}
    assert names == {*SERVICES} - NOT_IN_TARGET | FEEDS


def refuse_writable_code() -> None:
    """What MemoryDenyWriteExecute=yes does, for this process and its children."""
    library = ctypes.CDLL(None, use_errno=True)
    if library.prctl(_SET_MDWE, _REFUSE_EXEC_GAIN, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")


def test_the_line_works_without_memory_that_is_writable_and_executable(tmp_path: Path) -> None:
    """So that MemoryDenyWriteExecute=yes breaks no library: the check of prompts, the database, and encryption."""
    try:
        # Tried in a process of its own, because it cannot be undone.
        subprocess.run(["true"], preexec_fn=refuse_writable_code, check=True)
    except subprocess.SubprocessError:
        pytest.skip("this kernel cannot refuse writable code: Linux 6.3 or newer is needed")
    commands = [["db", "upgrade"], ["ask", "can I wear deodorant"], ["callbacks"]]
    code = f"from ivr.cli import main\nfor command in {commands}: main(command, standalone_mode=False)"
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "VAR_DIR": str(tmp_path)},
        preexec_fn=refuse_writable_code,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (result.returncode, "deodorant" in result.stdout) == (0, True), result.stderr
