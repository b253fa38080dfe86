"""The `infoline` command: thin doors to the rooms. Exit status 0 fine, 1 findings, 2 wrong use."""

from __future__ import annotations

import click

from ivr.cli.calls import calls
from ivr.cli.doctor import doctor
from ivr.cli.line import ask, prompts
from ivr.cli.processes import clock, db, release, run, web, worker
from ivr.cli.reminders import reminders
from ivr.cli.telephone import call, text
from ivr.cli.waiting import callbacks, todos, unanswered

WAITING = (callbacks, todos, unanswered)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="infoline", prog_name="infoline")
def main() -> None:
    """The information line: run it, call it, text it, change its words, send its reminders, call people back."""


for command in (run, web, worker, clock, release, call, text, ask, prompts, reminders, calls, db, doctor, *WAITING):
    main.add_command(command)
