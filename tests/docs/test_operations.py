"""The pages for those who operate the line name only what exists, and all of it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from ivr.cli import main
from ivr.doctor.runner import CHECKS
from ivr.env_file import VARIABLE, read_env_file
from ivr.ledger import open_ledger
from ivr.reminders.alarms import Alarm
from ivr.settings import Settings
from tests.support.paths import ROOT
from tests.test_docs import log_events, metrics

OPERATIONS = sorted((ROOT / "docs/operations").glob("*.md"))
PAGES = [*OPERATIONS, ROOT / "docs/operations.md", ROOT / "docs/security.md", ROOT / "SECURITY.md"]
_SPAN = re.compile(r"`([^`\n]+)`")
_BLOCK = re.compile(r"^( *)```(\w*)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
# Commands that read, so that a test may run them on a new line.
READ_ONLY = {
    *("audit", "audit --json", "calls", "callbacks", "doctor", "prompts check", "prompts history", "todos"),
    *("reminders status", "unanswered"),
}


def page_id(path: Path) -> str:
    return str(path.relative_to(ROOT))


def section(page: str, heading: str) -> str:
    text = (ROOT / "docs/operations" / page).read_text()
    return re.split(r"^## ", text.split(f"## {heading}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]


def first_column(table: str) -> list[str]:
    rows = re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)
    return [name for row in rows for name in _SPAN.findall(row)]


def blocks(page: Path, language: str) -> Iterator[str]:
    for indent, kind, body in _BLOCK.findall(page.read_text()):
        if kind == language:
            yield re.sub(rf"^{indent}", "", body, flags=re.MULTILINE)


def shell_commands(page: Path) -> list[str]:
    joined = "".join(blocks(page, "console")).replace("\\\n", " ")
    return [" ".join(line.split()) for line in joined.splitlines() if line.strip()]


def infoline_commands(page: Path) -> Iterator[str]:
    """The arguments of each `infoline` command on a page, in code spans and blocks."""
    text = _BLOCK.sub("", page.read_text())
    candidates = [*_SPAN.findall(text), *shell_commands(page)]
    candidates += re.findall(r"^    (infoline .*)", text, re.MULTILINE)
    for candidate in candidates:
        if match := re.match(r"infoline ((?!-)[^&]*)", candidate):
            yield match[1].strip()


COMMANDS = sorted({(page_id(page), command) for page in PAGES for command in infoline_commands(page)})


def resolve(arguments: list[str]) -> tuple[click.Command, list[str]]:
    """The command that the arguments name, and the rest of them. Raises KeyError."""
    command: click.Command = main
    with click.Context(main) as context:
        while isinstance(command, click.Group) and arguments and not arguments[0].startswith("-"):
            found = command.get_command(context, arguments[0])
            if found is None:
                if command.invoke_without_command or not command.no_args_is_help:
                    break
                raise KeyError(arguments[0])
            command, arguments = found, arguments[1:]
    return command, arguments


@pytest.mark.parametrize(("page", "command"), COMMANDS)
def test_every_command_on_a_page_exists_with_its_options(page: str, command: str) -> None:
    found, rest = resolve(shlex.split(command))
    assert found is not main
    with click.Context(found) as context:
        options = {option for param in found.get_params(context) for option in (*param.opts, *param.secondary_opts)}
    for word in rest:
        if word.startswith("-"):
            assert word.partition("=")[0] in options, word


def test_the_pages_name_commands() -> None:
    """So that the pattern which finds them does not silently find none."""
    assert len(COMMANDS) > 40
    assert {command for _, command in COMMANDS} >= {"doctor --connect", "keys rotate", "prompts rollback 12"}


@pytest.mark.parametrize("command", sorted(READ_ONLY & {command for _, command in COMMANDS}))
def test_a_command_that_only_reads_runs_on_a_new_line(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VAR_DIR", str(tmp_path))
    assert CliRunner().invoke(main, ["db", "upgrade"]).exit_code == 0
    result = CliRunner().invoke(main, shlex.split(command))
    # 1: doctor finds that this line has no queue.
    assert result.exit_code == (1 if command == "doctor" else 0), result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)


def test_the_runbook_has_each_alarm() -> None:
    assert first_column(section("watch.md", "Alarms, step by step")) == list(Alarm)


def test_the_table_of_doctor_has_each_check_in_order() -> None:
    assert first_column(section("watch.md", "Doctor")) == list(CHECKS)


def test_the_sample_of_the_settings_file_can_be_read(tmp_path: Path) -> None:
    (sample,) = blocks(ROOT / "docs/operations/install.md", "ini")
    path = tmp_path / "infoline.env"
    path.write_text(sample)
    path.chmod(0o600)
    values = read_env_file(path, [name.upper() for name in Settings.model_fields])
    assert values["BIND_HOST"] == "127.0.0.1"
    Settings.model_validate({name.lower(): value for name, value in values.items() if value})


OTHER_VARIABLES = {VARIABLE, "TEST_POSTGRES_URL"}


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_every_setting_metric_alarm_and_event_on_a_page_exists(page: Path) -> None:
    text = page.read_text()
    spans = [span for span in _SPAN.findall(_BLOCK.sub("", text)) if re.fullmatch(r"\w+(=\S*)?", span)]
    names = {span.partition("=")[0] for span in spans}
    settings = {name for name in names if re.fullmatch(r"[A-Z]+(_[A-Z]+)+", name)}
    assert settings <= {name.upper() for name in Settings.model_fields} | OTHER_VARIABLES
    assert {name for name in names if name.startswith("infoline_")} <= metrics() | {"infoline_release_info"}
    described = (ROOT / "docs/operations.md").read_text()
    known = {*Alarm, *log_events(), *metrics(), *_SPAN.findall(described)}
    # Of nginx and PostgreSQL.
    known |= {"max_fails", "proxy_next_upstream", "pool_mode", "max_connections", "pg_dump"}
    known |= {"lock_timeout", "idle_in_transaction_session_timeout", "infoline_release_info"}
    events = {name for name in names if re.fullmatch(r"[a-z]+(_[a-z]+)+", name)}
    assert events <= known


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


@pytest.mark.parametrize("page", [*PAGES, ROOT / "README.md"], ids=page_id)
def test_every_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", page.read_text()):
        if re.match(r"https?:", target):
            continue
        name, _, anchor = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        assert file.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)", file.read_text(), re.MULTILINE)
            assert anchor in map(_anchor, headings), target


def test_the_image_is_built_by_the_steps_of_the_installation() -> None:
    containerfile = (ROOT / "deploy/Containerfile").read_text()
    steps = re.findall(r"^RUN (.*)", containerfile, re.MULTILINE)
    assert len(steps) == 5
    installation = shell_commands(ROOT / "docs/operations/install.md")
    assert [command for command in installation if command in steps] == steps
    upgrade = shell_commands(ROOT / "docs/operations/upgrade.md")
    assert [command for command in upgrade if command in steps] == steps[-2:]


def test_the_table_of_units_has_each_unit() -> None:
    listed = first_column(section("install.md", "4. The processes"))
    assert sorted(listed) == sorted(path.name for path in (ROOT / "deploy/systemd").iterdir())


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_every_unit_and_file_of_deploy_that_a_page_names_exists(page: Path) -> None:
    text = page.read_text()
    for name in re.findall(r"\binfoline[\w-]*(?:@\d*)?\.(?:service|timer|target)", text):
        assert (ROOT / "deploy/systemd" / re.sub(r"@\d+", "@", name)).is_file(), name
    for name in re.findall(r"\bdeploy/[\w./-]*\w", text):
        assert (ROOT / name).exists(), name


def test_the_open_paths_are_those_of_the_proxy() -> None:
    rows = re.findall(r"^\| (`/.*?) \| (.*?) \|", section("install.md", "5. The proxy"), re.MULTILINE)
    documented = {path.strip("/"): who for row, who in rows for path in _SPAN.findall(row)}
    configuration = (ROOT / "deploy/nginx/infoline.conf").read_text()
    found = {}
    for paths, body in re.findall(r"location (?:~ |= )?(\S+) \{(.*?)\n    \}", configuration, re.DOTALL):
        who = "the hospital's networks" if "infoline_is_inside" in body else "everybody"
        for path in re.findall(r"[a-z]+", paths):
            found[path] = who
    assert {path: who.partition(";")[0] for path, who in documented.items()} == found


def test_the_connections_of_a_process_are_those_of_the_pool() -> None:
    page = (ROOT / "docs/operations/postgresql.md").read_text()
    pool = open_ledger("postgresql://infoline@127.0.0.1/none").engine.pool
    size, overflow = pool.size(), pool._max_overflow
    assert f"keeps up to {size} connections open and opens up to {overflow} more" in " ".join(page.split())
    rows = {name: int(most) for name, most in re.findall(r"^\| (a [^|]+) \| (\d+) \|", page, re.MULTILINE)}
    assert rows == {
        "a web process": size + overflow,
        "a worker, with the child that runs a job": 2 * (size + overflow),
        "a clock": size + overflow,
    }
    # Two web processes, one worker and one clock on each of two machines.
    total = 2 * (2 * (size + overflow) + 2 * (size + overflow) + size + overflow)
    assert f"need at most {total}" in " ".join(page.split())


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_a_page_stays_short_enough_to_read(page: Path) -> None:
    assert len(page.read_text().splitlines()) <= 400


def test_the_security_table_names_every_technical_safeguard() -> None:
    """45 CFR 164.312 (a) to (e), with the implementation specifications of the rule's appendix A."""
    text = (ROOT / "docs/security.md").read_text()
    for name in (
        *("(a)(1) Access control", "Unique user identification (R)", "Emergency access procedure (R)"),
        *("Automatic logoff (A)", "Encryption and decryption (A)", "(b) Audit controls", "(c)(1) Integrity"),
        *("Mechanism to authenticate ePHI (A)", "(d) Person or entity authentication"),
        *("(e)(1) Transmission security", "Integrity controls (A)", "Encryption (A)"),
    ):
        assert f"| {name} |" in text, name
