"""`infoline prompts draft …`: words that several people work on before they go live."""

from __future__ import annotations

from collections.abc import Callable
from datetime import tzinfo
from functools import partial
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from ivr import clock
from ivr.cli.check import print_report
from ivr.cli.common import (
    FINDINGS,
    WIDTH,
    WORDS,
    content_or_exit,
    current_user,
    fail,
    ledger_or_exit,
    print_json,
    reports_ledger_outage,
    settings_or_exit,
)
from ivr.ledger import Ledger
from ivr.line.content.loader import LINE_FILE, read_file
from ivr.line.content.recordings import FOLDER as RECORDINGS
from ivr.line.lint.runner import CheckReport, check_files
from ivr.releases.drafts import BrokenDraft, Draft, DraftFile, Drafts, EditConflict, NoDraft, NotSaved
from ivr.releases.store import Release

NOBODYS = "?"
"""A version that no file has."""


def publish_draft(ledger: Ledger, zone: tzinfo, note: str, ask: Callable[[CheckReport], None]) -> Release:
    """Prove the draft, have what needs a person's eye seen, and make it live. Ends the command when that cannot be."""
    drafts = Drafts(ledger, zone, _in_two)
    try:
        return drafts.publish(current_user(), clock.now(), note, drafts.open(), ask)
    except BrokenDraft as broken:
        print_report(broken.report)
        fail(broken, FINDINGS)
    except (NoDraft, EditConflict) as error:
        fail(error, FINDINGS)


_in_two = partial(check_files, in_two=True)


def drafts_or_exit() -> tuple[Drafts, tzinfo]:
    """The draft's room, and the hospital's zone."""
    settings = settings_or_exit()
    ledger = ledger_or_exit(settings)
    zone = content_or_exit(settings, ledger).config.zone
    return Drafts(ledger, zone, _in_two), zone


@click.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON object for programs.")
@click.pass_context
@reports_ledger_outage
def draft(context: click.Context, as_json: bool) -> None:
    """The draft: who changed what. Nothing of it is live until it is published."""
    if context.invoked_subcommand is not None:
        return
    drafts, zone = drafts_or_exit()
    try:
        found = drafts.open()
    except NoDraft as error:
        fail(error, FINDINGS)
    if as_json:
        print_json(_as_json(found, zone))
    elif found.begun_at is None:
        click.echo("There is no draft. Begin one: infoline prompts draft put FILE")
    else:
        _print(found, zone)


def _print(found: Draft, zone: tzinfo) -> None:
    begun = f"{found.begun_at.astimezone(zone):%Y-%m-%d %H:%M}" if found.begun_at else ""
    number = f" {found.live.number}" if found.base == found.live.digest else ""
    click.echo(f"Begun by {found.begun_by} on {begun}, on top of release{number} ({found.base}).")
    if found.base != found.live.digest:
        click.echo(f"Release {found.live.number} ({found.live.digest}) went live since, by {found.live.by}.")
    table = Table(box=None, pad_edge=False)
    for heading in ("file", "by", "when", "what"):
        table.add_column(heading, overflow="fold")
    for one in found.changed.values():
        table.add_row(one.name, one.by, f"{one.at.astimezone(zone):%Y-%m-%d %H:%M}", _what(found, one))
    Console(highlight=False, markup=False, width=WIDTH).print(table)
    click.echo("Prove it: infoline prompts draft check\nMake it live: infoline prompts publish --draft")


def _what(found: Draft, one: DraftFile) -> str:
    if one in found.clashes:
        return "changed, but published otherwise since"
    if one.content is None:
        return "taken away"
    return "changed" if one.name in found.live_files else "new"


def _as_json(found: Draft, zone: tzinfo) -> dict[str, Any]:
    files = [
        {
            "file": one.name,
            "by": one.by,
            "at": one.at.astimezone(zone).isoformat(timespec="seconds"),
            "removed": one.content is None,
            "version": one.version,
            "clash": one in found.clashes,
        }
        for one in found.changed.values()
    ]
    begun = found.begun_at.astimezone(zone).isoformat(timespec="seconds") if found.begun_at else None
    return {
        "base": found.base,
        "live": found.live.digest,
        "begun_by": found.begun_by,
        "begun_at": begun,
        "files": files,
    }


_HOW_TO_WRITE_OVER = "Here that is said with --over."
_over = click.option("--over", is_flag=True, help="Write over what somebody else saved, on purpose.")
_version = click.option("--version", "seen", help="The version that `draft get` told, when the file was opened.")


