"""`infoline db`: the database tables."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import click

from ivr.cli.console import echo, exit_on, fail, print_table
from ivr.cli.context import ledger_or_exit, settings_or_exit, upgrade_ledger
from ivr.setting_rules import database_problem, is_database_url

if TYPE_CHECKING:
    from sqlalchemy import URL


@click.group()
def db() -> None:
    """Manage the database tables, and move to another database."""


@db.command()
def upgrade() -> None:
    """Upgrade the tables to this version, or create them."""
    ledger = upgrade_ledger(settings_or_exit(save_keys=True))
    echo(f"The database is up to date: {ledger.address}")


@db.command()
@click.argument("url")
@click.option("--password", "asks", is_flag=True, help="Ask for the password of the new database.")
def copy(url: str, asks: bool) -> None:
    """Copy all data into the empty database at URL, to move there.

    Creates the tables. The line must be stopped. Copies everything or nothing, and changes nothing in the database that
    it copies from. Afterward, set DATABASE_URL to the new database.
    """
    from rich.console import Console

    from ivr.doctor.stopped import HOW_TO_STOP, still_running
    from ivr.ledger import open_ledger
    from ivr.ledger.copy import CopyError, copy_ledger
    from ivr.ledger.in_use import used_by

    settings = settings_or_exit()
    new = _address_or_exit(url, is_public=not settings.loopback)
    if asks:
        new = new.set(password=click.prompt("Password", hide_input=True, err=True))
    address = new.render_as_string(hide_password=False)
    ledger_or_exit(settings).close()
    if running := still_running(settings) or used_by(address):
        fail(f"Nothing was copied: {running}. First {HOW_TO_STOP}.")
    source, target = open_ledger(settings.database_url), open_ledger(address)
    with closing(source), closing(target), Console(stderr=True).status("Copying…") as status, exit_on(CopyError):
        counts = copy_ledger(source, target, lambda table: status.update(f"Copying {table}…"))
    print_table(("table", "rows"), [(name, f"{count:,}") for name, count in counts.items()], right=("rows",))
    echo(f"Copied {source.address} to {target.address}: set DATABASE_URL to it, then run `infoline doctor`.")


def _address_or_exit(text: str, *, is_public: bool) -> URL:
    """The address of the new database, by the rules of DATABASE_URL, and without a password."""
    if not is_database_url(text):
        fail("URL must look like postgresql://user@host/infoline or sqlite:///file.")
    from sqlalchemy.engine import make_url

    address = make_url(text)
    if address.password:
        fail("Other users of this machine see the URL: leave the password out, and add --password to be asked for it.")
    if is_public and (problem := database_problem(text)):
        fail(f"URL {problem}.")
    return address
