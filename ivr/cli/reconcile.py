"""`infoline reminders reconcile`: ask the carrier's log what became of texts, before anything is sent again."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path

import click
from rich.console import Console

from ivr import clock
from ivr.cli.common import (
    FINDINGS,
    content_or_exit,
    fail,
    ledger_or_exit,
    print_json,
    reports_ledger_outage,
    settings_or_exit,
)
from ivr.ledger import Ledger, Vault
from ivr.line.content.findings import BrokenPrompts
from ivr.line.content.loader import Content
from ivr.line.content.upgrades import open_release
from ivr.releases.store import recent_releases, stored_files
from ivr.reminders.outbox.restore import Restorer, RestoreReport

RELEASES = 5
WAITING = (
    "Of those that wait nobody knows yet whether they went out: run this again in a\nfew minutes. When they still wait,"
    " the carrier's log cannot be read: see\nwhether it answers, and look at TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN."
)


@click.command()
@click.option("--since", metavar="T", help="After a backup was put back: its time, like 2026-12-01T03:00.")
@click.option("--go-on", is_flag=True, help="With --since: send again though some texts could not be placed.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object for programs.")
@reports_ledger_outage
def reconcile(since: str | None, go_on: bool, as_json: bool) -> None:
    """Look in the carrier's log for texts of which nobody knows whether they went out.

    With --since also for all that went out, and for who asked for no more texts, since a backup of the ledger.
    """
    if go_on and since is None:
        fail("--go-on goes with --since: name the time of the backup too.")
    settings = settings_or_exit()
    ledger = ledger_or_exit(settings)
    content = content_or_exit(settings, ledger)
    moment = None if since is None else _moment(since, content)
    # The SDK takes over a second to import.
    from ivr.carrier.twilio.client import UNREACHABLE, open_carrier

    carrier = open_carrier(settings)
    if moment is None:
        from ivr.reminders.outbox.reconcile import reconcile as look
        from ivr.reminders.outbox.reconcile import uncertain_due

        now = clock.now()
        due = uncertain_due(ledger, now, settings.reconcile_seconds)
        counts = look(ledger, Vault.of(settings), carrier, due, now, settings.reconcile_seconds)
        _print(counts, as_json)
        if counts["waiting"] and not as_json:
            click.echo(WAITING)
        sys.exit(FINDINGS if counts["waiting"] else 0)
    with Console(stderr=True).status("Reading the carrier's log…") as shown:
        contents = _contents(ledger, content, settings.prompts_dir)
        restorer = Restorer(ledger, Vault.of(settings), carrier, contents, _stops(content))
        try:
            told = restorer.run(
                moment, clock.now(), go_on=go_on, progress=lambda number: shown.update(f"{number:,} texts read…")
            )
        except UNREACHABLE as error:
            fail(
                f"The carrier's log cannot be read ({error}): see whether it answers, and look at"
                " TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN."
            )
    _print(told.as_json(), as_json)
    if not as_json:
        click.echo(_sentence(told))
    sys.exit(0 if told.sending else FINDINGS)


def _moment(words: str, content: Content) -> datetime:
    try:
        moment = datetime.fromisoformat(words)
    except ValueError:
        fail(f"`{words}` is not a moment: write it like 2026-12-01T03:00.")
    moment = moment if moment.tzinfo else moment.replace(tzinfo=content.config.zone)
    if not clock.now() - timedelta(days=400) < moment <= clock.now():
        fail(f"`{words}` is not within the last 400 days: give the time at which the backup was made.")
    return moment


def _contents(ledger: Ledger, live: Content, prompts_dir: Path) -> list[Content]:
    """The live words, and those before them: a text may have gone out in either."""
    contents = {live.digest: live}
    for release in recent_releases(ledger, RELEASES):
        files = None if release.digest in contents else stored_files(ledger, release.digest)
        try:
            contents |= {release.digest: open_release(files, prompts_dir)} if files else {}
        except BrokenPrompts:
            continue
    return list(contents.values())


def _stops(content: Content) -> Callable[[str], bool]:
    from ivr.line.twiml.release import CompiledLine

    matcher = CompiledLine(content).matcher

    def stops(words: str) -> bool:
        understood = matcher.ask(words)
        return understood.topic == "stop" or understood.also_stop

    return stops


def _print(counts: Mapping[str, int | bool], as_json: bool) -> None:
    if as_json:
        print_json(dict(counts))
        return
    for name, count in counts.items():
        if not isinstance(count, bool):
            click.echo(f"{count:6}  {name.replace('_', '-')}")


def _sentence(told: RestoreReport) -> str:
    if told.sending:
        return "All that went out is known again: texts go out again."
    return (
        "Some texts could not be placed: import the newest appointment files, and run this again. When it stays so,"
        " --go-on sends on; then a text may reach somebody twice."
    )


COMMANDS = (reconcile,)
