"""`infoline audit`: who read or changed personal data."""

from __future__ import annotations

from datetime import timedelta, tzinfo
from typing import Any

import click

from ivr import clock
from ivr.cli.console import echo, json_option, print_json, print_table
from ivr.cli.context import iso, minute, open_context
from ivr.people.audit import AuditEntry, Detail, entries_since

_IDS_SHOWN = 8


@click.command()
@click.option("--days", type=click.IntRange(1, 3650), default=30, show_default=True, help="How far back to look.")
@json_option
def audit(days: int, as_json: bool) -> None:
    """List who read or changed personal data.

    People appear by their ids in the database only. Entries cannot be changed or deleted.
    """
    context = open_context()
    with context.ledger.read() as connection:
        entries = entries_since(connection, clock.now() - timedelta(days=days))
    zone = context.config.zone
    if as_json:
        print_json({"entries": [_entry_json(entry, zone) for entry in entries]})
    elif entries:
        rows = [
            (minute(entry.at, zone), _actor(entry), entry.kind.replace("_", " "), _details(entry)) for entry in entries
        ]
        print_table(("when", "who", "what", "details"), rows, unwrapped=1)
    else:
        echo(f"No entries in the last {days} days.")


def _actor(entry: AuditEntry) -> str:
    name, sudo_user = entry.actor.name, entry.actor.sudo_user
    return f"{name} (sudo: {sudo_user})" if sudo_user else name


def _details(entry: AuditEntry) -> str:
    return ", ".join(f"{name} {_detail(value)}" for name, value in entry.details.items())


def _detail(value: Detail) -> str:
    if value is None:
        return "unknown"
    if isinstance(value, int):
        return str(value)
    shown = " ".join(map(str, value[:_IDS_SHOWN]))
    return f"{shown} and {len(value) - _IDS_SHOWN} more" if len(value) > _IDS_SHOWN else shown or "none"


def _entry_json(entry: AuditEntry, zone: tzinfo) -> dict[str, Any]:
    actor = entry.actor
    who = {"actor": actor.name, "uid": actor.uid, "sudo_user": actor.sudo_user}
    return {"id": entry.id, "at": iso(entry.at, zone), **who, "kind": entry.kind, "details": dict(entry.details)}
