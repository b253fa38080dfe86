"""`infoline web | worker | clock | release | run` and `infoline db upgrade`: the processes of the line."""

from __future__ import annotations

import logging
import os
import socket
import sys
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from ivr import clock as now_clock
from ivr import log
from ivr.cli.common import (
    FINDINGS,
    announce_release,
    current_user,
    fail,
    ledger_or_exit,
    reports_ledger_outage,
    settings_or_exit,
)
from ivr.cli.diff import print_sides
from ivr.ledger import LedgerUnavailable, open_ledger
from ivr.line.content.findings import BrokenPrompts
from ivr.line.content.loader import content_digest, read_content, read_folder
from ivr.releases.cache import NoRelease, live_content
from ivr.releases.history import sides
from ivr.releases.store import Diverged, live_release, publish_folder_if_changed
from ivr.settings import Settings

# A thread waits with whatever its request waits for. These are more than may wait for the ledger at once (see PLACES
# in ivr/web/webhook.py), so that some are left for calls: docs/decisions/0007.
WEB_THREADS = 32
# The server calls it backpressure: connections beyond these wait until one closes, however idle the others are.
WEB_CONNECTIONS = 800


def port_is_free(port: int, host: str = "127.0.0.1") -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), help="The port to serve on; default PORT, else 8000.")
def web(port: int | None) -> None:
    """Answer calls and texts."""
    if port:
        os.environ["PORT"] = str(port)
    settings = settings_or_exit()
    host = "127.0.0.1" if settings.loopback else "0.0.0.0"  # noqa: S104 - a public line listens to all
    if not port_is_free(settings.port, host):
        fail(f"Port {settings.port} is taken by another program: end it, or choose another with --port.")
    from granian import Granian
    from granian.constants import Interfaces
    from granian.log import LogLevels

    # The server would advise fewer threads at each start; ours wait most of their time.
    logging.getLogger("_granian").addFilter(lambda record: "Python threads" not in record.getMessage())
    Granian(
        "ivr:create_app",
        factory=True,
        interface=Interfaces.WSGI,
        address=host,
        port=settings.port,
        workers=settings.web_workers,
        blocking_threads=WEB_THREADS,
        backpressure=WEB_CONNECTIONS,
        log_level=LogLevels.warning,
        respawn_failed_workers=True,
    ).serve()


@click.command()
def worker() -> None:
    """Send what is due, and look for what is uncertain."""
    os.execv(sys.executable, [sys.executable, "-m", "worker"])  # noqa: S606 - no shell


@click.command()
def clock() -> None:
    """Look for what is due, and start jobs for the workers."""
    os.execv(sys.executable, [sys.executable, "-m", "worker", "clock"])  # noqa: S606 - no shell


@click.command()
@reports_ledger_outage
def release() -> None:
    """Bring the ledger up to date, then publish the words if the folder changed."""
    settings = settings_or_exit()
    open_ledger(settings.database_url).upgrade()
    sys.exit(publish_folder(settings))


def publish_folder(settings: Settings) -> int:
    """Publish prompts/ when it changed; what is broken is told and never goes live. Returns the exit status."""
    try:
        files = read_folder(settings.prompts_dir)
    except BrokenPrompts as broken:
        click.echo(broken, err=True)
        return FINDINGS
    ledger = open_ledger(settings.database_url)
    live = live_release(ledger)
    if live and live.digest == content_digest(files):
        # It was proved when it was published.
        return 0
    # A web process starts without the proofs, and what they need.
    from ivr.line.lint.runner import check_files

    report = check_files(files)
    if report.broken:
        for finding in report.findings:
            if finding.level == "error":
                click.echo(finding, err=True)
        click.echo("The words were not published: put the errors right first. What was live stays live.", err=True)
        return FINDINGS
    try:
        published = publish_folder_if_changed(ledger, read_content(files), now_clock.now(), current_user())
    except Diverged as error:
        click.echo(error, err=True)
        print_sides(*sides(ledger, error.base, error.live, files))
        return FINDINGS
    if published:
        announce_release(published, settings)
    return 0


@click.group()
def db() -> None:
    """The ledger's tables."""


@db.command()
def upgrade() -> None:
    """Bring the ledger's tables up to this version."""
    settings = settings_or_exit()
    try:
        open_ledger(settings.database_url).upgrade()
    except LedgerUnavailable as error:
        fail(error)
    click.echo("The ledger is up to date.")


@click.command()
@click.option("--at", "at", metavar="ISO", help="Play that it is this moment, for example 2026-12-06T23:00.")
@click.option("--empty", is_flag=True, help="Begin with nothing; what earlier runs left is set aside.")
def run(at: str | None, empty: bool) -> None:
    """Start everything on this machine: the line, a simulated phone network, an embedded queue."""
    from ivr.cli.supervisor import Supervisor, set_aside

    settings = settings_or_exit()
    if not settings.loopback:
        fail("`infoline run` is for a machine of one's own. In public, start what the Procfile lists.")
    _check_ports(settings)
    if empty:
        if not settings.database_url.startswith("sqlite"):
            fail("--empty sets aside the ledger in VAR_DIR, but DATABASE_URL names another one: empty it yourself.")
        set_aside(settings.var_dir)
        settings = settings_or_exit()
    shift = _shift_seconds(at, settings)
    now_clock.set_shift(shift)
    ledger = ledger_or_exit(settings)
    status = publish_folder(settings)
    try:
        zone = live_content(ledger, settings.var_dir, settings.prompts_dir).config.zone
    except NoRelease:
        fail("There is no release to go on with.", status or FINDINGS)
    ledger.close()
    log.configure()
    sys.exit(Supervisor(settings, shift, zone).run())


def _check_ports(settings: Settings) -> None:
    simulator = int(settings.simulator_url.rsplit(":", 1)[1])
    for port, what in ((settings.port, "PORT"), (simulator, "SIMULATOR_URL")):
        if not port_is_free(port):
            fail(f"Port {port} is taken, perhaps by a line that runs already: end it, or set {what} to another one.")


def _shift_seconds(at: str | None, settings: Settings) -> float:
    if at is None:
        return settings.clock_shift_seconds
    try:
        moment = datetime.fromisoformat(at)
    except ValueError:
        fail(f"`{at}` is not a moment: write it like 2026-12-06T23:00.")
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=_zone(settings.prompts_dir))
    now_clock.set_shift(0)
    return (moment - now_clock.now()).total_seconds()


def _zone(prompts_dir: Path) -> ZoneInfo:
    try:
        return read_content(read_folder(prompts_dir)).config.zone
    except BrokenPrompts:
        return ZoneInfo("America/New_York")
