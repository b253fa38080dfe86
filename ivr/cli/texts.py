"""`infoline reminders export | effect | person | stop | start | send | skip`: control over texts, and their effect."""

from __future__ import annotations

import errno
import io
import json
import sys
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, TextIO

import click
from rich.console import Console
from rich.table import Table

from ivr import clock
from ivr.cli.common import (
    FINDINGS,
    NUMBER,
    WIDTH,
    WRONG_USE,
    content_or_exit,
    fail,
    ledger_or_exit,
    print_json,
    print_message,
    reports_ledger_outage,
    settings_or_exit,
)
from ivr.ledger import Ledger, Vault
from ivr.ledger.vault import UnknownKey
from ivr.line.content.config import Config
from ivr.people.phones import PhoneNumber, format_phone, parse_phone
from ivr.reminders.imports.errors import ERROR_SENTENCES as FAULTS
from ivr.reminders.reports.export import COLUMNS, UnwritableFile, export_texts, private_file, write_csv
from ivr.reminders.reports.manual import ManualActions, ManualResult, UnknownAppointment
from ivr.reminders.reports.response_rates import BUCKETS, response_rates
from ivr.reminders.reports.status import NoSuchBatch

_WEEKS_SHOWN = 26
_ANSWERS = {
    "confirmed": "confirmed",
    "change": "asked to change",
    "nothing": "nothing",
    "not_hers": "not the patient's number",
    "no_text": "had no text",
}
_json = click.option("--json", "as_json", is_flag=True, help="One JSON object for programs.")
_because = click.option("--because", required=True, help="What the person said, and to whom: kept as evidence.")


@dataclass(frozen=True)
class _Office:
    """The ledger, opened, with what it takes to read it."""

    ledger: Ledger
    vault: Vault
    config: Config

    @property
    def by_hand(self) -> ManualActions:
        return ManualActions(self.ledger, self.vault, self.config)


@contextmanager
def _office() -> Iterator[_Office]:
    settings = settings_or_exit()
    ledger = ledger_or_exit(settings)
    config = content_or_exit(settings, ledger).config
    try:
        yield _Office(ledger, Vault.of(settings), config)
    except (NoSuchBatch, UnknownAppointment, UnknownKey, UnwritableFile) as error:
        fail(error)


@contextmanager
def _standard_output() -> Iterator[TextIO]:
    """The same bytes as in a file."""
    out = io.TextIOWrapper(sys.stdout.buffer, "utf-8-sig", newline="")
    try:
        yield out
        out.flush()
    except OSError as error:
        # Whoever reads may have had enough: click ends quietly then.
        if error.errno == errno.EPIPE:
            raise
        raise UnwritableFile(f"Standard output cannot be written ({error.strerror}): see to that.") from None
    finally:
        with suppress(OSError):
            out.detach()


@click.command("export")
@click.argument("batch", type=NUMBER)
@click.option("-o", "--output", "path", required=True, metavar="FILE", help="The file to write; - is standard output.")
@click.option("--numbers", is_flag=True, help="With full numbers and first names: keep such a file safe.")
@_json
@reports_ledger_outage
def export_batch(batch: int, path: str, numbers: bool, as_json: bool) -> None:
    """Write every text of BATCH into a CSV file for the spreadsheet, sent or not, with state and reason.

    Times are those of the place of the visit. The reason of a planned text is what holds it back; none: its time has
    not come. Numbers are masked, and names left out, unless --numbers is there. A cell that a spreadsheet could take
    for a formula begins with an apostrophe.
    """
    columns = [name for name in COLUMNS if numbers or name != "first_name"]
    with _office() as office, Console(stderr=True).status("Writing…") as shown:
        lines = export_texts(office.ledger, office.vault, office.config.reminders, batch, clock.now(), numbers)

        def progress(count: int) -> None:
            shown.update(f"{count:,} texts written…")

        with _standard_output() if path == "-" else private_file(Path(path)) as file:
            count = write_csv(lines, file, columns, progress)
    told = json.dumps({"batch": batch, "file": path, "texts": count}) if as_json else f"{count} texts of batch {batch}."
    click.echo(told, err=path == "-")


