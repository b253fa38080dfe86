"""`infoline users`: who may sign in to the console."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ivr import clock
from ivr.cli.console import WRONG_USE, echo, fail, json_option, print_json, print_table
from ivr.cli.context import CommandContext, iso, minute, open_context
from ivr.people.audit import AuditKind
from ivr.staff.users import (
    Invitation,
    Role,
    StaffUser,
    UserExists,
    add_user,
    invite,
    set_active,
    set_role,
    user_by_email,
)
from ivr.staff.users import (
    users as all_users,
)

if TYPE_CHECKING:
    from sqlalchemy import Connection

_ROLE = click.Choice([role.value for role in Role])


@click.group(invoke_without_command=True)
@json_option
@click.pass_context
def users(click_context: click.Context, as_json: bool) -> None:
    """List who may sign in to the console, and change it."""
    if click_context.invoked_subcommand is None:
        _list(as_json)


@users.command("list")
@json_option
def list_users(as_json: bool) -> None:
    """List the users of the console."""
    _list(as_json)


def _list(as_json: bool) -> None:
    context = open_context()
    with context.ledger.read() as connection:
        found = all_users(connection)
    zone = context.config.zone
    if as_json:
        print_json({"users": [{**_user_json(user), "created_at": iso(user.created_at, zone)} for user in found]})
    elif found:
        rows = [
            (user.email, user.name, user.role, _state(user), minute(user.last_sign_in_at, zone))
            if user.last_sign_in_at
            else (user.email, user.name, user.role, _state(user), "never")
            for user in found
        ]
        print_table(("email", "name", "role", "state", "last sign-in"), rows)
    else:
        echo("No users. Add the first administrator: infoline users add EMAIL --name NAME --role admin")


@users.command("add")
@click.argument("email")
@click.option("--name", required=True, help="The name that colleagues see.")
@click.option("--role", type=_ROLE, required=True, help="What the user may do.")
@click.option("--language", type=click.Choice(["en", "es"]), default="en", show_default=True, help="Of the pages.")
@json_option
def add(email: str, name: str, role: str, language: str, as_json: bool) -> None:
    """Add the user EMAIL, and print a link to choose a password.

    The link works once, within 48 hours. Nothing is sent: pass it on yourself.
    """
    context = open_context()
    with context.ledger.write() as connection:
        try:
            invitation = add_user(connection, email, name, Role(role), clock.now(), language)
        except UserExists:
            fail(f"{email} is a user already: infoline users reset {email} makes a new link.")
        except ValueError as error:
            fail(error)
        context.add_entry(connection, AuditKind.USER_ADDED, user=invitation.user.id)
    _print_link(context, invitation, as_json)


@users.command("reset")
@click.argument("email")
@json_option
def reset(email: str, as_json: bool) -> None:
    """Print a new link for EMAIL, and end the old password and second factor."""
    context = open_context()
    with context.ledger.write() as connection:
        user = _user(connection, email)
        invitation = invite(connection, user.id, clock.now())
        context.add_entry(connection, AuditKind.USER_INVITED, user=user.id)
    _print_link(context, invitation, as_json)


@users.command("disable")
@click.argument("email")
def disable(email: str) -> None:
    """Sign EMAIL out everywhere, and refuse further sign-ins."""
    context = open_context()
    with context.ledger.write() as connection:
        user = _user(connection, email)
        set_active(connection, user.id, active=False)
        context.add_entry(connection, AuditKind.USER_DISABLED, user=user.id)
    echo(f"{user.email} can no longer sign in. infoline users reset {user.email} lets them in again.")


@users.command("role")
@click.argument("email")
@click.argument("role", type=_ROLE)
def change_role(email: str, role: str) -> None:
    """Give EMAIL another ROLE, and end their sessions."""
    context = open_context()
    with context.ledger.write() as connection:
        user = _user(connection, email)
        set_role(connection, user.id, Role(role))
        context.add_entry(connection, AuditKind.ROLE_CHANGED, user=user.id, role=role)
    echo(f"{user.email} is now {role}.")


def _user(connection: Connection, email: str) -> StaffUser:
    user = user_by_email(connection, email)
    if user is None:
        fail(f"There is no user {email}: see infoline users list.", WRONG_USE)
    return user


def _print_link(context: CommandContext, invitation: Invitation, as_json: bool) -> None:
    link = f"{context.settings.public_url}/console/welcome/{invitation.token}"
    until = iso(invitation.until, context.config.zone)
    if as_json:
        print_json({"email": invitation.user.email, "link": link, "until": until})
        return
    echo(
        f"{invitation.user.email} chooses a password here, once, until {minute(invitation.until, context.config.zone)}:"
    )
    echo(link)


def _state(user: StaffUser) -> str:
    if not user.active:
        return "disabled"
    if user.invited_until:
        return "invited" if user.invited_until > clock.now() else "invitation expired"
    return "active" if user.second_factor else "no second factor yet"


def _user_json(user: StaffUser) -> dict[str, str]:
    return {"email": user.email, "name": user.name, "role": user.role, "state": _state(user)}
