"""`infoline calls`: what callers did."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import click

from ivr import clock
from ivr.cli.common import (
    FINDINGS,
    WIDTH,
    fail,
    ledger_or_exit,
    print_json,
    reports_ledger_outage,
    settings_or_exit,
)
from ivr.line.content.loader import Content
from ivr.people.calls.history import recent_calls, summarize_calls
from ivr.releases.cache import NoRelease, live_content

_HEADING = 24
_LISTS = (
    ("Language", "languages"),
    ("How calls ended", "ended"),
    ("Heard to the end", "topics_heard"),
    ("Where callers hung up", "gave_up_at"),
)


@click.command()
@click.option("--days", type=click.IntRange(1, 3650), default=7, show_default=True, help="How far back to look.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object for programs.")
@reports_ledger_outage
def calls(days: int, as_json: bool) -> None:
    """What callers did: how long, in which language, what they heard, whom they reached, where they hung up."""
    settings = settings_or_exit()
    ledger = ledger_or_exit(settings)
    try:
        pieces = _pieces(live_content(ledger, settings.var_dir, settings.prompts_dir))
    except NoRelease as error:
        fail(error, FINDINGS)
    now = clock.now()
    with ledger.read() as connection:
        counted = summarize_calls(recent_calls(connection, now - timedelta(days=days), now, pieces))
    if as_json:
        print_json({"days": days, **counted})
    else:
        _print(days, counted)


def _pieces(content: Content) -> dict[str, int]:
    config = content.config
    return {topic.id: len(content.prompt(config.default_language, topic.id).spoken) for topic in config.topics}


def _print(days: int, counted: Mapping[str, Any]) -> None:
    period = "the last day" if days == 1 else f"the last {days} days"
    if not counted["calls"]:
        click.echo(f"No calls in {period}.")
        return
    _line("Calls", f"{counted['calls']} in {period}")
    _line("Length", f"half of them longer than {counted['median_seconds']} s")
    for heading, name in _LISTS:
        _line(heading, _listed(counted[name]))
    _line("Put through to", "; ".join(f"{to}: {_listed(ends)}" for to, ends in counted["transfers"].items()))
    _line("Not an answer", f"silence {counted['silences']}, wrong key {counted['wrong_keys']}")


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {number}" for name, number in counts.items())


def _line(heading: str, words: str) -> None:
    indent = " " * _HEADING
    click.echo(
        textwrap.fill(
            f"{heading:{_HEADING}}{words or '-'}",
            WIDTH,
            subsequent_indent=indent,
            break_on_hyphens=False,
            drop_whitespace=True,
        )
    )
