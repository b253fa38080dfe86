"""The `infoline` command: thin doors to the rooms. Exit status 0 fine, 1 findings, 2 wrong use."""

from __future__ import annotations

from importlib import import_module

import click

# Where each command stands; only the one that is asked for is loaded, so that all of them start quickly.
COMMANDS = {
    "run": "processes",
    "web": "processes",
    "worker": "processes",
    "clock": "processes",
    "release": "processes",
    "call": "phone",
    "text": "phone",
    "ask": "ask",
    "prompts": "check",
    "reminders": "reminders",
    "calls": "calls",
    "db": "processes",
    "doctor": "doctor",
    "callbacks": "worklists",
    "todos": "worklists",
    "unanswered": "unanswered",
}


class _Commands(click.Group):
    """The commands of the table, in its order."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, _ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        command: click.Command = getattr(import_module(f"{__name__}.{COMMANDS[name]}"), name)
        return command


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="infoline", prog_name="infoline")
def main() -> None:
    """The information line: run it, call it, text it, change its words, send its reminders, call people back."""