@draft.command("put")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--as", "name", type=WORDS, help="Its name in the folder, like en/cancer.md; default: the end of FILE's own path."
)
@_version
@_over
@reports_ledger_outage
def put(file: Path, name: str | None, seen: str | None, over: bool) -> None:
    """Save FILE in the draft, just as it is."""
    drafts, zone = drafts_or_exit()
    name = name or _name_of(file)
    try:
        found = drafts.open()
        told = None if over else seen or _version_of_mine(found, name)
        saved = drafts.save(name, read_file(file), current_user(), clock.now(), told)
    except EditConflict as error:
        fail(f"{error} {_HOW_TO_WRITE_OVER}", FINDINGS)
    except (NotSaved, NoDraft) as error:
        fail(error, FINDINGS)
    except OSError as error:
        fail(f"{file} cannot be opened: {error.strerror}.")
    if name in saved.changed:
        click.echo(f"{name} is in the draft, version {saved.version(name)}.")
    else:
        click.echo(f"{name} says what is live: the draft changes nothing there.")
    tell_of_others(saved, zone)


def _name_of(file: Path) -> str:
    """`~/words/en/cancer.md` is en/cancer.md."""
    parts = file.resolve().parts
    if parts[-1] == LINE_FILE:
        return LINE_FILE
    return "/".join(parts[-3:] if parts[-3:-2] == (RECORDINGS,) else parts[-2:])


def _version_of_mine(found: Draft, name: str) -> str:
    """Whoever tells no version means her own last one, or what is live; never what somebody else saved."""
    held = found.changed.get(name)
    return found.version(name) if held is None or held.by == current_user() else NOBODYS


def tell_of_others(found: Draft, zone: tzinfo) -> None:
    """Say who else is at work on the draft."""
    for one in found.others(current_user()):
        click.echo(f"{one.by} changed {one.name} on {one.at.astimezone(zone):%Y-%m-%d at %H:%M}.")


@draft.command("get")
@click.argument("name", type=WORDS)
@click.option("-o", "output", required=True, type=click.Path(path_type=Path, dir_okay=False), help="Where to write it.")
@reports_ledger_outage
def get(name: str, output: Path) -> None:
    """Write the draft's NAME, like en/cancer.md, into a file."""
    drafts, zone = drafts_or_exit()
    try:
        found = drafts.open()
    except NoDraft as error:
        fail(error, FINDINGS)
    if name not in found.files:
        fail(f"There is no {name} in the draft.")
    try:
        output.write_bytes(found.files[name])
    except OSError as error:
        fail(f"{output} cannot be written: {error.strerror}.")
    click.echo(f"{name}, version {found.version(name)}, is in {output}.")
    tell_of_others(found, zone)


@draft.command("drop")
@click.argument("name", type=WORDS)
@_version
@_over
@reports_ledger_outage
def drop(name: str, seen: str | None, over: bool) -> None:
    """Take the file NAME away from the line, once the draft is published."""
    drafts, zone = drafts_or_exit()
    try:
        found = drafts.open()
        told = None if over else seen or _version_of_mine(found, name)
        tell_of_others(drafts.remove(name, current_user(), clock.now(), told), zone)
    except EditConflict as error:
        fail(f"{error} {_HOW_TO_WRITE_OVER}", FINDINGS)
    except (NotSaved, NoDraft) as error:
        fail(error, FINDINGS)
    click.echo(f"{name} is taken away in the draft.")


@draft.command("discard")
@click.argument("name", required=False, type=WORDS)
@_over
@reports_ledger_outage
def discard(name: str | None, over: bool) -> None:
    """Forget the draft; with NAME, only what it changes in that file."""
    drafts, zone = drafts_or_exit()
    try:
        found = drafts.open()
        theirs = [one for one in found.others(current_user()) if name in (None, one.name)]
        if theirs and not over:
            tell_of_others(found, zone)
            fail("Nothing was forgotten, since others would lose their work: say --over to do it.", FINDINGS)
        drafts.discard(name, None if over else found)
    except (NoDraft, EditConflict) as error:
        fail(error, FINDINGS)
    click.echo(f"{name} is as it is live again." if name else "The draft is gone. What is live stays live.")


@draft.command("check")
@reports_ledger_outage
def check_draft() -> None:
    """Prove the draft, without publishing it."""
    drafts, _ = drafts_or_exit()
    try:
        report = drafts.check()
    except NoDraft as error:
        fail(error, FINDINGS)
    print_report(report)
    if report.broken:
        raise SystemExit(FINDINGS)
