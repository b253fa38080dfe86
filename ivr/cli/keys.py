"""`infoline keys`: the keys that encrypt phone numbers, and those with which other systems use the API."""

from __future__ import annotations

import sys

import click
from rich.console import Console

from ivr.cli.api_keys import add, list_keys, revoke
from ivr.cli.console import FINDINGS, echo, fail, note, print_wrapped
from ivr.cli.context import CommandContext, open_context
from ivr.ledger.reseal import ResealReport, forget_lost_keys, reseal
from ivr.people.audit import AuditKind
from ivr.people.spool import open_spool


@click.group()
def keys() -> None:
    """Manage API keys, and the keys that encrypt phone numbers."""


for _command in (add, list_keys, revoke):
    keys.add_command(_command)


@keys.command("hash-key")
def print_hash_key() -> None:
    """Print the value of PHONE_HASH_KEY that this database needs.

    Set PHONE_HASH_KEY to it before you remove the oldest key from PHONE_KEY. It is a secret.
    """
    context = open_context()
    vault = context.vault
    context.record(AuditKind.HASH_KEY_READ)
    echo(vault.hash_key_text)


@keys.command()
@click.option("--forget-lost", is_flag=True, help="Start without keys that are lost; their data stays unreadable.")
def rotate(forget_lost: bool) -> None:
    """Encrypt all stored data with the newest PHONE_KEY.

    First add the new key in front of PHONE_KEY, and restart all processes. If this command is interrupted, run it
    again. It prints when older keys may be removed.
    """
    context = open_context(writes=True)
    if forget_lost:
        lost = forget_lost_keys(context.ledger, context.new_vault())
        note(f"No longer required: {', '.join(sorted(lost)) or 'no key'}.")
    vault = context.vault
    with Console(stderr=True).status("Encrypting…") as progress:
        report = reseal(context.ledger, vault, lambda count: progress.update(f"{count:,} values encrypted…"))
        try:
            spooled = open_spool(context.settings.var_dir, context.ledger, vault).reseal()
        except OSError as error:
            fail(f"The spooled writes cannot be encrypted ({error}): run this as the user of the line.")
    context.record(AuditKind.KEYS_ROTATED, values=report.resealed)
    echo(f"{report.resealed} values and {spooled} spooled writes are now encrypted with the newest key.")
    sys.exit(_print_result(context, report))


def _print_result(context: CommandContext, report: ResealReport) -> int:
    for key_id, count in sorted(report.unreadable.items()):
        print_wrapped(
            f"{count} values need a key that PHONE_KEY lacks (key id {key_id}): add the key, and run this again."
        )
    if report.in_use:
        print_wrapped(
            "A process still uses an older key. Keep the older keys in PHONE_KEY, restart all processes, and run this"
            " again."
        )
    if report.unreadable or report.in_use:
        return FINDINGS
    if len(context.settings.phone_keys) > 1 and not context.settings.phone_hash_key:
        print_wrapped(
            "Before you remove older keys from PHONE_KEY, set PHONE_HASH_KEY to the output of `infoline keys hash-key`."
        )
    print_wrapped(
        "Older keys may then be removed from PHONE_KEY, once each machine with files in VAR_DIR/kept has run this"
        " command. Keep them with the backups that need them."
    )
    return 0
