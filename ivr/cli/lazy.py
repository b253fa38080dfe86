"""Command groups that import a command only when it runs, so that `infoline --help` starts at once."""

from __future__ import annotations

import gc
import sys
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click

from ivr.cli.console import fail

CommandTable = Mapping[str, tuple[str, str]]
"""Command name to ("module:attribute", short help). A test compares each short help with the command's docstring."""


class LazyGroup(click.Group):
    """A group of the commands of a table, in its order.

    https://click.palletsprojects.com/en/stable/complex/#lazily-loading-subcommands
    """

    def __init__(self, *args: Any, commands_table: CommandTable, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.commands_table = commands_table

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(self.commands_table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in self.commands_table:
            return None
        module, _, attribute = self.commands_table[cmd_name][0].partition(":")
        # Imports create objects that live on: searching them for garbage takes a tenth of the time of a short command.
        gc.disable()
        try:
            command: click.Command = getattr(import_module(module), attribute)
        finally:
            gc.enable()
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command. A database outage or an unknown key ends it with a sentence and status 2."""
        if sys.platform == "win32":
            # Before a command is imported, which needs modules that Windows lacks.
            fail("Windows: use WSL (wsl --install in a terminal of an administrator), and run infoline inside it.")
        try:
            return super().invoke(ctx)
        except Exception as error:
            # Only a command that has imported the database can raise its errors, and others start faster without it.
            if "ivr.ledger" not in sys.modules:
                raise
            from ivr.ledger import LedgerUnavailable
            from ivr.ledger.vault import UnknownKey

            if not isinstance(error, (LedgerUnavailable, UnknownKey)):
                raise
            fail(error)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, short_help) for name, (_, short_help) in self.commands_table.items()])
