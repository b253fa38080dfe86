"""`infoline reminders status`, and `pause`, `resume` and `cancel` for a batch."""

from __future__ import annotations

from typing import Any

import click

from ivr import clock
from ivr.cli.console import NUMBER, echo, exit_on, json_option, print_json, print_table
from ivr.cli.context import open_context
from ivr.reminders.reports.status import CancelledBatch, NoSuchBatch, control
from ivr.reminders.reports.status import batch_status as count_texts

_ALWAYS_SHOWN = ("planned", "delivered")


@click.command()
@click.argument("batch", required=False, type=NUMBER)
@json_option
def status(batch: int | None, as_json: bool) -> None:
    """Count the texts of BATCH, or of all batches, by state."""
    with exit_on(NoSuchBatch):
        counts = count_texts(open_context().ledger, batch)
    if as_json:
        print_json(counts)
    else:
        _print(counts)


def _print(counts: dict[str, Any]) -> None:
    states = [state for state, count in counts["texts"].items() if count or state in _ALWAYS_SHOWN]
    headings = ("batch", "appointments", *(state.replace("_", " ") for state in states))
    batches = [*counts["batches"], counts] if "batches" in counts else [counts]
    rows = [
        (_batch_name(batch), str(batch["appointments"]), *(str(batch["texts"][state]) for state in states))
        for batch in batches
    ]
    print_table(headings, rows, right=headings)
    for reason, number in counts["reasons"].items():
        echo(f"{number} {reason.replace('_', ' ')}")
    for alarm in counts.get("alarms", []):
        echo(f"ALARM {alarm['name']}: {alarm['detail']}", fg="red")


def _batch_name(batch: dict[str, Any]) -> str:
    if not batch.get("live", True):
        return f"{batch['batch']} (import unfinished: run it again)"
    paused = " (paused)" if batch["paused"] and batch["batch"] else ""
    return f"{batch['batch'] or 'all'}{paused}"


@click.command()
@click.argument("batch", type=NUMBER)
def pause(batch: int) -> None:
    """Hold the texts of BATCH until `resume`."""
    _control(batch, "is paused", paused=True)


@click.command()
@click.argument("batch", type=NUMBER)
def resume(batch: int) -> None:
    """Continue a paused BATCH."""
    _control(batch, "is active again", paused=False)


@click.command()
@click.argument("batch", type=NUMBER)
def cancel(batch: int) -> None:
    """Cancel the texts of BATCH that have not gone out."""
    _control(batch, "is cancelled: its remaining texts will not be sent", cancelled_at=clock.now())


def _control(batch: int, result: str, **values: Any) -> None:
    ledger = open_context(writes=True).ledger
    with exit_on(NoSuchBatch, CancelledBatch):
        control(ledger, batch, **values)
        in_progress = count_texts(ledger, batch)["texts"]["claimed"]
    echo(f"Batch {batch} {result}.")
    if in_progress:
        echo(f"A worker holds {in_progress} of its texts, which may still go out.")
