"""`infoline hl7`: the process that receives HL7 v2 messages, and the work items that it makes."""

from __future__ import annotations

import sys
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ivr import clock
from ivr.cli.console import FINDINGS, NUMBER, clean, echo, exit_on, fail, json_option, note, print_json, print_table
from ivr.cli.context import CommandContext, current_user, iso, minute, open_context, settings_or_exit

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator, Sequence

    from ivr.feeds.hl7.acks import Reply
    from ivr.feeds.hl7.inbox import Received
    from ivr.feeds.hl7.process import Feed
    from ivr.settings import Settings


@click.group(invoke_without_command=True)
@click.option("--port", type=click.IntRange(0, 65535), help="The port to listen on. Default: HL7_PORT, else 2575.")
@click.pass_context
def hl7(click_context: click.Context, port: int | None) -> None:
    """Receive appointments as HL7 v2 messages."""
    if click_context.invoked_subcommand:
        return
    settings = settings_or_exit(save_keys=True)
    tls = _tls_or_exit(settings)
    feed = _feed_or_exit(_context_of_process(settings))
    port = settings.hl7_port if port is None else port
    from ivr import log
    from ivr.feeds.hl7.process import run_feed

    log.configure()
    try:
        run_feed(
            feed, settings.hl7_host, port, tls, lambda bound: log.log_start("hl7", port=bound, tls=tls is not None)
        )
    except OSError as error:
        fail(f"Port {port} of {settings.hl7_host} cannot be used ({error.strerror}): change HL7_PORT or HL7_HOST.")


def _context_of_process(settings: Settings) -> CommandContext:
    """Unlike a command, the process starts while the database does not answer: senders then get AR, and try again."""
    from ivr.ledger import Vault
    from ivr.ledger.keys import WrongKeys, open_guarded_ledger, refuse_wrong_keys

    vault = Vault.of(settings)
    with exit_on(WrongKeys):
        refuse_wrong_keys(settings.database_url, vault)
    context = CommandContext(settings, open_guarded_ledger(settings.database_url, vault))
    # The ledger checks the keys before its first transaction.
    vars(context)["vault"] = vault
    return context


def _feed_or_exit(context: CommandContext) -> Feed:
    from ivr.feeds.hl7.mapping import MappingError
    from ivr.feeds.hl7.process import Feed

    with exit_on(MappingError, status=FINDINGS):
        return Feed(context.settings, context.ledger, context.vault, context.content)


def _tls_or_exit(settings: Settings) -> ssl.SSLContext | None:
    from ivr.feeds.hl7.process import tls_context

    if not settings.hl7_certificate or not settings.hl7_key:
        if settings.hl7_certificate or settings.hl7_key or settings.hl7_client_ca:
            fail("TLS needs both HL7_CERTIFICATE and HL7_KEY: set both, or none of the HL7 certificate settings.")
        return None
    try:
        return tls_context(settings.hl7_certificate, settings.hl7_key, settings.hl7_client_ca)
    except OSError as error:
        fail(
            f"The certificate cannot be used ({error.strerror or error}): check HL7_CERTIFICATE, HL7_KEY and"
            " HL7_CLIENT_CA."
        )


@hl7.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@json_option
def replay(file: Path, as_json: bool) -> None:
    """Take in the messages in FILE, as if they came over the network.

    FILE holds messages one after another, framed or not. A message that was received before is not applied again.
    """
    context = open_context(writes=not as_json)
    results = _feed_or_exit(context).replay(file.read_bytes())
    counts = {code: sum(reply.code == code for _, reply in results) for code in ("AA", "AE", "AR")}
    errors = [
        # 0: a batch as a whole.
        {"message": number, "code": reply.code, "place": reply.place, "text": reply.text}
        for number, reply in _numbered(results)
        if reply.code != "AA"
    ]
    messages = max((number for number, _ in _numbered(results)), default=0)
    if as_json:
        print_json({"messages": messages, **counts, "errors": errors})
    else:
        for error in errors:
            name = f"message {error['message']}" if error["message"] else "batch"
            echo(f"{name}: {error['code']} {error['place']}: {error['text']}")
        echo(f"{messages} messages: {counts['AA']} accepted, {counts['AE']} to look at, {counts['AR']} refused.")
    sys.exit(FINDINGS if errors or not results else 0)


def _numbered(results: Sequence[tuple[Received, Reply]]) -> Iterator[tuple[int, Reply]]:
    """Each reply with the number of its message; 0 for the fault of a batch as a whole."""
    from ivr.feeds.hl7.message import MessageFault

    number = 0
    for received, reply in results:
        is_message = received.fault != MessageFault.BATCH_COUNT
        number += is_message
        yield number if is_message else 0, reply


@hl7.command()
@json_option
def items(as_json: bool) -> None:
    """List what HL7 and FHIR feeds gave that could not be read."""
    from ivr.feeds.unread import unread_messages

    context = open_context()
    with context.ledger.read() as connection:
        found = unread_messages(connection)
    if as_json:
        names = ("id", "sender", "event", "appointment_id", "fault", "place", "times")
        listed = [
            {"received_at": iso(each.received_at, UTC), **{name: getattr(each, name) for name in names}}
            for each in found
        ]
        print_json({"items": listed})
        return
    zone = context.config.zone
    rows = [
        (
            str(each.id),
            minute(each.received_at, zone),
            each.sender,
            each.event,
            each.appointment_id or "",
            each.place,
            each.fault,
            str(each.times),
        )
        for each in found
    ]
    print_table(
        ("id", "received", "sender", "event", "appointment", "field", "problem", "times"),
        rows,
        right=("id", "times"),
        unwrapped=2,
    )
    if not found:
        echo("No message is waiting.")


@hl7.command()
@click.argument("item", type=NUMBER)
def show(item: int) -> None:
    """Print the message of ITEM, which names a patient."""
    from ivr.feeds.unread import open_message
    from ivr.people.audit import AuditKind

    context = open_context()
    with context.ledger.read() as connection:
        raw = open_message(connection, context.vault, item)
    if raw is None:
        fail(f"There is no item {item}: list them with `infoline hl7 items`.", FINDINGS)
    context.record(AuditKind.HL7_MESSAGE_READ, message=item)
    for line in raw.replace(b"\n", b"\r").split(b"\r"):
        echo(clean(line.decode("utf-8", "replace")))


@hl7.command()
@click.argument("item", type=NUMBER)
def done(item: int) -> None:
    """Mark ITEM as handled."""
    from ivr.feeds.unread import complete

    context = open_context(writes=True)
    with context.ledger.write() as connection:
        found = complete(connection, [item], current_user(), clock.now())
    if not found:
        fail(f"There is no open item {item}: list them with `infoline hl7 items`.", FINDINGS)
    note(f"Item {item} is done.")


@hl7.command()
def retire() -> None:
    """Expect no HL7 process any more.

    Without it, the alarm feed_silent is raised once the process has been stopped for ten minutes.
    """
    from ivr.reminders.feed_heartbeats import FeedName
    from ivr.reminders.feed_heartbeats import retire as retire_feed

    retire_feed(open_context(writes=True).ledger, FeedName.HL7)
    note("No HL7 process is expected any more, until `infoline hl7` runs again.")
