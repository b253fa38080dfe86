"""`infoline reminders pull`: appointments from a FHIR server."""

from __future__ import annotations

import signal
import sys
import threading
from typing import TYPE_CHECKING

import click

from ivr import clock
from ivr.cli.console import FINDINGS, echo, exit_on, fail
from ivr.cli.context import CommandContext, open_context

if TYPE_CHECKING:
    from ivr.feeds.fhir.pull import FhirPull
    from ivr.feeds.fhir.server import Client
    from ivr.settings import Settings


@click.command()
@click.option("--fhir", "url", required=True, metavar="URL", help="The base address of a FHIR R4 server.")
@click.option("--once", is_flag=True, help="Pull once, and end.")
def pull(url: str, once: bool) -> None:
    """Import the appointments that changed on a FHIR server.

    Continues where the last pull stopped, and repeats every FHIR_SECONDS.
    """
    from ivr import log
    from ivr.feeds.fhir.server import FhirError
    from ivr.ledger import LedgerUnavailable

    context = open_context(writes=True)
    puller = _puller(context, url)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    log.configure()
    while not stop.is_set():
        try:
            report = puller.run(clock.now())
        except (FhirError, LedgerUnavailable) as error:
            if once:
                fail(error)
        else:
            for rejected in report.errors:
                echo(f"appointment {rejected.row}, {rejected.column}: {rejected.message}")
            echo(
                f"{report.rows} appointments: {report.accepted} new, {report.updated} updated,"
                f" {report.unchanged} unchanged, {report.rejected} rejected."
            )
            if once:
                sys.exit(FINDINGS if report.errors else 0)
        stop.wait(context.settings.fhir_seconds)


def _puller(context: CommandContext, url: str) -> FhirPull:
    from ivr.feeds.fhir.pull import FhirPull
    from ivr.feeds.fhir.server import FhirError, FhirServer
    from ivr.reminders.imports.importer import Importer

    own_numbers = frozenset({context.settings.twilio_from} - {""})
    importer = Importer(context.ledger, context.vault, context.content, own_numbers=own_numbers)
    with exit_on(FhirError):
        return FhirPull(FhirServer(url, _client(context.settings), clock.now), url, importer)


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
