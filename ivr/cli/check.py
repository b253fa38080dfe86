"""`infoline prompts check`, and the group of all commands about the words."""

from __future__ import annotations

import gc
import sys
import time
from importlib import import_module
from pathlib import Path

import click

from ivr.cli.common import FINDINGS, print_findings, print_json, settings_or_exit
from ivr.line.content.findings import BrokenPrompts
from ivr.line.content.loader import read_folder
from ivr.line.lint.runner import CheckReport, check_files

LEVELS = ("error", "warning")
# Where the other commands stand. They open the ledger, which takes longer to load than a check takes to run.
_MODULES = ("proof", "sign_off", "audio", "releases")


class _Prompts(click.Group):
    """All but `check` are loaded when another one is asked for, or a list of all."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        self._load()
        return super().list_commands(ctx)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in self.commands:
            self._load()
        return super().get_command(ctx, name)

    def _load(self) -> None:
        for module in _MODULES:
            for command in import_module(f"ivr.cli.{module}").COMMANDS:
                self.add_command(command)


@click.group(cls=_Prompts)
def prompts() -> None:
    """The words: check them, hear them, draw the line, publish, take back."""


@prompts.command("check")
@click.argument("folder", required=False, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON object for programs.")
def check_prompts(folder: Path | None, as_json: bool) -> None:
    """Prove that the words in FOLDER make a line that helps every caller."""
    # A check makes some hundred thousand objects that all live until its end; looking for rubbish costs a tenth of it.
    gc.disable()
    started = time.monotonic()
    report = checked(folder or settings_or_exit().prompts_dir)
    seconds = round(time.monotonic() - started, 2)
    gc.enable()
    if as_json:
        findings = [finding.as_json() for finding in report.findings]
        print_json({"states": report.states, "arrows": report.arrows, "seconds": seconds, "findings": findings})
    else:
        print_report(report)
        click.echo(f"{report.states} states, {report.arrows} arrows, {seconds} s.")
    sys.exit(FINDINGS if report.broken else 0)


def checked(folder: Path) -> CheckReport:
    """What a check of a folder finds; a folder that is none is a finding too."""
    try:
        return check_files(read_folder(folder), in_two=True)
    except BrokenPrompts as broken:
        return CheckReport(0, 0, tuple(broken.findings))


def print_report(report: CheckReport) -> None:
    print_findings(report.findings)
    counts = [sum(finding.level == level for finding in report.findings) for level in LEVELS]
    told = (f"{count} {level}{'' if count == 1 else 's'}" for count, level in zip(counts, LEVELS, strict=True))
    click.echo(f"{', '.join(told)}.")
