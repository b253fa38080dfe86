"""What an upgrade meets: a var/ folder of an earlier version, and bytecode of modules that have moved."""

from __future__ import annotations

import importlib.util
import json
import os
import py_compile
import re
import shutil
import signal
import subprocess
import sys
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from ivr import clock
from ivr.cli import main
from ivr.ledger import Vault, open_ledger
from ivr.ledger.tables import appointment, person
from ivr.line.lint.runner import STYLE
from ivr.people.spool import open_spool
from ivr.settings import load
from tests.e2e.running import running_line, until
from tests.support.paths import ROOT

# Made by commit b642196, whose newest migration was 0007: a release, three appointments, an opt-out, a call-back
# request, a draft that says `signs:`, and a STOP and a C that were spooled while the database was down.
FORMER_VAR = ROOT / "tests" / "e2e" / "var-of-schema-0007.zip"
NOW = datetime(2026, 12, 1, 15, 0, tzinfo=UTC)
FORMER_MODULES = ("line/content", "line/signs", "people/calls", "people/kept", "reminders/files/csv_file", "web/ops")


@pytest.fixture
def former_var(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An unpacked var/ of the earlier version, which the commands find."""
    with zipfile.ZipFile(FORMER_VAR) as archive:
        archive.extractall(tmp_path)
    monkeypatch.setenv("VAR_DIR", str(tmp_path / "var"))
    monkeypatch.setattr(clock, "now", lambda: NOW)
    return tmp_path / "var"


def run_json(*words: str) -> dict[str, object]:
    result = CliRunner().invoke(main, [*words, "--json"])
    assert result.exit_code == 0, result.output
    printed: dict[str, object] = json.loads(result.stdout)
    return printed


def test_appointments_and_call_backs_of_an_earlier_version_are_there_after_the_upgrade(former_var: Path) -> None:
    status = run_json("reminders", "status")
    assert status["appointments"] == 3
    (callback,) = run_json("callbacks")["callbacks"]  # type: ignore[misc]
    assert (callback["phone"], callback["topic"]) == ("+16035550102", "cancer")
    (release,) = run_json("prompts", "history")["releases"]  # type: ignore[misc]
    assert release["live"] is True


def test_a_draft_of_an_earlier_version_can_be_checked_and_needs_only_better_words(former_var: Path) -> None:
    (file,) = run_json("prompts", "draft")["files"]  # type: ignore[misc]
    assert file["file"] == "en/urgent.md"
    checked = CliRunner().invoke(main, ["prompts", "draft", "check"])
    errors = re.findall(r"error: [^\[]*\[([a-z-]+)\]", " ".join(checked.output.split()))
    assert set(errors) <= {*STYLE, "rule"}, checked.output


def test_writes_that_an_earlier_version_spooled_are_applied(former_var: Path) -> None:
    settings = load()
    ledger, vault = open_ledger(settings.database_url), Vault.of(settings)
    ledger.upgrade()
    assert open_spool(former_var, ledger, vault).replay() == 2
    with ledger.read() as connection:
        stopped = select(person.c.opted_out_at).where(person.c.phone_hash == vault.hash("+16035550101"))
        assert connection.execute(stopped).scalar() is not None
        answers = connection.execute(select(appointment.c.answer).order_by(appointment.c.appointment_id)).scalars()
        assert list(answers) == [None, "confirmed", None]
    assert [path.name for path in (former_var / "kept").iterdir() if path.name != ".lock"] == []
    ledger.close()


@pytest.mark.processes
def test_infoline_run_starts_on_the_folder_of_an_earlier_version_and_keeps_its_data(tmp_path: Path) -> None:
    with zipfile.ZipFile(FORMER_VAR) as archive:
        archive.extractall(tmp_path)
    with running_line(tmp_path / "var", "--at", "2026-12-01T10:00") as line:
        line.call().presses("1", "1").hears("Calcifications").presses("0").is_transferred_to("603-668-3067")
        assert "911" in line.text("I can't breathe and my chest hurts", "+16035550124")[0]
        assert line.json("reminders", "status")["appointments"] == 3
        # The STOP that was spooled while the database was down.
        until(lambda: line.json("reminders", "person", "603-555-0101")["opted_out"], "the opt-out")
        (callback,) = line.json("callbacks")["callbacks"]
        assert callback["phone"] == "+16035550102"
        line.process.send_signal(signal.SIGINT)
        printed = line.process.communicate(timeout=60)[0]
        assert line.process.returncode == 0
    assert "died" not in printed
    assert list((tmp_path / "var").glob("set-aside-*")) == []


@pytest.mark.processes
def test_stale_bytecode_of_moved_and_changed_modules_is_ignored(tmp_path: Path) -> None:
    for folder in ("ivr", "worker", "prompts"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    stale = tmp_path / "stale.py"
    stale.write_text("raise SystemExit('stale bytecode ran')\n")
    # Former modules have no source any more; settings.py is newer than its bytecode.
    for name in (*FORMER_MODULES, "settings"):
        cached = Path(importlib.util.cache_from_source(str(tmp_path / "ivr" / f"{name}.py")))
        py_compile.compile(str(stale), str(cached), doraise=True)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-m", "ivr.cli", "ask", "is it cancer", "--json"],
        cwd=tmp_path,
        env={**environment, "VAR_DIR": str(tmp_path / "var")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["topic"] == "cancer"
