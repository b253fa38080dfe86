"""`infoline reminders reconcile`: looks up uncertain texts in the carrier's log before any is sent again."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NoReturn

import click
from rich.console import Console

from ivr import clock
from ivr.cli.console import FINDINGS, echo, fail, json_option, print_json
from ivr.cli.context import CommandContext, moment_or_exit, open_context
from ivr.line.content.findings import BrokenPrompts
from ivr.line.content.loader import Content
from ivr.line.content.revisions.upgrades import open_release
from ivr.releases.disk_cache import MAX_COPIES, DiskCache
from ivr.releases.store import releases_since, stored_files

if TYPE_CHECKING:
    from ivr.carrier.twilio.client import Carrier
    from ivr.reminders.outbox.restore import RestoreReport

OLDEST_BACKUP = timedelta(days=400)
WAITING = (
    "It is not known yet whether the waiting texts went out: run this again in a few\n"
    "minutes. If they still wait, the carrier's log cannot be read: check that the\n"
    "carrier answers, and check TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN."
)
RESTORED = "Every text that went out is accounted for: sending continues."
UNMATCHED = (
    "Some texts match no appointment: import the newest appointment files, and run\nthis again. If that does not help,"
    " --go-on continues sending, and a patient may\nget a text twice."
)


@click.command()
@click.option("--since", metavar="T", help="After restoring a backup: its time, like 2026-12-01T03:00.")
@click.option("--go-on", is_flag=True, help="With --since: send again even if some texts match no appointment.")
@json_option
def reconcile(since: str | None, go_on: bool, as_json: bool) -> None:
    """Look up uncertain texts in the carrier's log.

    With --since, also restores everything that went out, and all opt-outs, since a backup of the database.
    """
    if go_on and since is None:
        fail("--go-on needs --since: give the time of the backup too.")
    context = open_context(accepts_newer=True)
    moment = None if since is None else _backup_time_or_exit(since, context.content)
    if not as_json:
        context.name_database()
    from ivr.carrier.twilio.client import open_carrier

    carrier = open_carrier(context.settings)
    if moment is None:
        _reconcile_uncertain(context, carrier, as_json)
    _restore(context, carrier, moment, go_on, as_json)


def _reconcile_uncertain(context: CommandContext, carrier: Carrier, as_json: bool) -> NoReturn:
    from ivr.reminders.outbox.reconcile import reconcile_uncertain, uncertain_due

    now, seconds = clock.now(), context.settings.reconcile_seconds
    due = uncertain_due(context.ledger, now, seconds)
    counts = reconcile_uncertain(context.ledger, context.vault, carrier, due, now, seconds)
    _print(counts, as_json)
    if counts["waiting"] and not as_json:
        echo(WAITING)
    sys.exit(FINDINGS if counts["waiting"] else 0)


def _restore(context: CommandContext, carrier: Carrier, since: datetime, go_on: bool, as_json: bool) -> NoReturn:
    from ivr.carrier.twilio.client import UNREACHABLE
    from ivr.reminders.outbox.restore import Restorer

    contents = contents_since(context, since)
    restorer = Restorer(context.ledger, context.vault, carrier, contents, _opt_out_matcher(context, context.content))
    with Console(stderr=True).status("Reading the carrier's log…") as progress:
        try:
            report: RestoreReport = restorer.run(
                since, clock.now(), go_on=go_on, progress=lambda count: progress.update(f"{count:,} texts read…")
            )
        except UNREACHABLE as error:
            fail(
                f"The carrier's log cannot be read ({error}): check that the carrier answers, and check"
                " TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN."
            )
    _print(report.as_json(), as_json)
    if not as_json:
        echo(RESTORED if report.sending else UNMATCHED)
    sys.exit(0 if report.sending else FINDINGS)


def _backup_time_or_exit(since: str, content: Content) -> datetime:
    moment = moment_or_exit(since, content.config.zone)
    if not clock.now() - OLDEST_BACKUP < moment <= clock.now():
        fail(f"`{since}` is not within the last {OLDEST_BACKUP.days} days: give the time of the backup.")
    return moment


def contents_since(context: CommandContext, since: datetime) -> list[Content]:
    """The live content, and every release that a text may have gone out with since then.

    A restored database lacks the releases that were published after the backup, but this machine may have a copy.
    """
    ledger, live, copies = context.ledger, context.content, DiskCache(context.settings.var_dir)
    contents = {live.digest: live}
    published = [release.digest for release in releases_since(ledger, since)]
    for digest in (*published, *(digest for digest, _ in copies.newest(MAX_COPIES))):
        files = None if digest in contents else stored_files(ledger, digest) or copies.read(digest)
        try:
            contents |= {digest: open_release(files, context.settings.prompts_dir)} if files else {}
        except BrokenPrompts:
            continue
    return list(contents.values())


def _opt_out_matcher(context: CommandContext, content: Content) -> Callable[[str], bool]:
    from ivr.line.nlu.matcher import Matcher

    matcher = Matcher(content, context.model_of(content))

    def opts_out(body: str) -> bool:
        match = matcher.match(body)
        return match.topic == "stop" or match.also_stop

    return opts_out


def _print(counts: Mapping[str, int | bool], as_json: bool) -> None:
    if as_json:
        print_json(dict(counts))
        return
    for name, count in counts.items():
        if not isinstance(count, bool):
            echo(f"{count:6}  {name.replace('_', '-')}")
