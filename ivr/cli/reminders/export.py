"""`infoline reminders export`: the texts of a batch for a spreadsheet."""

from __future__ import annotations

import errno
import io
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

import click
from rich.console import Console

from ivr import clock
from ivr.cli.console import NUMBER, echo, exit_on, json_option
from ivr.cli.context import open_context
from ivr.people.audit import AuditKind
from ivr.reminders.reports.export import COLUMNS, UnwritableFile, export_texts, private_file, write_csv
from ivr.reminders.reports.status import NoSuchBatch


@click.command("export")
@click.argument("batch", type=NUMBER)
@click.option("-o", "--output", "path", required=True, metavar="FILE", help="The file to write; - is standard output.")
@click.option("--numbers", is_flag=True, help="Include full numbers and first names: keep such a file safe.")
@json_option
def export_batch(batch: int, path: str, numbers: bool, as_json: bool) -> None:
    """Write every text of BATCH to a CSV file.

    Each row has the state of a text and the reason for it; a planned text without a reason is not due yet. Times
    are in the time zone of the appointment. Without --numbers, numbers are masked and names left out. A cell that a
    spreadsheet could run as a formula is prefixed with an apostrophe.
    """
    columns = [name for name in COLUMNS if numbers or name != "first_name"]
    context = open_context()
    rules = context.config.reminders
    if numbers:
        context.record(AuditKind.NUMBERS_EXPORTED, batch=batch)
    with exit_on(NoSuchBatch, UnwritableFile), Console(stderr=True).status("Writing…") as progress:
        rows = export_texts(context.ledger, context.vault, rules, batch, clock.now(), numbers)
        with _standard_output() if path == "-" else private_file(Path(path)) as file:
            count = write_csv(rows, file, columns, lambda count: progress.update(f"{count:,} texts written…"))
    summary = {"batch": batch, "file": path, "texts": count}
    echo(json.dumps(summary) if as_json else f"{count} texts of batch {batch}.", err=path == "-")


@contextmanager
def _standard_output() -> Iterator[TextIO]:
    """Standard output with the encoding and line ends of a file."""
    out = io.TextIOWrapper(sys.stdout.buffer, "utf-8-sig", newline="")
    try:
        yield out
        out.flush()
    except OSError as error:
        # The reader closed the pipe; click exits silently.
        if error.errno == errno.EPIPE:
            raise
        raise UnwritableFile(f"Standard output cannot be written: {error.strerror}.") from None
    finally:
        with suppress(OSError):
            out.detach()
