"""`infoline reminders person | stop | start | send | skip | unskip`: what schedulers do for one patient."""

from __future__ import annotations

import sys
import textwrap
from typing import Any, NoReturn

import click

from ivr import clock
from ivr.cli.console import (
    FINDINGS,
    WIDTH,
    WRONG_USE,
    echo,
    exit_on,
    fail,
    json_option,
    print_json,
    print_message,
    print_table,
    print_wrapped,
)
from ivr.cli.context import CommandContext, open_context
from ivr.people.audit import AuditKind, person_id
from ivr.people.phones import PhoneNumber, format_phone, parse_phone
from ivr.reminders.imports.errors import ERROR_SENTENCES
from ivr.reminders.reports.manual import ManualActions, ManualResult, UnknownAppointment

_because_option = click.option(
    "--because", required=True, help="What the patient said, and to whom. Stored as evidence."
)


@click.command()
@click.argument("number")
@json_option
def person(number: str, as_json: bool) -> None:
    """Show the opt-out, appointments and texts of NUMBER.

    Appointments go back 30 days.
    """
    phone = phone_or_exit(number)
    context = open_context()
    known = _actions(context).person(phone, clock.now())
    _record(context, AuditKind.PERSON_READ, phone)
    if as_json:
        print_json({"number": phone, **known})
    elif not known["known"]:
        echo(f"Nothing is known about {format_phone(phone)}.")
    else:
        _print(phone, known)


def _print(phone: str, known: dict[str, Any]) -> None:
    opt_out = known["opted_out"]
    state = f"opted out since {opt_out['since']} (by {opt_out['source']})" if opt_out else "takes texts"
    landline = ", but the carrier says that it is a landline" if known["landline"] else ""
    echo(f"{format_phone(phone)}: {state}{landline}.")
    if not known["appointments"]:
        echo("No upcoming appointment, and none in the last 30 days.")
    for appointment in known["appointments"]:
        reply = f", replied {appointment['answer']} at {appointment['answered_at']}" if appointment["answer"] else ""
        heading = "{appointment_id}, batch {batch}: {starts_at}, {site}".format_map(appointment)
        echo(f"\n{textwrap.fill(heading, WIDTH)}")
        echo(f"  {appointment['status']}{reply}")
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
def stop(number: str, because: str, as_json: bool) -> None:
    """Opt NUMBER out, because the patient asked for it."""
    phone = phone_or_exit(number)
    evidence, context = _evidence_or_exit(because), open_context(writes=not as_json)
    changed = _actions(context).stop(phone, evidence, clock.now())
    _record(context, AuditKind.OPTED_OUT, phone)
    if as_json:
        print_json({"number": phone, "changed": changed, "opted_out": True})
    else:
        echo(f"{format_phone(phone)} gets no more texts.{_unchanged(changed)}")


@click.command()
@click.argument("number")
@_because_option
@json_option
def start(number: str, because: str, as_json: bool) -> None:
    """Opt NUMBER in again, because the patient asked for it."""
    phone = phone_or_exit(number)
    evidence, context = _evidence_or_exit(because), open_context(writes=not as_json)
    source = _actions(context).start(phone, evidence, clock.now())
    _record(context, AuditKind.OPTED_IN, phone)
    if as_json:
        print_json({"number": phone, "changed": source is not None, "opted_out": False, "was_out_by": source})
        return
    echo(f"{format_phone(phone)} gets the texts that are still planned.{_unchanged(source is not None)}")
    if source in ("text", "carrier"):
        echo("The carrier may still block them until START is texted from that phone.")


def _unchanged(changed: bool) -> str:
    return "" if changed else " (no change)"


def _actions(context: CommandContext) -> ManualActions:
    return ManualActions(context.ledger, context.vault, context.config)


def _record(context: CommandContext, kind: AuditKind, phone: str) -> None:
    with context.ledger.read() as connection:
        stored = person_id(connection, context.vault, phone)
    context.record(kind, person=stored)


def phone_or_exit(number: str) -> str:
    parsed = parse_phone(number, open_context().config.reminders.countries)
    if isinstance(parsed, PhoneNumber):
        return parsed.e164
    print_message("NUMBER", "error", ERROR_SENTENCES[parsed], parsed)
    sys.exit(WRONG_USE)


def _evidence_or_exit(because: str) -> str:
    if not because.strip():
        fail('--because is empty: write what the patient said, such as "called us".')
    return because.strip()


@click.command()
@click.argument("appointment_id")
@click.argument("step")
@json_option
def send(appointment_id: str, step: str, as_json: bool) -> None:
    """Send the text STEP of an appointment now.

    It goes out once. Opt-outs, quiet hours and the limits per number still apply.
    """
    with exit_on(UnknownAppointment):
        result = _actions(open_context(writes=not as_json)).send(appointment_id, step, clock.now())
    _report([result], as_json)


@click.command()
@click.argument("appointment_id")
@click.argument("step", required=False)
@json_option
def skip(appointment_id: str, step: str | None, as_json: bool) -> None:
    """Skip one or all planned texts of an appointment.

    Without STEP, skips all. `unskip` undoes it. If a later file moves the appointment, the texts for its new time go
    out.
    """
    with exit_on(UnknownAppointment):
        results = _actions(open_context(writes=not as_json)).skip(appointment_id, step, clock.now())
    if step is None:
        # Texts that went out already do not make a request for the rest fail.
        results = [result for result in results if result.done or result.code != "written"]
    if not results and not as_json:
        echo(f"{appointment_id}: no text is planned.")
    _report(results, as_json)


@click.command()
@click.argument("appointment_id")
@click.argument("step", required=False)
@json_option
def unskip(appointment_id: str, step: str | None, as_json: bool) -> None:
    """Plan one or all skipped texts of an appointment again.

    Each goes out at its time in the plan, which must be ahead. Without STEP, plans all of them.
    """
    with exit_on(UnknownAppointment):
        results = _actions(open_context(writes=not as_json)).unskip(appointment_id, step, clock.now())
    if step is None:
        # Texts that nobody skipped do not make a request for the rest fail.
        results = [result for result in results if result.code != "not_left_out"]
    if not results and not as_json:
        echo(f"{appointment_id}: no text was skipped.")
    _report(results, as_json)


def _report(results: list[ManualResult], as_json: bool) -> NoReturn:
    if as_json:
        print_json({"texts": [result.as_json() for result in results]})
    for result in [] if as_json else results:
        name = f"{result.appointment_id} {result.step}"
        if result.done:
            print_wrapped(f"{name}: {result.sentence}")
        else:
            print_message(name, "error", result.sentence, result.code)
    sys.exit(0 if all(result.done for result in results) else FINDINGS)
