"""`infoline keys add|list|revoke`: the keys with which other systems use the API."""

from __future__ import annotations

from datetime import tzinfo
from typing import Any

import click

from ivr import clock
from ivr.cli.console import echo, fail, json_option, print_json, print_table, print_wrapped
from ivr.cli.context import iso, minute, open_context
from ivr.people.audit import AuditKind
from ivr.staff.api_keys import MAX_DAYS, ROLES, ApiKey, add_api_key, api_keys, revoke_api_key
from ivr.staff.users import Role


@click.command("add")
@click.argument("name")
@click.option("--role", type=click.Choice([role.value for role in ROLES]), required=True, help="What it may do.")
@click.option("--days", type=click.IntRange(1, MAX_DAYS), help="Valid for this many days; without it, until revoked.")
@json_option
def add(name: str, role: str, days: int | None, as_json: bool) -> None:
    """Make an API key for the system NAME, and print it once."""
    context = open_context()
    with context.ledger.write() as connection:
        try:
            new = add_api_key(connection, name, Role(role), clock.now(), days)
        except ValueError as error:
            fail(error)
        context.add_entry(connection, AuditKind.API_KEY_ADDED, key=new.key.id)
    if as_json:
        print_json({**_json(new.key, context.config.zone), "key": new.text})
        return
    end = f"until {minute(new.key.expires_at, context.config.zone)}" if new.key.expires_at else "until it is revoked"
    print_wrapped(f"Key {new.key.id} for {new.key.name}, valid {end}. It is not shown again:")
    echo(new.text)


@click.command("list")
@json_option
def list_keys(as_json: bool) -> None:
    """List the API keys."""
    context = open_context()
    with context.ledger.read() as connection:
        found = api_keys(connection)
    zone = context.config.zone
    if as_json:
        print_json({"keys": [_json(key, zone) for key in found]})
    elif found:
        rows = [
            (
                str(key.id),
                key.name,
                key.role,
                _state(key),
                _minute(key.expires_at, zone),
                _minute(key.last_used_at, zone),
            )
            for key in found
        ]
        print_table(("id", "name", "role", "state", "expires", "last use"), rows, right=("id",))
    else:
        echo("No API keys. Make one: infoline keys add NAME --role scheduler")


@click.command("revoke")
@click.argument("number", metavar="ID", type=click.IntRange(1, 2**31 - 1))
def revoke(number: int) -> None:
    """End the API key ID at once."""
    context = open_context()
    with context.ledger.write() as connection:
        if not revoke_api_key(connection, number, clock.now()):
            fail(f"There is no valid key {number}: see infoline keys list.")
        context.add_entry(connection, AuditKind.API_KEY_REVOKED, key=number)
    echo(f"Key {number} is revoked: requests with it are refused from now on.")


def _state(key: ApiKey) -> str:
    if key.revoked_at:
        return "revoked"
    return "valid" if key.is_valid(clock.now()) else "expired"


def _minute(moment: Any, zone: tzinfo) -> str:
    return minute(moment, zone) if moment else "never"


def _json(key: ApiKey, zone: tzinfo) -> dict[str, Any]:
    times = {name: getattr(key, name) for name in ("created_at", "expires_at", "revoked_at", "last_used_at")}
    shown = {name: iso(moment, zone) if moment else None for name, moment in times.items()}
    return {"id": key.id, "name": key.name, "role": key.role.value, "state": _state(key), **shown}
