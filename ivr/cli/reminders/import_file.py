"""`infoline reminders import`: a scheduler's file of appointments."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path

import click
from rich.console import Console

from ivr import clock
from ivr.cli.console import FINDINGS, WIDTH, echo, json_option, print_json, print_message
from ivr.cli.context import open_context
from ivr.reminders.imports.files import ReadOptions
from ivr.reminders.imports.importer import Importer, ImportReport

SHOWN = 20


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--dry-run", is_flag=True, help="Write nothing; print the result and the first texts.")
@click.option("--strict", is_flag=True, help="Import nothing if any row is rejected.")
@click.option("--hidden-rows", is_flag=True, help="Import rows of a workbook even if they are hidden.")
@click.option("--sheet", default="", metavar="NAME", help="Import this sheet of a workbook.")
@json_option
def import_file(  # noqa: PLR0913 - one parameter per option
    file: Path, dry_run: bool, strict: bool, hidden_rows: bool, sheet: str, as_json: bool
) -> None:
    """Import the appointments in FILE.

    FILE is CSV, XLSX, JSON or a FHIR Bundle. Valid rows are imported even if others are rejected. Importing the
    same file again changes nothing; a newer file moves and cancels appointments.
    """
    context = open_context(writes=not (dry_run or as_json))
    own_numbers = frozenset({context.settings.twilio_from} - {""})
    with Console(stderr=True).status("Reading…") as progress:
        importer = Importer(
            context.ledger,
            context.vault,
            context.content,
            lambda rows: progress.update(f"{rows:,} rows read…"),
            own_numbers,
            ReadOptions(sheet, hidden_rows),
        )
        report = (importer.dry_run if dry_run else importer.run)(file, clock.now(), strict=strict)
    if as_json:
        print_json(report.as_json())
    else:
        _print(report)
    sys.exit(FINDINGS if report.errors else 0)


def _print(report: ImportReport) -> None:
    for problems, level in ((report.errors, "error"), (report.warnings, "warning")):
        for problem in problems[:SHOWN]:
            row = f"row {problem.row}" if problem.row else "file"
            column = f", {problem.column}" if problem.column else ""
            print_message(f"{row}{column}", level, problem.message, problem.code)
        if len(problems) > SHOWN:
            echo(f"… and {len(problems) - SHOWN} more: list them all with --json.")
    for text in report.preview or ():
        segments = f"{text.segments} segment{'s' if text.segments > 1 else ''}"
        echo(f"Row {text.row}, step {text.step}, {text.at}, {segments}:")
        echo(textwrap.fill(text.words, WIDTH, initial_indent="  ", subsequent_indent="  "))
    if report.batch is not None:
        echo(f"Batch {report.batch}. To track its texts: infoline reminders status {report.batch}")
    echo(
        f"{report.rows} rows: {report.accepted} new, {report.updated} updated,"
        f" {report.unchanged} unchanged, {report.rejected} rejected."
        f"{' Nothing was written: this was a dry run.' if report.preview is not None else ''}"
    )
