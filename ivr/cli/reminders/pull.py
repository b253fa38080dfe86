"""`infoline reminders pull`: appointments from a FHIR server."""

from __future__ import annotations

import sys
from datetime import date
from typing import TYPE_CHECKING

import click
from rich.console import Console

from ivr import clock
from ivr.cli.console import FINDINGS, echo, exit_on, fail, print_message
from ivr.cli.context import CommandContext, open_context, settings_or_exit
from ivr.cli.reminders.stopping import stop_on_signals, wait_without

if TYPE_CHECKING:
    from collections.abc import Callable

    from ivr.feeds.fhir.pull import FhirPull, PullReport
    from ivr.feeds.fhir.server import Client
    from ivr.settings import Settings

SHOWN = 20
"""Rejected appointments that are printed after a pull, all of which are work items, and warnings about others."""


@click.command()
@click.option("--fhir", "url", default="", metavar="URL", help="The address of a FHIR R4 server. Default: FHIR_URL.")
@click.option("--once", is_flag=True, help="Pull once, and end.")
def pull(url: str, once: bool) -> None:
    """Import the appointments that changed on a FHIR server.

    Continues where the last pull stopped, and repeats every FHIR_SECONDS. Without an address it waits to be stopped.
    """
    from ivr import log
    from ivr.feeds.fhir.server import FhirError
    from ivr.ledger import LedgerUnavailable
    from ivr.reminders.feed_heartbeats import FeedName, Heartbeat

    stop = stop_on_signals()
    url = url or settings_or_exit().fhir_url
    if not url:
        wait_without("FHIR_URL", once, stop)
        return
    context = open_context(writes=True)
    heartbeat = Heartbeat(context.ledger, FeedName.PULL)

    def report_alive() -> None:
        if not once:
            heartbeat.beat(clock.now())

    with Console(stderr=True).status("Reading…") as status:

        def progress(rows: int, until: date | None) -> None:
            status.update(_progress(rows, until))
            report_alive()

        puller = _puller(context, url, progress, stop.is_set)
        content = context.live_content()
        log.configure()
        while not stop.is_set():
            status.start()
            try:
                report = puller.with_content(content()).run(clock.now())
            except (FhirError, LedgerUnavailable) as error:
                if once:
                    fail(error)
            else:
                status.stop()
                _print(report)
                if once:
                    sys.exit(FINDINGS if report.errors or report.unreadable else 0)
            status.stop()
            # A pull that failed has an alarm of its own.
            report_alive()
            stop.wait(context.settings.fhir_seconds)


def _progress(rows: int, until: date | None) -> str:
    return f"{rows:,} appointments read{f', all that start before {until}' if until else ''}…"


def _print(report: PullReport) -> None:
    for rejected in report.rejected_appointments[:SHOWN]:
        for error in rejected.errors:
            name = rejected.cells.get("appointment_id") or rejected.resource_id
            print_message(f"appointment {name}, {error.column}", "error", error.message, error.code)
    if len(report.rejected_appointments) > SHOWN:
        echo(f"… and {len(report.rejected_appointments) - SHOWN} more. List them: infoline hl7 items")
    # Those without an appointment are about files.
    warnings = [warning for warning in report.warnings if warning.row in report.warned_ids]
    for warning in warnings[:SHOWN]:
        name = report.warned_ids[warning.row]
        print_message(f"appointment {name}, {warning.column}", "warning", warning.message, warning.code)
    if len(warnings) > SHOWN:
        echo(f"… and {len(warnings) - SHOWN} more warnings.")
    if report.unreadable:
        echo(
            f"{report.unreadable} entries of the server's answers could not be read, so appointments may be missing:"
            " ask who runs the server."
        )
    echo(
        f"{report.rows} appointments: {report.accepted} new, {report.updated} updated,"
        f" {report.unchanged} unchanged, {report.rejected} rejected."
        f"{'' if report.is_complete else ' Stopped: the next pull continues.'}"
    )


def _puller(
    context: CommandContext, url: str, progress: Callable[[int, date | None], None], should_stop: Callable[[], bool]
) -> FhirPull:
    from ivr.feeds.fhir.pull import FhirPull
    from ivr.feeds.fhir.server import FhirError, FhirServer
    from ivr.reminders.imports.importer import Importer

    own_numbers = frozenset({context.settings.twilio_from} - {""})
    importer = Importer(context.ledger, context.vault, context.content, own_numbers=own_numbers)
    with exit_on(FhirError):
        return FhirPull(FhirServer(url, _client(context.settings), clock.now), url, importer, progress, should_stop)


def _client(settings: Settings) -> Client | None:
    from ivr.feeds.fhir.server import Client

    if not settings.fhir_client_id:
        return None
    if settings.fhir_key is None:
        fail("FHIR_CLIENT_ID needs FHIR_KEY: set it to the file of the private key.")
    try:
        return Client(settings.fhir_client_id, settings.fhir_key.read_bytes(), settings.fhir_key_id)
    except OSError as error:
        fail(f"FHIR_KEY cannot be read ({error.strerror}): check {settings.fhir_key}.")
