"""`infoline reminders watch`: imports the files that a scheduling system puts into a folder."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ivr import clock
from ivr.cli.console import FINDINGS, echo, fail
from ivr.cli.context import CommandContext, open_context, settings_or_exit
from ivr.cli.reminders.stopping import stop_on_signals, wait_without

if TYPE_CHECKING:
    from ivr.feeds.folder import WatchedFolder


@click.command()
@click.argument("folder", required=False, type=click.Path(path_type=Path))
@click.option("--strict", is_flag=True, help="Import nothing from a file with a rejected row. Default: WATCH_STRICT.")
@click.option(
    "--every", type=click.FloatRange(0.1, 3600), default=5.0, show_default=True, help="Seconds between scans."
)
@click.option("--once", is_flag=True, help="Take the files that are there, and end.")
def watch(folder: Path | None, strict: bool, every: float, once: bool) -> None:
    """Import each file that appears in FOLDER, or in WATCH_FOLDER.

    A file is taken once it has not changed for WATCH_QUIET_SECONDS, and moved to done/ or failed/ with a report beside
    it. The same content is imported only once. Without a folder the command waits to be stopped.
    """
    from ivr import log
    from ivr.ledger import LedgerUnavailable
    from ivr.reminders.feed_heartbeats import FeedName, Heartbeat

    stop = stop_on_signals()
    settings = settings_or_exit()
    folder = folder or settings.watch_folder
    if folder is None:
        wait_without("WATCH_FOLDER", once, stop)
        return
    if not folder.is_dir():
        fail(f"There is no folder {folder}: create it, or correct WATCH_FOLDER.")
    context = open_context(writes=True)
    heartbeat = Heartbeat(context.ledger, FeedName.WATCH)
    watched = _watched(context, folder, strict or settings.watch_strict)
    failed = scans = 0
    started = clock.now()
    log.configure()
    log.log_start("watch", interval=every)
    while not stop.is_set():
        now = clock.now()
        try:
            for taken in watched.scan(now):
                failed += not taken.is_done
                echo(f"{taken.name}: {taken.moved_to.relative_to(folder)}")
            if not once:
                heartbeat.beat(now)
        except (OSError, LedgerUnavailable) as error:
            if once:
                fail(f"The folder could not be read, or a file not moved: {error}.")
            log.get_logger().error("watched_folder_interrupted", reason=str(error))
        scans += 1
        # The first scan only notes what is there.
        if once and (not watched.waiting or scans > 1 and now - started > watched.quiet):
            for name in watched.waiting:
                echo(f"{name}: left, because it still changes.")
            sys.exit(FINDINGS if failed else 0)
        stop.wait(min(every, 1.0) if once else every)


def _watched(context: CommandContext, folder: Path, strict: bool) -> WatchedFolder:
    from ivr.feeds.folder import WatchedFolder

    own_numbers = frozenset({context.settings.twilio_from} - {""})
    quiet = timedelta(seconds=context.settings.watch_quiet_seconds)
    return WatchedFolder(folder, context.ledger, context.vault, context.live_content(), own_numbers, strict, quiet)
