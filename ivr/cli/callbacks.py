"""`infoline callbacks`: callers who wait for a call back. `todos` shares how an item is marked as done."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from ivr import clock
from ivr.cli.common import (
    NUMBER,
    CommandContext,
    current_user,
    fail,
    json_option,
    open_context,
    print_json,
    print_table,
    reports_outages,
)
from ivr.line.content.keyword_rules import RED_FLAGS
from ivr.people.callbacks import PendingCallback, complete_callback, pending_callbacks
from ivr.people.phones import format_phone

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from ivr.ledger import Vault


@click.group(invoke_without_command=True)
@json_option
@click.pass_context
@reports_outages
def callbacks(click_context: click.Context, as_json: bool) -> None:
    """List callers who wait for a call back, red flags first.

    Oldest first, with the number to dial.
    """
    if click_context.invoked_subcommand is not None:
        return
    context = open_context()
    pending = sorted(read_items(context, pending_callbacks), key=lambda callback: callback.topic not in RED_FLAGS)
    if as_json:
        print_json({"callbacks": [_as_json(callback, context) for callback in pending]})
    elif pending:
        headings = ("id", "asked", "number", "for", "about", "language", "best time")
        print_table(headings, [_row(callback, context) for callback in pending], right=("id",), whole=3)
        click.echo("After calling back: infoline callbacks done ID")
    else:
        click.echo("No call-back requests.")


@callbacks.command("done")
@click.argument("number", metavar="ID", type=NUMBER)
@reports_outages
def complete(number: int) -> None:
    """Mark the call-back request ID as done."""
    mark_done(complete_callback, number, "Call-back request", "callbacks")


def read_items(context: CommandContext, query: Callable[[Connection, Vault], list[Any]]) -> list[Any]:
    """The rows of a work list, with their numbers decrypted."""
    with context.ledger.read() as connection:
        return query(connection, context.vault)


def mark_done(complete: Callable[[Connection, int, str, datetime], bool], number: int, what: str, command: str) -> None:
    """Complete an item of a work list, or exit with status 2 if it is not pending."""
    with open_context().ledger.write() as connection:
        was_pending = complete(connection, number, current_user(), clock.now())
    if not was_pending:
        fail(f"There is no pending {what.lower()} {number}: list them with `infoline {command}`.")
    click.echo(f"{what} {number} is done.")


def short_time(moment: datetime, context: CommandContext) -> str:
    """A time in the line's zone, like "Tue Dec 1 10:00"."""
    local = moment.astimezone(context.config.zone)
    return f"{local:%a %b} {local.day} {local:%H:%M}"


def _as_json(callback: PendingCallback, context: CommandContext) -> dict[str, Any]:
    return {
        "id": callback.id,
        "asked_at": context.iso(callback.asked_at),
        "phone": callback.phone,
        "entry": callback.entry,
        "name": _entry_name(callback.entry, context),
        "topic": callback.topic,
        "language": callback.language,
        "wished": callback.wished,
    }


def _row(callback: PendingCallback, context: CommandContext) -> tuple[str, ...]:
    languages = context.config.languages
    return (
        str(callback.id),
        short_time(callback.asked_at, context),
        format_phone(callback.phone),
        _entry_name(callback.entry, context),
        f"! {callback.topic}" if callback.topic in RED_FLAGS else callback.topic or "-",
        languages[callback.language].name if callback.language in languages else callback.language,
        callback.wished,
    )


def _entry_name(entry_id: str, context: CommandContext) -> str:
    """A directory entry's name in the default language; its id if the entry no longer exists."""
    config = context.config
    return next((entry.name[config.default_language] for entry in config.directory if entry.id == entry_id), entry_id)
