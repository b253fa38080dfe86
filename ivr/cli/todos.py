"""`infoline todos`: work items that text messages left for schedulers."""

from __future__ import annotations

from typing import Any

import click

from ivr.cli.callbacks import mark_done, read_items, short_time
from ivr.cli.common import (
    NUMBER,
    CommandContext,
    json_option,
    open_context,
    print_json,
    print_table,
    reports_outages,
)
from ivr.people.phones import format_phone
from ivr.people.work_items import WorkItem, complete_work_item, pending_work_items

_KINDS = {
    "change": "asks for another time",
    "cancel": "texted CANCEL: opted out, may not come",
    "wrong-number": "not the patient",
}


@click.group(invoke_without_command=True)
@json_option
@click.pass_context
@reports_outages
def todos(click_context: click.Context, as_json: bool) -> None:
    """List work items for schedulers.

    Appointments to move or cancel, and numbers that do not belong to the patient.
    """
    if click_context.invoked_subcommand is not None:
        return
    context = open_context()
    pending = read_items(context, pending_work_items)
    if as_json:
        print_json({"todos": [_as_json(item, context) for item in pending]})
    elif pending:
        headings = ("id", "since", "number", "what", "appointment", "its time")
        print_table(headings, [_row(item, context) for item in pending], right=("id",), whole=3)
        click.echo("When an item is done: infoline todos done ID")
    else:
        click.echo("No work items.")


@todos.command("done")
@click.argument("number", metavar="ID", type=NUMBER)
@reports_outages
def complete(number: int) -> None:
    """Mark the work item ID as done."""
    mark_done(complete_work_item, number, "Work item", "todos")


def _row(item: WorkItem, context: CommandContext) -> tuple[str, ...]:
    starts_at = short_time(item.starts_at, context) if item.starts_at else "-"
    since, phone = short_time(item.at, context), format_phone(item.phone)
    return str(item.id), since, phone, _KINDS[item.kind], item.appointment_id or "-", starts_at


def _as_json(item: WorkItem, context: CommandContext) -> dict[str, Any]:
    return {
        "id": item.id,
        "kind": item.kind,
        "at": context.iso(item.at),
        "phone": item.phone,
        "appointment_id": item.appointment_id,
        "starts_at": context.iso(item.starts_at) if item.starts_at else None,
    }
