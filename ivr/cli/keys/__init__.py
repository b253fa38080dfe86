"""`infoline keys …`: the keys that encrypt phone numbers."""

from __future__ import annotations

import click

from ivr.cli.lazy import LazyGroup

COMMANDS = {
    "rotate": ("ivr.cli.keys.rotate:rotate", "Encrypt all stored data with the newest PHONE_KEY."),
    "hash-key": ("ivr.cli.keys.rotate:print_hash_key", "Print the value of PHONE_HASH_KEY that this database needs."),
}


@click.group(cls=LazyGroup, commands_table=COMMANDS)
def keys() -> None:
    """Manage the keys that encrypt phone numbers."""
