"""`infoline keys …`: the keys that encrypt phone numbers, and those with which other systems use the API."""

from __future__ import annotations

import click

from ivr.cli.lazy import LazyGroup

COMMANDS = {
    "add": ("ivr.cli.keys.api:add", "Make an API key for the system NAME, and print it once."),
    "list": ("ivr.cli.keys.api:list_keys", "List the API keys."),
    "revoke": ("ivr.cli.keys.api:revoke", "End the API key ID at once."),
    "rotate": ("ivr.cli.keys.rotate:rotate", "Encrypt all stored data with the newest PHONE_KEY."),
    "hash-key": ("ivr.cli.keys.rotate:print_hash_key", "Print the value of PHONE_HASH_KEY that this database needs."),
}


@click.group(cls=LazyGroup, commands_table=COMMANDS)
def keys() -> None:
    """Manage API keys, and the keys that encrypt phone numbers."""
