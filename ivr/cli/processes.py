"""`infoline web`, `worker` and `clock`: the processes of the line."""

from __future__ import annotations

import logging
import os
import socket
import sys
from typing import TYPE_CHECKING

import click

from ivr.cli.console import exit_on, fail
from ivr.cli.context import settings_or_exit

if TYPE_CHECKING:
    from ivr.settings import Settings

# A thread blocks while its request waits. There are more than may wait for the database at once (PLACES in
# ivr/web/webhook.py), so that some stay free for calls: docs/decisions/0007.
WEB_THREADS = 32
# Granian's backpressure: further connections wait until one closes, even if all the others are idle.
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
@click.option("--port", type=click.IntRange(1, 65535), help="The port to listen on. Default: PORT, else 8000.")
def web(port: int | None) -> None:
    """Answer calls and text messages."""
    if port:
        os.environ["PORT"] = str(port)
    settings = settings_or_exit(save_keys=True)
    _refuse_wrong_keys(settings)
    host = "127.0.0.1" if settings.loopback else "0.0.0.0"  # noqa: S104 - a public line listens on all interfaces
    if not port_is_free(settings.port, host):
        fail(f"Port {settings.port} is in use: stop the other program, or choose another port with --port.")
    from granian import Granian
    from granian.constants import Interfaces
    from granian.log import LogLevels

    # Granian recommends fewer threads at each start, but these mostly wait for the database.
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


def _refuse_wrong_keys(settings: Settings) -> None:
    """Exit if the database needs other keys. While it does not answer, the line starts: calls do not need it."""
    from ivr.ledger import Vault
    from ivr.ledger.keys import WrongKeys, refuse_wrong_keys

    with exit_on(WrongKeys):
        refuse_wrong_keys(settings.database_url, Vault.of(settings))


@click.command()
def worker() -> None:
    """Send due reminders and reconcile uncertain ones."""
    _exec_worker()


@click.command()
def clock() -> None:
    """Find due work and queue jobs for the workers."""
    _exec_worker("clock")


def _exec_worker(*arguments: str) -> None:
    """Replace this process by one of the worker package, which the command must not import."""
    os.execv(sys.executable, [sys.executable, "-m", "worker", *arguments])  # noqa: S606 - no shell
