"""Help texts need no heavy import, and the tables that they come from match the commands."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from ivr.cli import main
from ivr.cli.lazy import LazyGroup
from tests.support.paths import ROOT

ALWAYS_HEAVY = {"numpy", "babel", "phonenumbers", "holidays", "redis", "rq", "twilio", "alembic", "flask", "rich"}
HEAVY = ALWAYS_HEAVY | {"sqlalchemy", "pydantic", "yaml", "cryptography", "structlog"}
HELP = [["--help"], ["prompts", "--help"], ["reminders", "--help"], ["run", "--help"], ["call", "--help"]]


def imported(arguments: list[str], environment: dict[str, str]) -> set[str]:
    """The top-level modules in a process that has run a command."""
    program = "import atexit, sys; atexit.register(lambda: print(*sys.modules, file=sys.stderr));"
    program += f"from ivr.cli import main; main({arguments!r})"
    process = subprocess.run(
        [sys.executable, "-c", program], env=environment, cwd=ROOT, capture_output=True, text=True, check=True
    )
    return {name.partition(".")[0] for name in process.stderr.split()}


@pytest.mark.parametrize("arguments", HELP, ids=" ".join)
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    assert imported(arguments, dict(os.environ)) & HEAVY == set()


def test_reminders_status_imports_only_the_database_and_the_settings(tmp_path) -> None:
    environment = {**os.environ, "VAR_DIR": str(tmp_path)}
    CliRunner(env=environment).invoke(main, ["db", "upgrade"], catch_exceptions=False)
    assert imported(["reminders", "status"], environment) & HEAVY == {"sqlalchemy", "pydantic"}


def lazy_groups(group: LazyGroup = main) -> Iterator[LazyGroup]:  # type: ignore[assignment]
    yield group
    for name in group.commands_table:
        command = group.get_command(click.Context(group), name)
        if isinstance(command, LazyGroup):
            yield from lazy_groups(command)


ENTRIES = [(group, name) for group in lazy_groups() for name in group.commands_table]


@pytest.mark.parametrize(("group", "name"), ENTRIES, ids=[f"{group.name} {name}" for group, name in ENTRIES])
def test_the_table_has_the_name_and_short_help_of_each_command(group: LazyGroup, name: str) -> None:
    command = group.get_command(click.Context(group), name)
    assert command is not None
    assert (command.name, command.get_short_help_str(limit=200)) == (name, group.commands_table[name][1])


def all_commands(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield path
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            assert child is not None
            yield from all_commands(child, (*path, name))


@pytest.mark.parametrize("path", [*all_commands(main)], ids=lambda path: " ".join(path) or "infoline")
def test_each_help_text_fits_80_columns(path: tuple[str, ...]) -> None:
    result = CliRunner().invoke(main, [*path, "--help"], catch_exceptions=False)
    assert result.exit_code == 0
    assert max(map(len, result.output.splitlines())) <= 80
