"""Every command on a page is run: on a line that this module prepares, by another test, or not, for a given reason."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner, Result

from bench.__main__ import PARTS
from ivr.cli import main
from ivr.cli.run.example_appointments import write_example
from ivr.demo.texts import unanswered_rows
from ivr.ledger import Ledger, Vault, open_ledger
from ivr.ledger.tables import unanswered
from ivr.people.callbacks import CallbackRequest, save_callback
from ivr.settings import load
from tests.conftest import LINE_ENV
from tests.docs.commands import (
    MAKE_NOT_RUN,
    PAGES_WITH_A_TEST,
    RUN_ELSEWHERE,
    RUN_HERE,
    SHELL_NOT_RUN,
    SHELL_RUN_ELSEWHERE,
    SHELL_RUN_HERE,
    SHELL_STARTED_HERE,
    Command,
)
from tests.docs.pages import CURRENT, PROGRAMS, blocks, commands_in_text, infoline_commands, page_id
from tests.docs.reach import words_of
from tests.docs.test_pages import resolve
from tests.feeds.hl7.messages import siu
from tests.line.lint.test_runner import skip_the_graph
from tests.support.clinic import NOW
from tests.support.paths import ROOT
from tests.support.processes import wait_until
from tests.support.workbooks import workbook

BY_A_TEST_OF_THE_PAGE = [ROOT / page for page in PAGES_WITH_A_TEST]


def shell_lines() -> list[str]:
    """The commands of the shell, without those of `infoline` and make, which have tables of their own."""
    pages = [page for page in CURRENT if page not in BY_A_TEST_OF_THE_PAGE]
    text = "".join(
        block for page in pages for language in ("console", "bash", "sh") for block in blocks(page, language)
    )
    lines = [" ".join(line.removeprefix("$ ").split()) for line in text.replace("\\\n", " ").splitlines()]
    lines += [line for page in CURRENT for line in commands_in_text(page)]
    return sorted({line for line in lines if line and not re.match(r"infoline |(\w+=\S+ )*make ", line)})


SHOWN = {command for page in CURRENT for command in infoline_commands(page)}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Result]:
    """What each command did, one after the other, on a line of their own."""
    folder = tmp_path_factory.mktemp("line")
    shutil.copytree(ROOT / "prompts", folder / "prompts")
    for name in ("var", "docs"):
        (folder / name).mkdir()
    with pytest.MonkeyPatch.context() as patch:
        for name in LINE_ENV:
            patch.delenv(name, raising=False)
        patch.setenv("VAR_DIR", "var")
        patch.setenv("PROMPTS_DIR", "prompts")
        # By day, so that no quiet hours hold a text back.
        patch.setenv("CLOCK_SHIFT_SECONDS", str((NOW - datetime.now(UTC)).total_seconds()))
        patch.chdir(folder)
        skip_the_graph(patch)
        first, *others = RUN_HERE
        found = {first.shown: _run(first)}
        _add_contents(folder)
        return found | {command.shown: _run(command) for command in others}


def _run(command: Command) -> Result:
    return CliRunner().invoke(main, shlex.split(command.run_as or command.shown), input="y\n" * 3)


def _add_contents(folder: Path) -> None:
    """The files that the commands name, and what callers have left behind."""
    write_example(folder / "var/example-appointments.csv", NOW)
    soon = f"{NOW + timedelta(days=9):%Y-%m-%d} 10:00"
    (folder / "rows.csv").write_text(f"appointment_id,phone,starts_at\nROW-1,603-555-0181,{soon}\n")
    sheet = [("appointment_id", "phone", "starts_at"), ("ROW-2", "603-555-0182", soon)]
    (folder / "rows.xlsx").write_bytes(workbook({"Sheet1": sheet}))
    (folder / "messages.hl7").write_bytes(siu(1, starts="209912081030") + siu(2, starts="209912081030"))
    seconds = np.arange(16_000) / 16_000
    soundfile.write(folder / "monday.mp3", (np.sin(2 * np.pi * 440 * seconds) * 0.3).astype(np.float32), 16_000)
    settings = load()
    ledger, vault = open_ledger(settings.database_url), Vault.of(settings)
    _add_callback(ledger, vault)
    with ledger.write() as connection:
        connection.execute(unanswered.insert(), list(unanswered_rows(vault, [NOW])))
    ledger.close()
    # `keys add` on a page makes the second one.
    CliRunner().invoke(main, ["keys", "add", "first", "--role", "scheduler"])


def _add_callback(ledger: Ledger, vault: Vault) -> None:
    request = CallbackRequest("+16035550160", "en", "breast-health-center", "cancer", "any", f"CA{1:032x}")
    with ledger.write() as connection:
        save_callback(connection, vault, request, NOW)


@pytest.mark.parametrize("command", RUN_HERE, ids=lambda command: command.shown)
def test_a_command_on_a_page_runs(command: Command, results: dict[str, Result]) -> None:
    result = results[command.shown]
    assert result.exception is None or isinstance(result.exception, SystemExit), result.output
    assert result.exit_code == command.status, result.output


@pytest.mark.parametrize(("command", "test"), RUN_ELSEWHERE.items())
def test_a_command_on_a_page_is_run_by_the_test_that_the_table_names(command: str, test: str) -> None:
    if test in PAGES_WITH_A_TEST.values():
        # It runs what is on the page.
        (page,) = (page for page, name in PAGES_WITH_A_TEST.items() if name == test)
        assert command in infoline_commands(ROOT / page)
        return
    # Without the values of options, which a test may choose.
    given = re.sub(r"(--\S+) [^-]\S*", r"\1", command)
    words = [word for word in shlex.split(given) if re.fullmatch(r"-*[a-z][a-z0-9-]*", word)]
    assert words
    assert set(words) <= words_of(test)


@pytest.mark.parametrize(("start", "test"), SHELL_RUN_ELSEWHERE.items())
def test_a_command_of_the_shell_is_run_by_the_test_that_the_table_names(start: str, test: str) -> None:
    words = [word for word in start.split() if re.fullmatch(r"[a-z][a-z.]*", word) and word != "python"]
    assert words
    assert set(words) <= words_of(test)


def test_the_tables_have_every_command_of_the_pages_and_no_other() -> None:
    here = [command.shown for command in RUN_HERE]
    assert sorted([*here, *RUN_ELSEWHERE]) == sorted(SHOWN)


def test_a_command_that_is_run_with_other_values_is_the_same_command() -> None:
    """So that `reminders cancel BATCH` is not run as `reminders status 1`."""
    for command in RUN_HERE:
        shown, run = shlex.split(command.shown), shlex.split(command.run_as or command.shown)
        assert shown[:1] == run[:1], command
        assert {word for word in shown if word.startswith("-")} <= set(run), command
        names = [word for word in shown[:2] if re.fullmatch(r"[a-z][a-z0-9-]*", word)]
        assert run[: len(names)] == names, command


@pytest.mark.parametrize(("page", "test"), PAGES_WITH_A_TEST.items())
def test_a_page_with_a_test_of_its_own_is_read_by_it(page: str, test: str) -> None:
    assert f'"{page}"' in (ROOT / test).read_text() or Path(page).name in (ROOT / test).read_text()


# What takes the place of names on a page, and of what would change this checkout.
VALUES = {
    ".venv/messages.pot": "ivr/web/console/translations/es/LC_MESSAGES/messages.po",
    "-d ivr/web/console/translations": "-d translations",
    "-l <code>": "-l fr",
    "-o infoline -g infoline": f"-o {os.getuid()} -g {os.getgid()}",
}
MADE = ("infoline", ".venv", "infoline.env", "infoline.conf", "messages.po")
# What shows that a command which prints and makes nothing did something.
THEN = {". .venv/bin/activate": "command -v infoline"}


@pytest.mark.parametrize("line", [line for line in shell_lines() if line.startswith(SHELL_RUN_HERE)])
def test_a_command_of_the_shell_on_a_page_runs(line: str, tmp_path: Path) -> None:
    for place in ("/etc/", "/opt/", "/var/lib/", "/var/backups/"):
        (tmp_path / place.strip("/")).mkdir(parents=True, exist_ok=True)
        line = re.sub(rf"(?<=\s){place}", f"{tmp_path}{place}", line)
    (tmp_path / "etc/systemd/system").mkdir(parents=True)
    (tmp_path / "etc/infoline").mkdir()
    for shown, value in VALUES.items():
        line = line.replace(shown, value.replace("translations", f"{tmp_path}/", 1) if value[:2] == "-d" else value)
    result = _shell(f"{line}; {THEN.get(line, '')}")
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() or [path for path in tmp_path.rglob("*") if path.name in MADE]


def _shell(line: str) -> subprocess.CompletedProcess[str]:
    # As a person types it, not below the make that runs the tests.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(
        ["sh", "-euc", line], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.parametrize("line", [line for line in shell_lines() if line.startswith(tuple(SHELL_STARTED_HERE))])
def test_a_process_on_a_page_starts(line: str, tmp_path: Path) -> None:
    (printed,) = (words for start, words in SHELL_STARTED_HERE.items() if line.startswith(start))
    output = tmp_path / "output"
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "SIMULATOR_PORT": "0", "PYTHONUNBUFFERED": "1"}
    with output.open("wb") as file, subprocess.Popen(
        ["sh", "-euc", line], cwd=ROOT, env=environment, stdout=file, stderr=file, process_group=0
    ) as process:  # fmt: skip
        try:
            wait_until(lambda: printed in output.read_text() or process.poll() is not None)
            assert process.poll() is None, output.read_text()
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)


def test_every_command_of_the_shell_is_run_or_has_a_reason_and_no_table_names_another() -> None:
    lines = shell_lines()
    assert len(lines) > 40
    tables = (*SHELL_RUN_HERE, *SHELL_STARTED_HERE, *SHELL_RUN_ELSEWHERE, *SHELL_NOT_RUN)
    assert [line for line in lines if not line.startswith(tables)] == []
    assert [start for start in tables if not any(line.startswith(start) for line in lines)] == []


def test_the_commands_outside_of_blocks_are_found() -> None:
    found = {page_id(page): list(commands_in_text(page)) for page in CURRENT}
    assert "python3 bootstrap.py" in found["README.md"]
    assert "make bench PART=capacity" in found["docs/operations/capacity.md"]
    assert [line for line in found["docs/operations.md"] if "--allow-host" in line]
    assert [line for line in found["docs/security.md"] if "tests.attack" in line]
    # What begins a line of a block begins a command elsewhere, too.
    programs = {line.split()[0].rpartition("/")[2] for line in shell_lines() if "=" not in line.split()[0]}
    assert programs - {"run", ".", "activate"} <= set(PROGRAMS)


MAKE_WITH_ARGUMENTS = sorted(
    {line for page in CURRENT for line in commands_in_text(page) if re.search(r"\bmake .*=", line)}
)


@pytest.mark.parametrize("line", MAKE_WITH_ARGUMENTS)
def test_what_the_arguments_of_make_name_exists(line: str) -> None:
    dry = re.sub(r"\bmake ", "make -n -o .venv/ready -o .venv/ready-to-run ", line, count=1)
    result = _shell(dry)
    assert result.returncode == 0, result.stderr
    words = shlex.split(result.stdout.splitlines()[-1])
    if "bench" in words:
        assert set(words[words.index("bench") + 1 :]) <= set(PARTS)
        assert words[-1] in PARTS
    elif "pytest" in words:
        assert (ROOT / words[-1]).exists()
    else:
        command, rest = resolve(words[2:])
        assert rest
        command.make_context("run", rest)


def test_the_hooks_of_pre_commit_run_what_make_lint_runs() -> None:
    hooks = re.findall(r"entry: (\S+ \S*)", (ROOT / ".pre-commit-config.yaml").read_text() + " ")
    lint = _shell("make -n -o .venv/ready lint").stdout
    assert len(hooks) > 3
    assert [hook for hook in hooks if hook.split(" --")[0].strip() not in lint] == []


def test_every_target_of_make_is_run_by_the_checks_or_has_a_reason() -> None:
    text = "".join(page.read_text() for page in CURRENT)
    shown = set(re.findall(r"(?:^ *|`|\$ )make ([a-z-]+)", text, re.MULTILINE))
    run = set(re.findall(r"^make ([a-z-]+)", (ROOT / ".ci/run").read_text(), re.MULTILINE))
    # .ci/time-first-call and tests/e2e/test_first_look.py.
    run.add("run")
    assert shown == (shown & run) | set(MAKE_NOT_RUN)
    assert not run & set(MAKE_NOT_RUN)


def test_every_test_that_a_reason_names_exists() -> None:
    for reason in (*SHELL_NOT_RUN.values(), *MAKE_NOT_RUN.values()):
        for name in re.findall(r"\b(?:tests|deploy|tools)/[\w./]*\w", reason):
            assert (ROOT / name).exists(), name
