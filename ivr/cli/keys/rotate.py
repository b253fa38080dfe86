"""`infoline keys rotate` and `hash-key`: replace the keys that encrypt phone numbers, while the line runs."""

from __future__ import annotations

import sys
from collections.abc import Mapping

import click
from rich.console import Console
from rich.progress import Progress

from ivr.cli.console import FINDINGS, echo, fail, json_option, note, print_json, print_table, print_wrapped
from ivr.cli.context import CommandContext, open_context
from ivr.ledger.reseal import ResealReport, forget_lost_keys, reseal, values_by_key
from ivr.people.audit import AuditKind
from ivr.people.spool import open_spool


@click.command("hash-key")
def print_hash_key() -> None:
    """Print the value of PHONE_HASH_KEY that this database needs.

    Set PHONE_HASH_KEY to it before you remove the oldest key from PHONE_KEY. It is a secret.
    """
    context = open_context()
    vault = context.vault
    context.record(AuditKind.HASH_KEY_READ)
    echo(vault.hash_key_text)


@click.command()
@click.option("--forget-lost", is_flag=True, help="Start without keys that are lost; their data stays unreadable.")
@click.option("--status", is_flag=True, help="Print how much data each key encrypts, and change nothing.")
@json_option
def rotate(forget_lost: bool, status: bool, as_json: bool) -> None:
    """Encrypt all stored data with the newest PHONE_KEY.

    First set PHONE_HASH_KEY, add the new key behind the others in PHONE_KEY, and restart all processes; then move it to
    the front, and restart them again. Workers then do this too, little by little; this command does it at once. If it
    is interrupted, run it again. It prints when older keys may be removed.
    """
    if status:
        sys.exit(_print_status(as_json))
    if as_json:
        raise click.UsageError("--json needs --status.")
    context = open_context(writes=True)
    if forget_lost:
        lost = forget_lost_keys(context.ledger, context.new_vault())
        note(f"No longer required: {', '.join(sorted(lost)) or 'no key'}.")
    vault = context.vault
    counts = values_by_key(context.ledger)
    older = sum(counts.values()) - counts.get(vault.newest_key_id, 0)
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("Encrypting…", total=older)
        report = reseal(context.ledger, vault, lambda count: bar.update(task, completed=count))
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
    older = f"Older keys (key id {', '.join(report.retired)})" if report.retired else "Older keys"
    print_wrapped(
        f"{older} may then be removed from PHONE_KEY, once each machine with files in VAR_DIR/kept has run this"
        " command. Keep them with the backups that need them."
    )
    return 0


def _print_status(as_json: bool) -> int:
    """Print which keys are in use. Returns the exit status: 1 while an older key is needed."""
    context = open_context()
    counts, vault = values_by_key(context.ledger), context.vault
    listed = set(vault.key_ids.split())
    rows = [
        {
            "key": key_id,
            "newest": key_id == vault.newest_key_id,
            "in_phone_key": key_id in listed,
            "values": counts.get(key_id, 0),
        }
        for key_id in sorted(listed | counts.keys(), key=lambda key_id: (key_id != vault.newest_key_id, key_id))
    ]
    is_needed = any(row["values"] for row in rows if not row["newest"])
    if as_json:
        print_json({"keys": rows, "older_keys_needed": is_needed})
        return FINDINGS if is_needed else 0
    print_table(("key id", "values", "note"), [(str(row["key"]), f"{row['values']:,}", _note(row)) for row in rows])
    return FINDINGS if is_needed else 0


def _note(row: Mapping[str, object]) -> str:
    if row["newest"]:
        return "the newest"
    if not row["in_phone_key"]:
        return "not in PHONE_KEY: these values cannot be read"
    if row["values"]:
        return "still needed"
    return "unused: it may be removed from PHONE_KEY, unless it is the next one"
