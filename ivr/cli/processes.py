"""`infoline web`, `worker` and `clock`: the processes of the line."""

from __future__ import annotations

import errno
import os
import sys
from functools import partial
from typing import TYPE_CHECKING

import click

from ivr.cli.console import exit_on, fail
from ivr.cli.context import settings_or_exit

if TYPE_CHECKING:
    from ivr.settings import Settings
    from ivr.web.doors import Doors
    from ivr.web.server.process import Served
    from ivr.web.services import Services


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), help="The port to listen on. Default: PORT, else 8000.")
@click.option(
    "--doors",
    type=click.Choice(("twilio", "console", "all")),
    default="all",
    show_default=True,
    help="Answer Twilio, the console's pages, or both.",
)
def web(port: int | None, doors: Doors) -> None:
    """Answer calls and text messages."""
    if port:
        os.environ["PORT"] = str(port)
    settings = settings_or_exit(save_keys=True)
    _refuse_wrong_keys(settings)
    from ivr import log
    from ivr.web.server.process import listen, serve

    try:
        listener = listen(settings.bind_address, settings.port)
    except OSError as error:
        fail(_cannot_listen(error, settings.bind_address, settings.port))
    log.configure()
    serve(partial(line_site, doors), listener, settings.web_workers)


def line_site(doors: Doors = "all") -> Served:
    """Return what a web process serves: the line of the environment's settings.

    Beside Twilio's doors, the console is served by a process of its own.
    """
    from ivr import create_app, tracing
    from ivr.settings import load
    from ivr.web.body_files import BodyFolder
    from ivr.web.doors import WithConsole
    from ivr.web.server.process import Served

    settings = load()
    tracing.configure(settings.otel_exporter_otlp_endpoint, "web")
    apart = doors == "all" and bool(settings.secret_key)
    app = create_app(settings, "twilio" if apart else doors)
    services: Services = app.extensions["infoline"]
    live = services.releases.live
    description = {
        "release": live.digest if live else None,
        "database": "sqlite" if services.ledger.is_sqlite else "postgresql",
        "queue": bool(settings.redis_url),
    }
    per_address, proxies = settings.connections_per_address, settings.proxy_networks
    return Served(
        app.wsgi_app,
        services.requests,
        per_address,
        proxies,
        description,
        prepare=app.wsgi_app.prepare if isinstance(app.wsgi_app, WithConsole) else lambda: None,
        close=services.close,
        console=partial(line_site, "console") if apart else None,
        bodies=BodyFolder(settings.var_dir),
    )


def _cannot_listen(error: OSError, address: str, port: int) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return _port_in_use(port)
        case errno.EADDRNOTAVAIL:
            return f"This machine does not have the address {address}: change BIND_HOST."
        case errno.EACCES:
            return f"Port {port} needs administrator rights: choose another port with --port."
    return f"Port {port} of {address} cannot be used ({error.strerror}): change PORT or BIND_HOST."


def _port_in_use(port: int) -> str:
    from ivr.cli.run.ports import in_use, next_free_port

    other = next_free_port(port)
    choice = f"--port {other}" if other else "--port"
    return f"{in_use(port)}: stop that program, or choose another port with {choice}."


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
