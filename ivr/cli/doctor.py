"""`infoline doctor`: is everything there that the line needs, and what to do when it is not."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import click

from ivr import queues
from ivr.cli.common import FINDINGS, fail, settings_or_exit
from ivr.ledger import LedgerUnavailable, open_ledger
from ivr.line.content.findings import BrokenPrompts
from ivr.line.content.loader import read_folder
from ivr.line.lint.runner import check_files
from ivr.line.twiml.fallback import fallback_document
from ivr.line.twiml.release import CompiledLine
from ivr.releases.cache import NoRelease, live_content
from ivr.settings import Settings


@click.command()
@click.option(
    "--write-fallback",
    "fallback",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write a TwiML file to host elsewhere, for when this line cannot answer.",
)
def doctor(fallback: Path | None) -> None:
    """Look at settings, ledger, queue and words, and say what is wrong."""
    settings = settings_or_exit()
    if fallback is not None:
        _write_fallback(settings, fallback)
        return
    faults = {name: look(settings) for name, look in _LOOKS}
    for name, fault in faults.items():
        mark = click.style("missing", fg="red") if fault else click.style("fine", fg="green")
        click.echo(f"{name:10}{mark}  {fault}".rstrip())
    sys.exit(FINDINGS if any(faults.values()) else 0)


def _ledger(settings: Settings) -> str:
    try:
        open_ledger(settings.database_url).check()
    except LedgerUnavailable as error:
        return str(error)
    return ""


def _queue(settings: Settings) -> str:
    if not settings.redis_url:
        return "REDIS_URL is not set: reminders wait. `infoline run` brings a queue of its own."
    return "" if queues.is_reachable(settings.redis_url) else "The server that REDIS_URL names does not answer."


def _words(settings: Settings) -> str:
    try:
        report = check_files(read_folder(settings.prompts_dir))
    except BrokenPrompts as broken:
        return str(broken.findings[0])
    return "See `infoline prompts check`." if report.broken else ""


def _numbers(settings: Settings) -> str:
    """The line's own number in the directory would ring the line itself; calls skip it, so nobody answers there."""
    try:
        content = live_content(open_ledger(settings.database_url), settings.var_dir, settings.prompts_dir)
    except NoRelease:
        return ""
    own = [entry.id for entry in content.config.directory if entry.e164 == settings.twilio_from]
    return f"{own[0]} in line.yaml has the line's own number: correct it, since it is never rung." if own else ""


def _release(settings: Settings) -> str:
    try:
        live_content(open_ledger(settings.database_url), settings.var_dir, settings.prompts_dir)
    except NoRelease as error:
        return str(error)
    return ""


_LOOKS: tuple[tuple[str, Callable[[Settings], str]], ...] = (
    ("ledger", _ledger),
    ("queue", _queue),
    ("words", _words),
    ("numbers", _numbers),
    ("release", _release),
)


def _write_fallback(settings: Settings, path: Path) -> None:
    try:
        content = live_content(open_ledger(settings.database_url), settings.var_dir, settings.prompts_dir)
        path.write_bytes(fallback_document(CompiledLine(content)))
    except NoRelease as error:
        fail(error, FINDINGS)
    except OSError as error:
        fail(f"{path} cannot be written: {error.strerror}.")
    click.echo(f"{path} is written. Host it elsewhere, and name it as the number's fallback URL.")
