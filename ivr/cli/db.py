"""`infoline db`: the database tables."""

from __future__ import annotations

import click

from ivr.cli.context import settings_or_exit


@click.group()
def db() -> None:
    """Manage the database tables."""


@db.command()
def upgrade() -> None:
    """Upgrade the tables to this version."""
    from ivr.ledger import open_ledger

    open_ledger(settings_or_exit().database_url).upgrade()
    click.echo("The database is up to date.")
