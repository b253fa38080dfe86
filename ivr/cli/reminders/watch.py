"""`infoline reminders watch`: imports the files that a scheduling system puts into a folder."""

from __future__ import annotations

import signal
import sys
import threading
from pathlib import Path

import click

from ivr import clock
from ivr.cli.console import FINDINGS, echo, fail
from ivr.cli.context import open_context


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--strict", is_flag=True, help="Import nothing from a file with a rejected row. Default: WATCH_STRICT.")
@click.option(
    "--every", type=click.FloatRange(0.1, 3600), default=5.0, show_default=True, help="Seconds between scans."
)
@click.option("--once", is_flag=True, help="Take the files that are there, and end.")
def watch(folder: Path, strict: bool, every: float, once: bool) -> None:
    """Import each file that appears in FOLDER.

    A file is taken once it has not changed between two scans, and moved to done/ or failed/ with a report beside it.
    The same content is imported only once.
    """
    from ivr import log
    from ivr.feeds.expected_file import ExpectedFile
    from ivr.feeds.folder import WatchedFolder
    from ivr.ledger import LedgerUnavailable
    from ivr.reminders.imports.importer import Importer

    context = open_context(writes=True)
    settings = context.settings
    importer = Importer(
        context.ledger, context.vault, context.content, own_numbers=frozenset({settings.twilio_from} - {""})
    )
    expected = ExpectedFile.parse(settings.watch_expected_by)
    watched = WatchedFolder(
        folder, context.ledger, importer, context.config.zone, strict or settings.watch_strict, expected
    )
    stop, failed, scans = threading.Event(), 0, 0
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    log.configure()
    log.log_start("watch", interval=every)
    while not stop.is_set():
        try:
            for taken in watched.scan(clock.now()):
                failed += not taken.is_done
                echo(f"{taken.name}: {taken.moved_to.relative_to(folder)}")
            watched.check_expected(clock.now())
        except (OSError, LedgerUnavailable) as error:
            if once:
                fail(f"The folder could not be read, or a file not moved: {error}.")
            log.get_logger().error("watched_folder_interrupted", reason=str(error))
        scans += 1
        # The first scan only notes what is there.
        if once and scans == 2:
            sys.exit(FINDINGS if failed else 0)
        stop.wait(min(every, 1.0) if once else every)
