"""`infoline callbacks` and `todos`: what waits for the staff, and that it was done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import click
from babel.dates import format_datetime
from rich.console import Console
from rich.table import Table
from sqlalchemy import Connection

from ivr import clock
from ivr.cli.common import (
    NUMBER,
    WIDTH,
    content_or_exit,
    current_user,
    fail,
    ledger_or_exit,
    print_json,
    reports_ledger_outage,
    settings_or_exit,
)
from ivr.ledger import Ledger, Vault
from ivr.ledger.vault import UnknownKey
from ivr.line.content.config import Config
from ivr.line.content.keyword_rules import RED_FLAGS
from ivr.people.callbacks import PendingCallback, complete_callback, pending_callbacks
from ivr.people.phones import format_phone
from ivr.people.work_items import WorkItem, complete_work_item, pending_work_items

_KINDS = {
    "change": "wants another time",
    "cancel": "texted CANCEL: no more texts, maybe no visit",
    "wrong-number": "not the patient",
}


@dataclass(frozen=True)
class _Office:
    """The ledger, opened, with what it takes to read it."""

    ledger: Ledger
    vault: Vault
    config: Config

    def read(self, question: Callable[[Connection, Vault], list[Any]]) -> list[Any]:
        try:
            with self.ledger.read() as connection:
                return question(connection, self.vault)
        except UnknownKey as error:
            fail(error)

    def moment(self, at: datetime) -> str:
        return format_datetime(at, "EEE MMM d HH:mm", tzinfo=self.config.zone, locale="en")

    def iso(self, at: datetime) -> str:
        return at.astimezone(self.config.zone).isoformat(timespec="seconds")

    def language(self, code: str) -> str:
        return self.config.languages[code].name if code in self.config.languages else code


def _office() -> _Office:
    settings = settings_or_exit()
    ledger = ledger_or_exit(settings)
    return _Office(ledger, Vault.of(settings), content_or_exit(settings, ledger).config)


def _print(headings: tuple[str, ...], rows: Sequence[tuple[str, ...]], hint: str = "") -> None:
    table = Table(box=None, pad_edge=False)
    for at, heading in enumerate(headings):
        # The first three are short and say which, when and who.
        table.add_column(heading, no_wrap=at < 3, justify="right" if heading == "id" else "left")
    for row in rows:
        table.add_row(*row)
    Console(highlight=False, markup=False, width=WIDTH).print(table)
    if hint:
        click.echo(hint)


_json = click.option("--json", "as_json", is_flag=True, help="One JSON object for programs.")


@click.group(invoke_without_command=True)
@_json
@click.pass_context
@reports_ledger_outage
def callbacks(context: click.Context, as_json: bool) -> None:
    """Who waits for a call back, oldest first, with the number to dial; red flags before all."""
    if context.invoked_subcommand is not None:
        return
    office = _office()
    waiting: list[PendingCallback] = office.read(pending_callbacks)
    waiting.sort(key=lambda one: one.topic not in RED_FLAGS)
    if as_json:
        print_json({"callbacks": [_callback_json(one, office) for one in waiting]})
    elif waiting:
        headings = ("id", "asked", "number", "for", "about", "language", "wished")
        rows = [_callback_row(one, office) for one in waiting]
        _print(headings, rows, "Called one back? Take it off the list: infoline callbacks done ID")
    else:
        click.echo("Nobody waits for a call back.")


@callbacks.command("done")
@click.argument("number", metavar="ID", type=NUMBER)
@reports_ledger_outage
def callback_was_made(number: int) -> None:
    """The call back ID was made: take it off the list."""
    _done(complete_callback, number, "Call back", "callbacks")


def _done(mark: Callable[[Connection, int, str, datetime], bool], number: int, what: str, command: str) -> None:
    ledger = ledger_or_exit(settings_or_exit())
    with ledger.write() as connection:
        was_waiting = mark(connection, number, current_user(), clock.now())
    if not was_waiting:
        fail(f"No {what.lower()} {number} waits: see which do with `infoline {command}`.")
    click.echo(f"{what} {number} is done.")


def _callback_json(one: PendingCallback, office: _Office) -> dict[str, Any]:
    return {
        "id": one.id,
        "asked_at": office.iso(one.asked_at),
        "phone": one.phone,
        "entry": one.entry,
        "name": _name(one.entry, office.config),
        "topic": one.topic,
        "language": one.language,
        "wished": one.wished,
    }


def _callback_row(one: PendingCallback, office: _Office) -> tuple[str, ...]:
    about = f"! {one.topic}" if one.topic in RED_FLAGS else one.topic or "-"
    name, language = _name(one.entry, office.config), office.language(one.language)
    return str(one.id), office.moment(one.asked_at), format_phone(one.phone), name, about, language, one.wished


def _name(entry: str, config: Config) -> str:
    """The entry's name as the staff's language has it; one that is gone keeps its id."""
    names = (known.name[config.default_language] for known in config.directory if known.id == entry)
    return next(names, entry)


@click.group(invoke_without_command=True)
@_json
@click.pass_context
@reports_ledger_outage
def todos(context: click.Context, as_json: bool) -> None:
    """What schedulers must look at: visits to move or cancel, numbers that are not the patient's."""
    if context.invoked_subcommand is not None:
        return
    office = _office()
    waiting: list[WorkItem] = office.read(pending_work_items)
    if as_json:
        print_json({"todos": [_todo_json(one, office) for one in waiting]})
    elif waiting:
        rows = [
            (str(one.id), office.moment(one.at), format_phone(one.phone), _KINDS[one.kind], one.appointment_id or "-")
            + (office.moment(one.starts_at) if one.starts_at else "-",)
            for one in waiting
        ]
        headings = ("id", "since", "number", "what", "appointment", "its time")
        _print(headings, rows, "Seen to one? Take it off the list: infoline todos done ID")
    else:
        click.echo("Nothing waits.")


def _todo_json(one: WorkItem, office: _Office) -> dict[str, Any]:
    starts_at = office.iso(one.starts_at) if one.starts_at else None
    told = {"id": one.id, "kind": one.kind, "at": office.iso(one.at), "phone": one.phone}
    return {**told, "appointment_id": one.appointment_id, "starts_at": starts_at}


@todos.command("done")
@click.argument("number", metavar="ID", type=NUMBER)
@reports_ledger_outage
def todo_was_done(number: int) -> None:
    """What stands under ID was seen to: take it off the list."""
    _done(complete_work_item, number, "To-do", "todos")