@click.command("effect")
@click.argument("batch", required=False, type=NUMBER)
@_json
@reports_ledger_outage
def show_effect(batch: int | None, as_json: bool) -> None:
    """What the texts of one BATCH or of all brought about, and who came.

    An answer counts for the last text that she had when she answered. Shares are of the visits that had a text
    (delivered: of the texts), and are told from 10 cases on. A visit belongs to the batch that last booked, moved or
    cancelled it.
    """
    with _office() as office:
        told = response_rates(office.ledger, office.config.zone, clock.now(), batch)
    if as_json:
        print_json(told)
    elif not told["batches"] and not told["attendance"]:
        click.echo("Nothing was handed over yet, and no file has told who came.")
    else:
        _print_effect(told)


def _print_effect(told: dict[str, Any]) -> None:
    _print_texts("batch", [(str(one["batch"]), one) for one in told["batches"]])
    _print_texts("hours before", [(_bucket(one["hours"]), one) for one in told["hours_before"]])
    _print_texts("week of", [(one["week_of"], one) for one in told["weeks"][-_WEEKS_SHOWN:]])
    if not told["attendance"]:
        click.echo("Who came is not known: import a file with the status attended or missed.")
        return
    rows = [
        (_ANSWERS[one["answer"]], str(one["visits"]), _share(one, "attended"), str(one["missed"]))
        for one in told["attendance"]
    ]
    _print(("what she answered", "visits", "came", "missed"), rows)


def _print_texts(first: str, named: list[tuple[str, dict[str, Any]]]) -> None:
    if not named:
        return
    rows = [
        (name, str(one["handed_over"]), _share(one, "delivered"), str(one["visits"]))
        + (_share(one, "confirmed"), _share(one, "change"))
        for name, one in named
    ]
    _print((first, "texts", "delivered", "visits", "confirmed", "change"), rows)
    click.echo()


def _bucket(hours: int) -> str:
    """The bucket that begins so many hours before the visit."""
    later = [bound for bound in BUCKETS if bound > hours]
    return f"{hours} to {later[0]}" if later else f"{hours} and more"


def _share(one: dict[str, Any], name: str) -> str:
    share = one["percent"][name]
    return str(one[name]) if share is None else f"{one[name]} ({share:.0f}%)"


def _print(headings: tuple[str, ...], rows: Sequence[tuple[str, ...]], right: bool = True) -> None:
    table = Table(box=None, pad_edge=False)
    for at, heading in enumerate(headings):
        table.add_column(heading, justify="right" if at and right else "left")
    for row in rows:
        table.add_row(*row)
    Console(highlight=False, markup=False, width=WIDTH).print(table)


@click.command("person")
@click.argument("number")
@_json
@reports_ledger_outage
def show_person(number: str, as_json: bool) -> None:
    """What is known about NUMBER: opted out or not, and the texts of its visits, from 30 days ago on."""
    phone = _phone(number)
    with _office() as office:
        known = office.by_hand.person(phone, clock.now())
    if as_json:
        print_json({"number": phone, **known})
    elif not known["known"]:
        click.echo(f"Nothing is known about {format_phone(phone)}.")
    else:
        _print_person(phone, known)


def _print_person(phone: str, known: dict[str, Any]) -> None:
    out = known["opted_out"]
    wants = f"no texts since {out['since']} (by {out['source']})" if out else "takes texts"
    landline = ", but the carrier says that it is a landline" if known["landline"] else ""
    click.echo(f"{format_phone(phone)}: {wants}{landline}.")
    if not known["appointments"]:
        click.echo("No visit ahead, and none in the last 30 days.")
    for visit in known["appointments"]:
        answered = f", answered {visit['answer']} at {visit['answered_at']}" if visit["answer"] else ""
        place = f"{visit['appointment_id']}, batch {visit['batch']}: {visit['starts_at']}, {visit['site']}"
        click.echo(f"\n{textwrap.fill(place, WIDTH)}")
        click.echo(f"  {visit['status']}{answered}")
        rows = [
            (f"  {one['step']}", _clock(one["due_at"]), one["state"].replace("_", " "))
            + ((one["reason"] or "").replace("_", " "), _clock(one["handed_over_at"]))
            for one in visit["texts"]
        ]
        _print(("  text", "due", "state", "reason", "handed over"), rows, right=False)


