"""`infoline reminders person | stop | start`: what is known about a number, and opting it out and in."""

from __future__ import annotations

import sys
import textwrap
from typing import Any

import click

from ivr import clock
from ivr.cli.common import (
    WIDTH,
    WRONG_USE,
    CommandContext,
    fail,
    json_option,
    open_context,
    print_json,
    print_message,
    print_table,
    reports_outages,
)
from ivr.people.phones import PhoneNumber, format_phone, parse_phone
from ivr.reminders.imports.errors import ERROR_SENTENCES
from ivr.reminders.reports.manual import ManualActions

_because_option = click.option(
    "--because", required=True, help="What the patient said, and to whom. Stored as evidence."
)


@click.command()
@click.argument("number")
@json_option
@reports_outages
def person(number: str, as_json: bool) -> None:
    """Show the opt-out, appointments and texts of NUMBER.

    Appointments go back 30 days.
    """
    phone = _phone_or_exit(number)
    known = manual_actions(open_context()).person(phone, clock.now())
    if as_json:
        print_json({"number": phone, **known})
    elif not known["known"]:
        click.echo(f"Nothing is known about {format_phone(phone)}.")
    else:
        _print(phone, known)


def _print(phone: str, known: dict[str, Any]) -> None:
    opt_out = known["opted_out"]
    state = f"opted out since {opt_out['since']} (by {opt_out['source']})" if opt_out else "takes texts"
    landline = ", but the carrier says that it is a landline" if known["landline"] else ""
    click.echo(f"{format_phone(phone)}: {state}{landline}.")
    if not known["appointments"]:
        click.echo("No coming appointment, and none in the last 30 days.")
    for appointment in known["appointments"]:
        reply = f", replied {appointment['answer']} at {appointment['answered_at']}" if appointment["answer"] else ""
        heading = "{appointment_id}, batch {batch}: {starts_at}, {site}".format_map(appointment)
        click.echo(f"\n{textwrap.fill(heading, WIDTH)}")
        click.echo(f"  {appointment['status']}{reply}")
        rows = [
            (f"  {text['step']}", _minute(text["due_at"]), text["state"].replace("_", " "))
            + ((text["reason"] or "").replace("_", " "), _minute(text["handed_over_at"]))
            for text in appointment["texts"]
        ]
        print_table(("  text", "due", "state", "reason", "handed over"), rows)


def _minute(moment: str | None) -> str:
    """An ISO time without its UTC offset, which the line of the appointment shows."""
    return moment[:16] if moment else "-"


@click.command()
@click.argument("number")
@_because_option
@json_option
@reports_outages
def stop(number: str, because: str, as_json: bool) -> None:
    """Opt NUMBER out, because the patient asked for it."""
    phone = _phone_or_exit(number)
    changed = manual_actions(open_context()).stop(phone, _evidence_or_exit(because), clock.now())
    if as_json:
        print_json({"number": phone, "changed": changed, "opted_out": True})
    else:
        click.echo(f"{format_phone(phone)} gets no more texts.{_unchanged(changed)}")


@click.command()
@click.argument("number")
@_because_option
@json_option
@reports_outages
def start(number: str, because: str, as_json: bool) -> None:
    """Opt NUMBER in again, because the patient asked for it."""
    phone = _phone_or_exit(number)
    source = manual_actions(open_context()).start(phone, _evidence_or_exit(because), clock.now())
    if as_json:
        print_json({"number": phone, "changed": source is not None, "opted_out": False, "was_out_by": source})
        return
    click.echo(f"{format_phone(phone)} gets the texts that are still planned.{_unchanged(source is not None)}")
    if source in ("text", "carrier"):
        click.echo("The carrier may still block them until START is texted from that phone.")


def _unchanged(changed: bool) -> str:
    return "" if changed else " (no change)"


def manual_actions(context: CommandContext) -> ManualActions:
    return ManualActions(context.ledger, context.vault, context.config)


def _phone_or_exit(number: str) -> str:
    parsed = parse_phone(number)
    if isinstance(parsed, PhoneNumber):
        return parsed.e164
    print_message("NUMBER", "error", ERROR_SENTENCES[parsed], parsed)
    sys.exit(WRONG_USE)


def _evidence_or_exit(because: str) -> str:
    if not because.strip():
        fail('--because is empty: write what the patient said, such as "called us".')
    return because.strip()
