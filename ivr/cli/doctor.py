"""`infoline doctor`: checks everything that the line needs, and prints how to fix it."""

from __future__ import annotations

import sys
import textwrap
from contextlib import suppress
from pathlib import Path

import click
from rich.console import Console

from ivr import clock, log
from ivr.cli.console import FINDINGS, WIDTH, clean, echo, exit_on, fail, json_option, note, print_json
from ivr.cli.context import settings_or_exit
from ivr.cli.prompts.folder import write_or_exit
from ivr.doctor.result import Level, Line, Result
from ivr.doctor.runner import report_as_json, run
from ivr.ledger import LedgerUnavailable, open_ledger
from ivr.line.twiml.release import CompiledLine, fallback_document
from ivr.releases.live import NoRelease, live_content
from ivr.setting_rules import is_http_url
from ivr.settings import Settings

_NAME, _INDENT = 13, 22
_COLORS = {Level.OK: "green", Level.WARNING: "yellow", Level.PROBLEM: "red"}


@click.command()
@json_option
@click.option("--connect", is_flag=True, help="Set the webhooks of the line's numbers at Twilio, after asking.")
@click.option("--fallback-url", metavar="URL", help="With --connect: the numbers' fallback, on another server.")
@click.option("--yes", is_flag=True, help="With --connect: do not ask.")
@click.option(
    "--write-fallback",
    "fallback",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write a TwiML file to host elsewhere, for when this line cannot answer.",
)
def doctor(as_json: bool, connect: bool, fallback_url: str | None, yes: bool, fallback: Path | None) -> None:
    """Check everything that the line needs, and print what to do.

    Takes less than half a minute. Exits with status 1 if there is a problem; warnings do not count.
    """
    if (fallback_url or yes) and not connect:
        raise click.UsageError("--fallback-url and --yes belong to --connect.")
    if fallback_url and not is_http_url(fallback_url):
        raise click.UsageError("--fallback-url must be a URL, such as https://backup.example.org/fallback.xml.")
    settings = settings_or_exit()
    if fallback is not None:
        _write_fallback(settings, fallback)
        return
    line = Line(settings, settings.redis_url)
    if connect:
        _connect(line, fallback_url or "", yes=yes)
        return
    # A check must not print to the terminal besides its result.
    log.configure()
    sys.exit(_report(line, for_programs=as_json))


def _report(line: Line, *, for_programs: bool) -> int:
    results: dict[str, Result] = {}
    # Printed afterward: while the status shows, rich sends standard output where the status is.
    with Console(stderr=True).status("Checking…") as status:
        results.update(run(line, started=lambda name: status.update(f"Checking: {name}…")))
    report = report_as_json(results)
    if for_programs:
        print_json(report)
    else:
        for name, result in results.items():
            _print_result(name, result)
    if results["carrier"].level is Level.OK and not line.is_simulated:
        _resume_sending(line.settings)
    return 0 if report["ok"] else FINDINGS


def _print_result(name: str, result: Result) -> None:
    mark = click.style(f"{result.level:8}", fg=_COLORS[result.level])
    sentence = textwrap.wrap(clean(result.sentence), WIDTH - _INDENT - 1, break_on_hyphens=False)
    first, *others = sentence or [""]
    click.echo(f"{name:{_NAME}}{mark} {first}".rstrip())
    for line in others:
        echo(f"{'':{_INDENT}}{line}")


def _resume_sending(settings: Settings) -> None:
    """If Twilio has refused our account and accepts it now, let the workers send again at the next clock tick."""
    from ivr.reminders.outbox.resume import try_sending_again

    with suppress(LedgerUnavailable):
        if try_sending_again(open_ledger(settings.database_url), clock.now()):
            note("Twilio accepts the account again, so sending resumes.")


def _connect(line: Line, fallback_url: str, *, yes: bool) -> None:
    from ivr.carrier.twilio.account import UNREACHABLE
    from ivr.doctor.connect import make, needed_changes

    settings, account = line.settings, line.account
    try:
        count, changes = needed_changes(account, settings, fallback_url)
        if not count:
            fail(
                "The account has no number that this line sends from: correct the sender, or buy the number.", FINDINGS
            )
        if not changes:
            echo(f"All webhooks point here already ({'1 number' if count == 1 else f'{count} numbers'}).")
            return
        for change in changes:
            for text in change.lines():
                echo(text)
        if not yes and not click.confirm("Make these changes at Twilio?"):
            fail("Nothing was changed.", FINDINGS)
        for change in changes:
            make(change, account, settings)
    except UNREACHABLE as error:
        fail(f"Twilio refuses this, or does not answer ({error}): run `infoline doctor`, then this again.")
    echo(f"Done. {settings.public_url} answers calls and texts now; `infoline doctor` checks it.")


def _write_fallback(settings: Settings, path: Path) -> None:
    with exit_on(NoRelease, status=FINDINGS):
        content = live_content(open_ledger(settings.database_url), settings.var_dir, settings.prompts_dir)
        document = fallback_document(CompiledLine(content, transfer_seconds=60 * settings.transfer_minutes))
    write_or_exit(path, document)
    echo(f"Wrote {path}. Host it elsewhere, and set it as the number's fallback URL.")
