"""`infoline db`: the database tables."""

from __future__ import annotations

import click

from ivr.cli.console import echo
from ivr.cli.context import settings_or_exit, upgrade_ledger


@click.group()
def db() -> None:
    """Manage the database tables."""


@db.command()
def upgrade() -> None:
    """Upgrade the tables to this version, or create them."""
    ledger = upgrade_ledger(settings_or_exit(save_keys=True))
    echo(f"The database is up to date: {ledger.address}")
