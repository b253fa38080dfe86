"""`infoline retention`: delete data whose period is over, or count it."""

from __future__ import annotations

import click

from ivr import clock
from ivr.cli.console import echo, json_option, note, print_json, print_table
from ivr.cli.context import open_context


@click.command()
@click.option("--dry-run", is_flag=True, help="Count what would be deleted, and delete nothing.")
@json_option
def retention(dry_run: bool, as_json: bool) -> None:
    """Delete data whose period is over.

    A worker does the same every night; docs/retention.md lists the periods. While this runs, the line goes on. If it
    is interrupted, run it again.
    """
    from rich.console import Console

    from ivr.reminders.retention.expire import count_expired, expire
    from ivr.reminders.retention.rules import Cutoffs

    context = open_context(writes=not dry_run and not as_json)
    now = clock.now()
    cutoffs = Cutoffs.of(context.settings, now)
    if dry_run:
        counts = count_expired(context.ledger, cutoffs)
    else:
        with Console(stderr=True).status("Deleting…") as status:
            vault = context.vault
            counts, _ = expire(
                context.ledger, vault, cutoffs, now, progress=lambda count: status.update(f"{count:,} rows deleted…")
            )
    if as_json:
        print_json({"dry_run": dry_run, "deleted": {} if dry_run else counts, "expired": counts if dry_run else {}})
        return
    rows = [(name.replace("_", " "), f"{count:,}") for name, count in counts.items()]
    print_table(("kind", "to delete" if dry_run else "deleted"), rows)
    if dry_run:
        note("Nothing was deleted.")
    elif not any(counts.values()):
        echo("Nothing was old enough.")
