"""`infoline reminders person-data` and `erase`: everything about one number, to hand out or to delete."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from ivr import clock
from ivr.cli.console import FINDINGS, echo, exit_on, fail, note, print_json, print_wrapped
from ivr.cli.context import open_context
from ivr.cli.reminders.manual import phone_or_exit
from ivr.people.audit import AuditKind, person_id
from ivr.people.phones import format_phone


@click.command("person-data")
@click.argument("number")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write to this file.")
def person_data(number: str, output: Path | None) -> None:
    """Print all that is stored about NUMBER as JSON.

    It contains personal data: hand it to the patient only. With `-` as NUMBER, the number is read from standard input.
    """
    from ivr.reminders.retention import person_data as stored

    phone = phone_or_exit(_typed(number))
    context = open_context()
    with context.ledger.read() as connection:
        data = stored.person_data(connection, context.vault, phone)
        known = person_id(connection, context.vault, phone)
    context.record(AuditKind.PERSON_EXPORTED, person=known)
    if data is None:
        note(f"Nothing is stored about {format_phone(phone)}.")
        sys.exit(FINDINGS)
    if output is None:
        print_json(data)
        return
    try:
        # Only this user can read it: the command has set its umask.
        output.write_text(json.dumps(data, ensure_ascii=False, indent=2) + "\n")
    except OSError as error:
        fail(f"{output} cannot be written: {error.strerror}.")
    note(f"Written to {output}.")


@click.command()
@click.argument("number")
@click.option("--yes", is_flag=True, help="Do not ask.")
def erase(number: str, yes: bool) -> None:
    """Delete all that is stored about NUMBER.

    For a patient who asks for it. An opt-out stays, as a hash of the number, so that it is never texted again. Upcoming
    appointments are deleted too: if a later file contains them, they come back. With `-` as NUMBER, the number is read
    from standard input.
    """
    from ivr.feeds.unread import settle_alarms
    from ivr.reminders.retention.person_data import TextOnItsWay, erase_person

    phone = phone_or_exit(_typed(number))
    context = open_context(writes=True)
    if not yes:
        click.confirm(f"Delete everything about {format_phone(phone)}? This cannot be undone.", abort=True, err=True)
    vault = context.vault
    with exit_on(TextOnItsWay, status=FINDINGS), context.ledger.write() as connection:
        context.ledger.overwrite_deleted(connection)
        context.ledger.exclusive_lock(connection)
        erased = erase_person(connection, vault, phone, clock.now())
        # Messages that nobody could read may have been about this person.
        settle_alarms(connection, clock.now())
        context.add_entry(connection, AuditKind.PERSON_ERASED, person=erased.person_id if erased else None)
    if erased is None:
        echo(f"Nothing was stored about {format_phone(phone)}.")
        return
    print_wrapped(
        f"Everything about {format_phone(phone)} is deleted; an opt-out stays as a hash. Backups still have it."
    )


def _typed(number: str) -> str:
    return sys.stdin.readline().strip() if number == "-" else number
