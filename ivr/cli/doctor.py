"""`infoline doctor`: checks everything that the line needs, and prints how to fix it."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import click

from ivr import queues
from ivr.cli.console import FINDINGS, WIDTH, exit_on
from ivr.cli.context import settings_or_exit
from ivr.cli.prompts.folder import write_or_exit
from ivr.ledger import LedgerUnavailable, open_ledger
from ivr.line.content.findings import BrokenPrompts
from ivr.line.content.loader import Content, read_folder
from ivr.line.lint.runner import check_files
from ivr.line.twiml.release import CompiledLine, fallback_document
from ivr.releases.cache import NoRelease, live_content
from ivr.settings import Settings

_INDENT = 19


@click.command()
@click.option(
    "--write-fallback",
    "fallback",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write a TwiML file to host elsewhere, for when this line cannot answer.",
)
def doctor(fallback: Path | None) -> None:
    """Check the settings, database, queue and prompts."""
    settings = settings_or_exit()
    if fallback is not None:
        _write_fallback(settings, fallback)
        return
    problems = {name: check(settings) for name, check in _CHECKS.items()}
    for name, problem in problems.items():
        mark = click.style("missing", fg="red") if problem else click.style("fine", fg="green")
        lines = textwrap.wrap(problem, WIDTH - _INDENT, break_on_hyphens=False, break_long_words=False) or [""]
        click.echo(f"{name:10}{mark}  {lines[0]}".rstrip())
        for line in lines[1:]:
            click.echo(f"{'':{_INDENT}}{line}")
    sys.exit(FINDINGS if any(problems.values()) else 0)


def _live(settings: Settings) -> Content:
    return live_content(open_ledger(settings.database_url), settings.var_dir, settings.prompts_dir)


def _check_ledger(settings: Settings) -> str:
    try:
        open_ledger(settings.database_url).check()
        return ""
    except LedgerUnavailable as error:
        return str(error)


def _check_queue(settings: Settings) -> str:
    if not settings.redis_url:
        return "REDIS_URL is not set, so no reminders go out. `infoline run` starts its own queue."
    return "" if queues.is_reachable(settings.redis_url) else "The server at REDIS_URL does not answer."


def _check_prompts(settings: Settings) -> str:
    try:
        report = check_files(read_folder(settings.prompts_dir))
    except BrokenPrompts as broken:
        return str(broken.findings[0])
    return "See `infoline prompts check`." if report.has_errors else ""


def _check_numbers(settings: Settings) -> str:
    """A directory entry with the line's own number would ring the line itself, so calls skip it."""
    try:
        content = _live(settings)
    except NoRelease:
        return ""
    own = [entry.id for entry in content.config.directory if entry.e164 == settings.twilio_from]
    return f"{own[0]} in line.yaml has the line's own number: correct it, because calls skip it." if own else ""


def _check_release(settings: Settings) -> str:
    try:
        _live(settings)
        return ""
    except NoRelease as error:
        return str(error)


_CHECKS: dict[str, Callable[[Settings], str]] = {
    "ledger": _check_ledger,
    "queue": _check_queue,
    "prompts": _check_prompts,
    "numbers": _check_numbers,
    "release": _check_release,
}


def _write_fallback(settings: Settings, path: Path) -> None:
    with exit_on(NoRelease, status=FINDINGS):
        document = fallback_document(CompiledLine(_live(settings)))
    write_or_exit(path, document)
    click.echo(f"Wrote {path}. Host it elsewhere, and set it as the number's fallback URL.")
