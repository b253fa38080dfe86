"""`infoline calls`: how many calls came in, what callers heard, and how the calls ended."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import click

from ivr import clock
from ivr.cli.console import WIDTH, echo, json_option, print_json
from ivr.cli.context import open_context
from ivr.people.calls.history import recent_calls, summarize_calls

_HEADING = 24
_LISTS = (
    ("Language", "languages"),
    ("How calls ended", "ended"),
    ("Heard to the end", "topics_heard"),
    ("Where callers hung up", "gave_up_at"),
)


@click.command()
@click.option("--days", type=click.IntRange(1, 3650), default=7, show_default=True, help="How far back to look.")
@json_option
def calls(days: int, as_json: bool) -> None:
    """Summarize recent calls.

    Shows length, language, topics heard to the end, transfers, and where callers hung up.
    """
    context = open_context()
    config, now = context.config, clock.now()
    prompts = [context.content.prompt(config.default_language, subject.id) for subject in config.subjects]
    parts = {prompt.name: len(prompt.spoken) for prompt in prompts}
    with context.ledger.read() as connection:
        summary = summarize_calls(recent_calls(connection, now - timedelta(days=days), now, parts))
    if as_json:
        print_json({"days": days, **summary})
    else:
        _print(days, summary)


def _print(days: int, summary: Mapping[str, Any]) -> None:
    period = "the last day" if days == 1 else f"the last {days} days"
    if not summary["calls"]:
        echo(f"No calls in {period}.")
        return
    _print_line("Calls", f"{summary['calls']} in {period}")
    _print_line("Length", f"median {summary['median_seconds']} s")
    for heading, name in _LISTS:
        _print_line(heading, _counts(summary[name]))
    _print_line("Transferred to", "; ".join(f"{to}: {_counts(ends)}" for to, ends in summary["transfers"].items()))
    _print_line("No answer", f"silence {summary['silences']}, wrong key {summary['wrong_keys']}")


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {number}" for name, number in counts.items())


def _print_line(heading: str, text: str) -> None:
    indent = " " * _HEADING
    echo(textwrap.fill(f"{heading:{_HEADING}}{text or '-'}", WIDTH, subsequent_indent=indent, break_on_hyphens=False))
