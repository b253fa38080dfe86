"""`infoline callbacks`: who waits for a call back, and that it was made."""

from __future__ import annotations

import getpass
from typing import Any

import click
from babel.dates import format_datetime
from rich.console import Console
from rich.table import Table

from ivr import clock
from ivr.cli.common import (
    FINDINGS,
    WIDTH,
    give_up,
    ledger_or_exit,
    print_json,
    says_when_the_ledger_is_away,
    settings_or_exit,
)
from ivr.ledger import Vault
from ivr.line.config import Config
from ivr.people.callbacks import WaitingCallback, callback_done, waiting_callbacks
from ivr.releases.shelf import NoRelease, live_content


@click.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON object for programs.")
@click.pass_context
@says_when_the_ledger_is_away
def callbacks(context: click.Context, as_json: bool) -> None:
    """Who waits for a call back, oldest first, with the number to dial."""
    if context.invoked_subcommand is not None:
        return
    settings = settings_or_exit()
    ledger = ledger_or_exit(settings)
    try:
        config = live_content(ledger, settings.var_dir, settings.prompts_dir).config
    except NoRelease as error:
        give_up(error, FINDINGS)
    try:
        with ledger.read() as connection:
            waiting = waiting_callbacks(connection, Vault.of(settings))
    except KeyError:
        give_up("A number was sealed with a key that PHONE_KEY does not name: name the old keys too, newest first.")
    if as_json:
        print_json({"callbacks": [_as_json(one, config) for one in waiting]})
    elif waiting:
        _print(waiting, config)
    else:
        click.echo("Nobody waits for a call back.")


@callbacks.command()
@click.argument("number", metavar="ID", type=int)
@says_when_the_ledger_is_away
def done(number: int) -> None:
    """The call back ID was made: take it off the list."""
    ledger = ledger_or_exit(settings_or_exit())
    with ledger.write() as connection:
        was_waiting = callback_done(connection, number, getpass.getuser(), clock.now())
    if not was_waiting:
        give_up(f"No call back {number} waits: see which do with `infoline callbacks`.")
    click.echo(f"Call back {number} is done.")


def _as_json(one: WaitingCallback, config: Config) -> dict[str, Any]:
    return {
        "id": one.id,
        "asked_at": one.asked_at.astimezone(config.zone).isoformat(timespec="seconds"),
        "phone": one.phone,
        "entry": one.entry,
        "name": _name(one.entry, config),
        "topic": one.topic,
        "language": one.language,
        "wished": one.wished,
    }


def _print(waiting: list[WaitingCallback], config: Config) -> None:
    table = Table(box=None, pad_edge=False)
    table.add_column("id", justify="right", no_wrap=True)
    for heading in ("asked", "number"):
        table.add_column(heading, no_wrap=True)
    for heading in ("for", "language", "wished"):
        table.add_column(heading)
    for one in waiting:
        asked = format_datetime(one.asked_at, "EEE MMM d HH:mm", tzinfo=config.zone, locale="en")
        language = config.languages[one.language].name if one.language in config.languages else one.language
        table.add_row(str(one.id), asked, _written(one.phone), _name(one.entry, config), language, one.wished)
    Console(highlight=False, markup=False, width=WIDTH).print(table)
    click.echo("Called one back? Take it off the list: infoline callbacks done ID")


def _name(entry: str, config: Config) -> str:
    """The entry's name as the staff's language has it; one that is gone keeps its id."""
    names = (known.name[config.default_language] for known in config.directory if known.id == entry)
    return next(names, entry)


def _written(phone: str) -> str:
    """A number as people here read it: 603-555-0123."""
    return f"{phone[2:5]}-{phone[5:8]}-{phone[8:]}" if phone.startswith("+1") else phone
