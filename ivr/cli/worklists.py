"""`infoline callbacks` and `infoline todos`: what staff must handle."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from ivr import clock
from ivr.cli.console import NUMBER, echo, fail, json_option, print_json, print_table
from ivr.cli.context import CommandContext, current_user, iso, open_context
from ivr.line.content.keyword_rules import RED_FLAGS
from ivr.people.audit import AuditKind
from ivr.people.callbacks import PendingCallback, complete_callback, pending_callbacks
from ivr.people.phones import format_phone
from ivr.people.work_items import WorkItem, complete_work_item, pending_work_items

if TYPE_CHECKING:
    from sqlalchemy import Connection

_KINDS = {
    "change": "asks for another time",
    "cancel": "texted CANCEL: opted out, may not come",
    "wrong-number": "not the patient",
}


@click.group(invoke_without_command=True)
@json_option
@click.pass_context
def callbacks(click_context: click.Context, as_json: bool) -> None:
    """List callers who are waiting for a call back, red flags first.

    Otherwise the oldest comes first. Shows the number to dial.
    """
    if click_context.invoked_subcommand is not None:
        return
    context = open_context()
    vault = context.vault
    with context.ledger.read() as connection:
        pending = pending_callbacks(connection, vault)
    context.record(AuditKind.CALLBACKS_READ, callbacks=[callback.id for callback in pending])
    pending.sort(key=lambda callback: callback.topic not in RED_FLAGS)
    if as_json:
        print_json({"callbacks": [_callback_json(callback, context) for callback in pending]})
    elif pending:
        headings = ("id", "asked", "number", "for", "about", "language", "best time")
        print_table(headings, [_callback_row(callback, context) for callback in pending], right=("id",), unwrapped=3)
        echo("After calling back: infoline callbacks done ID")
    else:
        echo("No call-back requests.")


@callbacks.command("done")
@click.argument("number", metavar="ID", type=NUMBER)
def complete_request(number: int) -> None:
    """Mark the call-back request ID as done."""
    _mark_done(complete_callback, number, "Call-back request", "callbacks")


@click.group(invoke_without_command=True)
@json_option
@click.pass_context
def todos(click_context: click.Context, as_json: bool) -> None:
    """List work items for schedulers.

    Shows appointments to move or cancel, and numbers that do not belong to the patient.
    """
    if click_context.invoked_subcommand is not None:
        return
    context = open_context()
    vault = context.vault
    with context.ledger.read() as connection:
        pending = pending_work_items(connection, vault)
    context.record(AuditKind.TODOS_READ, todos=[item.id for item in pending])
    if as_json:
        print_json({"todos": [_item_json(item, context) for item in pending]})
    elif pending:
        headings = ("id", "since", "number", "what", "appointment", "its time")
        print_table(headings, [_item_row(item, context) for item in pending], right=("id",), unwrapped=3)
        echo("When an item is done: infoline todos done ID")
    else:
        echo("No work items.")


@todos.command("done")
@click.argument("number", metavar="ID", type=NUMBER)
def complete_item(number: int) -> None:
    """Mark the work item ID as done."""
    _mark_done(complete_work_item, number, "Work item", "todos")


def _mark_done(
    complete: Callable[[Connection, int, str, datetime], bool], number: int, kind: str, command: str
) -> None:
    with open_context(writes=True).ledger.write() as connection:
        was_pending = complete(connection, number, current_user(), clock.now())
    if not was_pending:
        fail(f"There is no pending {kind.lower()} {number}: list them with `infoline {command}`.")
    echo(f"{kind} {number} is done.")


def _short_time(moment: datetime, context: CommandContext) -> str:
    """A time in the line's zone, like "Tue Dec 1 10:00"."""
    local = moment.astimezone(context.config.zone)
    return f"{local:%a %b} {local.day} {local:%H:%M}"


def _callback_json(callback: PendingCallback, context: CommandContext) -> dict[str, Any]:
    return {
        "id": callback.id,
        "asked_at": iso(callback.asked_at, context.config.zone),
        "phone": callback.phone,
        "entry": callback.entry,
        "name": _entry_name(callback.entry, context),
        "topic": callback.topic,
        "language": callback.language,
        "wished": callback.wished,
    }


def _callback_row(callback: PendingCallback, context: CommandContext) -> tuple[str, ...]:
    languages = context.config.languages
    return (
        str(callback.id),
        _short_time(callback.asked_at, context),
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


def _item_row(item: WorkItem, context: CommandContext) -> tuple[str, ...]:
    starts_at = _short_time(item.starts_at, context) if item.starts_at else "-"
    since, phone = _short_time(item.at, context), format_phone(item.phone)
    return str(item.id), since, phone, _KINDS[item.kind], item.appointment_id or "-", starts_at


def _item_json(item: WorkItem, context: CommandContext) -> dict[str, Any]:
    return {
        "id": item.id,
        "kind": item.kind,
        "at": iso(item.at, context.config.zone),
        "phone": item.phone,
        "appointment_id": item.appointment_id,
        "starts_at": iso(item.starts_at, context.config.zone) if item.starts_at else None,
    }
