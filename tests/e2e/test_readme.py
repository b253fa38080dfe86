"""The README shows real transcripts: each is played here, and must come out as it stands."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from tests.e2e.running import RunningLine, running_line, until
from tests.support.paths import ROOT

README = ROOT / "README.md"
_BLOCK = re.compile(r"```console\n(.*?)```", re.DOTALL)
_COMMAND = re.compile(r"^\$ infoline (.*)\n((?:(?!\$ ).*\n)*)", re.MULTILINE)


def transcripts() -> list[tuple[list[str], str]]:
    """Each command of the README with what it prints."""
    blocks = "".join(_BLOCK.findall(README.read_text()))
    return [(shlex.split(words), printed) for words, printed in _COMMAND.findall(blocks)]


def play(line: RunningLine, words: list[str]) -> str:
    """What a command prints, on a terminal of 80 columns."""
    words = [str(line.var_dir / Path(word).name) if word.startswith("var/") else word for word in words]
    if words[:2] == ["reminders", "status"]:
        until(lambda: [text["status"] for text in line.carrier_log()].count("delivered") == 20, "20 receipts")
        until(lambda: line.json("reminders", "status")["texts"]["delivered"] == 20, "20 receipts in the ledger")
    printed = line.infoline(*words)
    assert printed.returncode == 0, printed.stderr
    return "".join(f"{row.rstrip()}\n" for row in printed.stdout.splitlines())


def test_each_transcript_in_the_readme_comes_out_as_it_stands(tmp_path: Path) -> None:
    shown = transcripts()
    assert len(shown) >= 4
    with running_line(tmp_path / "var", "--at", "2026-12-01T10:00", COLUMNS="80") as line:
        for words, printed in shown:
            assert play(line, words) == printed, f"infoline {shlex.join(words)}"


def test_each_file_that_the_readme_names_is_there() -> None:
    for name in re.findall(r"\]\(([^)#]+)\)|^\| `([^`]+/)`", README.read_text(), re.MULTILINE):
        path = next(filter(None, name))
        assert (ROOT / path).exists(), path
