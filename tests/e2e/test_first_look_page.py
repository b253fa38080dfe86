"""The transcripts on the page are real: each command prints exactly what is shown."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.e2e.running import RunningLine, running_line, until
from tests.support.paths import ROOT

pytestmark = pytest.mark.processes

PAGE = ROOT / "docs/first-look.md"
_BLOCK = re.compile(r"```console\n(.*?)```", re.DOTALL)
_COMMAND = re.compile(r"^\$ infoline (.*)\n((?:(?!\$ ).*\n)*)", re.MULTILINE)


def transcripts() -> list[tuple[list[str], str]]:
    """Each command on the page and its output."""
    blocks = "".join(_BLOCK.findall(PAGE.read_text()))
    return [(shlex.split(command), printed) for command, printed in _COMMAND.findall(blocks)]


def play(line: RunningLine, arguments: list[str]) -> str:
    """The output of a command on a terminal of 80 columns."""
    arguments = [str(line.var_dir / Path(name).name) if name.startswith("var/") else name for name in arguments]
    if arguments[:2] == ["reminders", "status"]:
        until(lambda: [text["status"] for text in line.carrier_log()].count("delivered") == 20, "20 receipts")
        until(lambda: line.json("reminders", "status")["texts"]["delivered"] == 20, "20 receipts in the database")
    result = line.infoline(*arguments)
    assert result.returncode == 0, result.stderr
    return "".join(f"{row.rstrip()}\n" for row in result.stdout.splitlines())


def test_each_command_on_the_page_prints_what_is_shown(tmp_path: Path) -> None:
    shown = transcripts()
    assert len(shown) >= 4
    with running_line(tmp_path / "var", "--at", "2026-12-01T10:00", COLUMNS="80") as line:
        for arguments, printed in shown:
            assert play(line, arguments) == printed, f"infoline {shlex.join(arguments)}"
