"""`infoline reminders effect`: replies and attendance, by batch, by lead time and by week."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from ivr import clock
from ivr.cli.console import NUMBER, echo, exit_on, json_option, print_json, print_table
from ivr.cli.context import open_context
from ivr.reminders.reports.response_rates import BUCKETS, response_rates
from ivr.reminders.reports.status import NoSuchBatch

_WEEKS_SHOWN = 26
_REPLIES = {
    "confirmed": "confirmed",
    "change": "asked to change",
    "nothing": "nothing",
    "not_hers": "not the patient's number",
    "no_text": "had no text",
}


@click.command()
@click.argument("batch", required=False, type=NUMBER)
@json_option
def effect(batch: int | None, as_json: bool) -> None:
    """Show replies and attendance for BATCH, or for all batches.

    A reply counts for the last text before it. Percentages are of the appointments that had a text (delivered: of
    the texts) and need at least 10 cases. An appointment belongs to the batch that last booked, moved or cancelled it.
    """
    context = open_context()
    with exit_on(NoSuchBatch):
        rates = response_rates(context.ledger, context.config.zone, clock.now(), batch)
    if as_json:
        print_json(rates)
    elif not rates["batches"] and not rates["attendance"]:
        echo("No text went out yet, and no file reported attendance.")
    else:
        _print(rates)


def _print(rates: dict[str, Any]) -> None:
    _print_texts("batch", {str(group["batch"]): group for group in rates["batches"]})
    _print_texts("hours before", {_hours(group["hours"]): group for group in rates["hours_before"]})
    _print_texts("week of", {group["week_of"]: group for group in rates["weeks"][-_WEEKS_SHOWN:]})
    if not rates["attendance"]:
        echo("Attendance is unknown: import a file with the status attended or missed.")
        return
    rows = [
        (_REPLIES[group["answer"]], str(group["visits"]), _share(group, "attended"), str(group["missed"]))
        for group in rates["attendance"]
    ]
    _print_rates(("reply", "appointments", "attended", "missed"), rows)


def _print_texts(first: str, groups: dict[str, dict[str, Any]]) -> None:
    if not groups:
        return
    rows = [
        (name, str(group["handed_over"]), _share(group, "delivered"), str(group["visits"]))
        + (_share(group, "confirmed"), _share(group, "change"))
        for name, group in groups.items()
    ]
    _print_rates((first, "texts", "delivered", "appointments", "confirmed", "change"), rows)
    echo()


def _print_rates(headings: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    print_table(headings, rows, right=headings[1:])


def _hours(start: int) -> str:
    """A bucket of hours before the appointment, like "24 to 48"."""
    later = [bound for bound in BUCKETS if bound > start]
    return f"{start} to {later[0]}" if later else f"{start} and more"


def _share(group: dict[str, Any], name: str) -> str:
    percent = group["percent"][name]
    return str(group[name]) if percent is None else f"{group[name]} ({percent:.0f}%)"
