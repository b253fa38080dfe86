"""`make run`: four things to know, an answer before the model is trained, and nothing else that stays."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from ivr.demo.sign_ins import saved_password
from tests.conftest import LINE_ENV
from tests.e2e.running import INFOLINE, RunningLine, has_release, until
from tests.support.paths import ROOT
from tests.support.processes import free_port
from tests.support.terminal import on_terminal

pytestmark = pytest.mark.processes
FIRST_WORDS = ["Phone", "Console", "Stop", "Docs"]
# Listed in no file, so that only a trained model understands it.
NEW_QUESTION = "my underarm spray, is it ok that day"


def settings(folder: Path, **more: str) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if name not in LINE_ENV}
    ports = {"PORT": str(free_port()), "SIMULATOR_URL": f"http://127.0.0.1:{free_port()}"}
    return {**clean, **ports, "VAR_DIR": str(folder / "var"), **more}


def first_words(lines: list[str]) -> list[str]:
    """What each entry begins with; its further lines are indented."""
    return [line.split(None, 1)[0] for line in lines if not line.startswith(" ")]


def test_make_run_leaves_four_entries_that_fit_a_terminal(tmp_path: Path) -> None:
    environment = settings(tmp_path)
    shown = on_terminal(["make", "run"], environment, ROOT, lambda raw: "infoline --help" in raw)
    assert first_words(shown.lines) == FIRST_WORDS, shown
    phone, console, emails, password, stop, docs = shown.lines
    assert max(map(len, shown.lines)) <= 80
    assert phone.endswith(f"{environment['SIMULATOR_URL']}/")
    assert console.endswith(f"http://127.0.0.1:{environment['PORT']}/console")
    assert emails.strip() == "scheduler@example.org, operator@example.org, or admin@example.org"
    assert password.strip() == f"password: {saved_password(tmp_path / 'var')}"
    assert "Ctrl-C" in stop
    assert "docs/" in docs
    # Ctrl-C ends make as well.
    assert shown.status in (0, -signal.SIGINT)
    assert shown.steps
    assert all(len(step) < 80 for step in shown.steps)


def test_without_a_terminal_these_entries_are_all_that_standard_output_gets(tmp_path: Path) -> None:
    environment = settings(tmp_path)
    process = subprocess.Popen(
        ["make", "run"],
        env=environment,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
    )
    assert process.stdout is not None
    printed = [process.stdout.readline()]
    while not printed[-1].startswith(FIRST_WORDS[-1]):
        printed.append(process.stdout.readline())
        assert printed[-1], printed
    os.killpg(process.pid, signal.SIGINT)
    rest, errors = process.communicate(timeout=60)
    assert first_words(printed) == FIRST_WORDS
    assert rest == ""
    assert "\x1b" not in errors
    assert "Traceback" not in errors


def test_the_line_answers_before_its_model_is_trained_and_understands_words_when_it_is(tmp_path: Path) -> None:
    environment = settings(tmp_path, MODEL_DIR=str(tmp_path / "models"))
    process = subprocess.Popen([*INFOLINE, "run", "--empty"], env=environment, cwd=ROOT, stdout=subprocess.PIPE)
    line = RunningLine(process, environment, tmp_path / "var")
    models = tmp_path / "models"
    try:
        until(lambda: line.readyz().get("voice"), "an answer", 180)
        until(lambda: _has_phone(line), "the phone network")
        line.call().hears("In an emergency").presses("1").hears("What would you like to know?")
        assert "911" in line.text("I can't breathe and my chest hurts", "+16035550124")[0]
        assert not list(models.glob("*.npz")), "the model was trained before the first call"
        until(lambda: list(models.glob("*.npz")), "the model", 180)
        # Somebody who texts the same thing again and again gets no more answers.
        senders = (f"+160355501{number}" for number in range(25, 100))
        until(lambda: "deodorant" in " ".join(line.text(NEW_QUESTION, next(senders))), "an answer with the model")
        until(lambda: has_release(line), "a published release")
        assert "Nothing" not in line.infoline("prompts", "history").stdout
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert process.returncode == 0


def _has_phone(line: RunningLine) -> bool:
    try:
        return bool(line.get("/simulator/log") is not None)
    except OSError:
        return False
