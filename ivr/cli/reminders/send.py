"""`infoline reminders send | skip`: one text ahead of its time, or not at all."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import click

from ivr import clock
from ivr.cli.common import (
    FINDINGS,
    fail,
    json_option,
    open_context,
    print_json,
    print_message,
    print_wrapped,
    reports_outages,
)
from ivr.cli.reminders.person import manual_actions
from ivr.reminders.reports.manual import ManualActions, ManualResult, UnknownAppointment


@click.command()
@click.argument("appointment_id")
@click.argument("step")
@json_option
@reports_outages
def send(appointment_id: str, step: str, as_json: bool) -> None:
    """Send the text STEP of an appointment now.

    It goes out once. Opt-outs, quiet hours and the limits per number still apply.
    """
    with _actions() as actions:
        result = actions.send(appointment_id, step, clock.now())
    _report([result], as_json)


@click.command()
@click.argument("appointment_id")
@click.argument("step", required=False)
@json_option
@reports_outages
def skip(appointment_id: str, step: str | None, as_json: bool) -> None:
    """Skip one or all planned texts of an appointment.

    Without STEP, skips all. `send` undoes it for one text. If a later file moves the appointment, the texts for its
    new time go out.
    """
    with _actions() as actions:
        results = actions.skip(appointment_id, step, clock.now())
    if step is None:
        # Texts that went out already do not make a request for the rest fail.
        results = [result for result in results if result.done or result.code != "written"]
    if not results and not as_json:
        click.echo(f"{appointment_id}: no text is planned.")
    _report(results, as_json)


@contextmanager
def _actions() -> Iterator[ManualActions]:
    try:
        yield manual_actions(open_context())
    except UnknownAppointment as error:
        fail(error)


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
