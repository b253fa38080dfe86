"""`infoline reminders …`: a scheduler's file goes in, and what became of it comes out."""

from __future__ import annotations

import sys
import textwrap
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from ivr import clock
from ivr.cli import reconcile, texts
from ivr.cli.common import (
    FINDINGS,
    NUMBER,
    WIDTH,
    content_or_exit,
    fail,
    ledger_or_exit,
    print_json,
    print_message,
    reports_ledger_outage,
    settings_or_exit,
)
from ivr.ledger import Vault
from ivr.reminders.imports.importer import Importer, ImportReport
from ivr.reminders.reports.status import CancelledBatch, NoSuchBatch, control
from ivr.reminders.reports.status import status as count

SHOWN = 20


@click.group()
def reminders() -> None:
    """Reminders: take appointments in, see where their texts are, stop them."""


for command in (*texts.COMMANDS, *reconcile.COMMANDS):
    reminders.add_command(command)


@reminders.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--dry-run", is_flag=True, help="Only say what would be taken in, and show the first texts.")
@click.option("--strict", is_flag=True, help="Take nothing in if any row is rejected.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object for programs.")
@reports_ledger_outage
def import_file(file: Path, dry_run: bool, strict: bool, as_json: bool) -> None:
    """Take in the appointments in FILE (CSV, XLSX, JSON or a FHIR Bundle).

    Good rows go in, though others be rejected. The same file again changes nothing; a newer one moves and cancels.
    """
    settings = settings_or_exit()
    ledger = ledger_or_exit(settings)
    content = content_or_exit(settings, ledger)
    ours = frozenset({settings.twilio_from} - {""})
    with Console(stderr=True).status("Reading…") as shown:
        importer = Importer(
            ledger, Vault.of(settings), content, lambda rows: shown.update(f"{rows:,} rows read…"), ours
        )
        report = (importer.rehearse if dry_run else importer.run)(file, clock.now(), strict=strict)
    if as_json:
        print_json(report.as_json())
    else:
        _print_report(report)
    sys.exit(FINDINGS if report.errors else 0)


def _print_report(report: ImportReport) -> None:
    for told, kind in ((report.errors, "error"), (report.warnings, "warning")):
        for item in told[:SHOWN]:
            row = f"row {item.row}" if item.row else "file"
            column = f", {item.column}" if item.column else ""
            print_message(f"{row}{column}", kind, item.message, item.code)
        if len(told) > SHOWN:
            click.echo(f"… and {len(told) - SHOWN} more: see them all with --json.")
    for text in report.preview or ():
        segments = f"{text.segments} segment{'s' if text.segments > 1 else ''}"
        click.echo(f"Row {text.row}, step {text.step}, {text.at}, {segments}:")
        click.echo(textwrap.fill(text.words, WIDTH, initial_indent="  ", subsequent_indent="  "))
    if report.batch is not None:
        click.echo(f"Batch {report.batch}. See where its texts are: infoline reminders status {report.batch}")
    click.echo(
        f"{report.rows} rows: {report.accepted} new, {report.updated} updated,"
        f" {report.unchanged} unchanged, {report.rejected} rejected."
        f"{' Nothing was written: this was a rehearsal.' if report.preview is not None else ''}"
    )


@reminders.command()
@click.argument("batch", required=False, type=NUMBER)
@click.option("--json", "as_json", is_flag=True, help="One JSON object for programs.")
@reports_ledger_outage
def status(batch: int | None, as_json: bool) -> None:
    """Where the texts are, of one BATCH or of all."""
    ledger = ledger_or_exit(settings_or_exit())
    try:
        counted = count(ledger, batch)
    except NoSuchBatch as error:
        fail(error)
    if as_json:
        print_json(counted)
    else:
        _print_status(counted)


def _print_status(counted: dict[str, Any]) -> None:
    table = Table(box=None, pad_edge=False)
    shown = counted.get("batches", [counted])
    states = [name for name in counted["texts"] if counted["texts"][name] or name in ("planned", "delivered")]
    for heading in ("batch", "appointments", *(name.replace("_", " ") for name in states)):
        table.add_column(heading, justify="right")
    for one in [*shown, counted] if "batches" in counted else [counted]:
        state = "" if one.get("live", True) else " (import unfinished: run it again)"
        state = state or (" (paused)" if one["paused"] and one["batch"] else "")
        name = f"{one['batch'] or 'all'}{state}"
        table.add_row(name, str(one["appointments"]), *(str(one["texts"][state]) for state in states))
    Console(highlight=False).print(table)
    for reason, number in counted["reasons"].items():
        click.echo(f"{number} {reason.replace('_', ' ')}")
    for alarm in counted.get("alarms", []):
        click.secho(f"ALARM {alarm['name']}: {alarm['detail']}", fg="red")


def _control(batch: int, done: str, **values: Any) -> None:
    ledger = ledger_or_exit(settings_or_exit())
    try:
        control(ledger, batch, **values)
        in_hand = count(ledger, batch)["texts"]["claimed"]
    except (NoSuchBatch, CancelledBatch) as error:
        fail(error)
    click.echo(f"Batch {batch} {done}.")
    if in_hand:
        click.echo(f"{in_hand} texts of it are with the worker at this moment and may still go out.")


@reminders.command()
@click.argument("batch", type=NUMBER)
@reports_ledger_outage
def pause(batch: int) -> None:
    """Send nothing more of BATCH until `resume`."""
    _control(batch, "is paused", paused=True)


@reminders.command()
@click.argument("batch", type=NUMBER)
@reports_ledger_outage
def resume(batch: int) -> None:
    """Go on with a paused BATCH."""
    _control(batch, "goes on", paused=False)


@reminders.command()
@click.argument("batch", type=NUMBER)
@reports_ledger_outage
def cancel(batch: int) -> None:
    """Send nothing more of BATCH, ever."""
    _control(batch, "is cancelled: what was not sent will not be", cancelled_at=_now())


def _now() -> datetime:
    return clock.now()
