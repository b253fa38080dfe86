"""`infoline doctor`: checks everything that the line needs, and prints how to fix it."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable
from contextlib import suppress
from itertools import islice
from pathlib import Path

import click

from ivr import clock, log, queues
from ivr.cli.console import FINDINGS, WIDTH, clean, echo, exit_on, note
from ivr.cli.context import settings_or_exit
from ivr.cli.prompts.folder import write_or_exit
from ivr.ledger import LedgerUnavailable, Vault, open_ledger
from ivr.ledger.keys import WrongKeys, refuse_wrong_keys
from ivr.line.content.findings import BrokenPrompts
from ivr.line.content.loader import Content, read_folder
from ivr.line.lint.runner import check_files
from ivr.line.twiml.release import CompiledLine, fallback_document
from ivr.private_files import exposed_paths
from ivr.releases.cache import NoRelease, live_content
from ivr.settings import Settings

_INDENT = 19
_EXPOSED_SHOWN = 3


@click.command()
@click.option(
    "--write-fallback",
    "fallback",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write a TwiML file to host elsewhere, for when this line cannot answer.",
)
def doctor(fallback: Path | None) -> None:
    """Check the settings, database, queue, carrier, files and prompts."""
    settings = settings_or_exit()
    if fallback is not None:
        _write_fallback(settings, fallback)
        return
    problems = {name: check(settings) for name, check in _CHECKS.items()}
    for name, problem in problems.items():
        mark = click.style("missing", fg="red") if problem else click.style("fine", fg="green")
        lines = textwrap.wrap(clean(problem), WIDTH - _INDENT, break_on_hyphens=False, break_long_words=False) or [""]
        click.echo(f"{name:10}{mark}  {lines[0]}".rstrip())
        for line in lines[1:]:
            echo(f"{'':{_INDENT}}{line}")
    sys.exit(FINDINGS if any(problems.values()) else 0)


def _live(settings: Settings) -> Content:
    return live_content(open_ledger(settings.database_url), settings.var_dir, settings.prompts_dir)


def _check_ledger(settings: Settings) -> str:
    try:
        open_ledger(settings.database_url).check()
        return ""
    except LedgerUnavailable as error:
        return str(error)


def _check_keys(settings: Settings) -> str:
    if not settings.phone_keys:
        return f"There are no keys in {settings.var_dir}: `infoline run` and `infoline db upgrade` create them."
    try:
        refuse_wrong_keys(settings.database_url, Vault.of(settings))
        return ""
    except WrongKeys as error:
        return str(error)


def _check_queue(settings: Settings) -> str:
    url = settings.redis_url
    if not url:
        return "REDIS_URL is not set, so no reminders go out. `infoline run` starts its own queue."
    return "" if queues.is_reachable(url) else "The server at REDIS_URL does not answer."


def _check_carrier(settings: Settings) -> str:
    if settings.twilio_api_url == settings.simulator_url:
        return ""
    # Imported here because the SDK takes over a second to import.
    from ivr.carrier.twilio.client import UNREACHABLE, open_carrier

    try:
        refusal = open_carrier(settings).check_credentials()
    except UNREACHABLE as error:
        return f"Twilio does not answer ({error}): check the network of this machine, and TWILIO_API_URL."
    if refusal is None:
        _resume_sending(settings)
    return refusal or ""


def _resume_sending(settings: Settings) -> None:
    """If Twilio has refused our account and accepts it now, let the workers send again at the next clock tick."""
    from ivr.reminders.outbox.resume import try_sending_again

    log.configure()
    with suppress(LedgerUnavailable):
        if try_sending_again(open_ledger(settings.database_url), clock.now()):
            note("Twilio accepts the account again, so sending resumes.")


def _check_files(settings: Settings) -> str:
    paths = list(islice(exposed_paths(settings.var_dir), _EXPOSED_SHOWN + 1))
    if not paths:
        return ""
    names = ", ".join(map(str, paths[:_EXPOSED_SHOWN])) + (" and more" if len(paths) > _EXPOSED_SHOWN else "")
    return f"Other users of this machine can open {names}: run `infoline db upgrade` as their owner."


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
    "keys": _check_keys,
    "queue": _check_queue,
    "carrier": _check_carrier,
    "files": _check_files,
    "prompts": _check_prompts,
    "numbers": _check_numbers,
    "release": _check_release,
}


def _write_fallback(settings: Settings, path: Path) -> None:
    with exit_on(NoRelease, status=FINDINGS):
        document = fallback_document(CompiledLine(_live(settings)))
    write_or_exit(path, document)
    echo(f"Wrote {path}. Host it elsewhere, and set it as the number's fallback URL.")