def _clock(moment: str | None) -> str:
    """Without the distance from UTC, which the visit's own line tells."""
    return moment[:16] if moment else "-"


def _phone(words: str) -> str:
    read = parse_phone(words)
    if isinstance(read, PhoneNumber):
        return read.e164
    print_message("NUMBER", "error", FAULTS[read], read)
    sys.exit(WRONG_USE)


def _because_of(words: str) -> str:
    if not words.strip():
        fail('--because is empty: write what the person said, such as "called us".')
    return words.strip()


@click.command("stop")
@click.argument("number")
@_because
@_json
@reports_ledger_outage
def stop_person(number: str, because: str, as_json: bool) -> None:
    """Send no more texts to NUMBER, as the person asked us to."""
    phone = _phone(number)
    with _office() as office:
        changed = office.by_hand.stop(phone, _because_of(because), clock.now())
    if as_json:
        print_json({"number": phone, "changed": changed, "opted_out": True})
    else:
        was_so = "" if changed else " It was so already."
        click.echo(f"{format_phone(phone)} gets no more texts.{was_so}")


@click.command("start")
@click.argument("number")
@_because
@_json
@reports_ledger_outage
def start_person(number: str, because: str, as_json: bool) -> None:
    """Take back that NUMBER wants no texts: only when the person herself asked for texts."""
    phone = _phone(number)
    with _office() as office:
        source = office.by_hand.start(phone, _because_of(because), clock.now())
    if as_json:
        print_json({"number": phone, "changed": source is not None, "opted_out": False, "was_out_by": source})
        return
    was_so = "" if source else " It was so already."
    click.echo(f"{format_phone(phone)} gets the texts that are still to come.{was_so}")
    if source in ("text", "carrier"):
        click.echo("The carrier may still hold them back, until START is texted from that phone.")


@click.command("send")
@click.argument("appointment_id")
@click.argument("step")
@_json
@reports_ledger_outage
def send_now(appointment_id: str, step: str, as_json: bool) -> None:
    """Send the text STEP of a visit now, ahead of its time.

    It goes out once. Opt-outs, quiet hours and the limits for a number hold for it as for any other.
    """
    with _office() as office:
        outcome = office.by_hand.send(appointment_id, step, clock.now())
    _tell([outcome], as_json)


@click.command("skip")
@click.argument("appointment_id")
@click.argument("step", required=False)
@_json
@reports_ledger_outage
def skip_texts(appointment_id: str, step: str | None, as_json: bool) -> None:
    """Leave out the text STEP of a visit, or all of its texts that are still to come.

    `send` takes it back for one text. A visit that a later file moves gets the texts for its new time.
    """
    with _office() as office:
        outcomes = office.by_hand.skip(appointment_id, step, clock.now())
    if step is None:
        # What went out already is no fault of a wish that is about the rest.
        outcomes = [outcome for outcome in outcomes if outcome.done or outcome.code != "written"]
    if not outcomes and not as_json:
        click.echo(f"{appointment_id}: no text is still to come.")
    _tell(outcomes, as_json)


def _tell(outcomes: list[ManualResult], as_json: bool) -> NoReturn:
    if as_json:
        print_json({"texts": [outcome.as_json() for outcome in outcomes]})
    for outcome in [] if as_json else outcomes:
        place = f"{outcome.appointment_id} {outcome.step}"
        if outcome.done:
            click.echo(textwrap.fill(f"{place}: {outcome.sentence}", WIDTH, subsequent_indent="  "))
        else:
            print_message(place, "error", outcome.sentence, outcome.code)
    sys.exit(0 if all(outcome.done for outcome in outcomes) else FINDINGS)


COMMANDS = (export_batch, show_effect, show_person, stop_person, start_person, send_now, skip_texts)
