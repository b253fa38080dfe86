"""`infoline prompts history` and `export`: the releases in the database."""

from __future__ import annotations

import textwrap
from datetime import UTC, tzinfo
from pathlib import Path
from typing import Any

import click

from ivr.cli.console import FINDINGS, NUMBER, WIDTH, echo, fail, json_option, print_json
from ivr.cli.context import CommandContext, iso, ledger_or_exit, minute, open_context, settings_or_exit
from ivr.cli.prompts.diff import print_changes
from ivr.ledger import Ledger
from ivr.line.content.findings import BrokenPrompts
from ivr.line.content.loader import Files
from ivr.line.content.revisions.diff import diff_files, summarize_changes
from ivr.line.content.revisions.sign_off import sign_offs
from ivr.line.content.revisions.upgrades import open_release
from ivr.releases.history import FolderNotEmpty, HistoryEntry, export_release, find_release, release_history
from ivr.releases.live import NoRelease, live_content
from ivr.releases.store import Release, live_release, stored_files


@click.command()
@click.argument("number", required=False, type=NUMBER)
@json_option
def history(number: int | None, as_json: bool) -> None:
    """List all releases, or show what release NUMBER changed.

    The newest release comes first.
    """
    context = open_context()
    zone = zone_of(context)
    if number is not None:
        _show_release(context, number, zone, as_json)
        return
    entries = release_history(context.ledger)
    if as_json:
        live = entries[0].release.number if entries else None
        print_json({"releases": [_entry_json(entry, zone, live) for entry in entries]})
    elif entries:
        _print_history(entries, zone)
    else:
        echo("Nothing is published yet: the folder is live.")


def _print_history(entries: list[HistoryEntry], zone: tzinfo) -> None:
    echo(_line("release", "when", "by", "from", "what changed"))
    for entry in entries:
        release = entry.release
        summary = f"{release.note}: {_summary(entry)}" if release.note else _summary(entry)
        echo(_line(str(release.number), minute(release.at, zone), release.by, release.origin, summary))
    echo(f"Release {entries[0].release.number} is live. For the changed text: infoline prompts history NUMBER")


def _line(number: str, when: str, by: str, origin: str, summary: str) -> str:
    line = f"{number:>7}  {when:16}  {_cut(by, 10):10}  {origin:8}  "
    return line + _cut(" ".join(summary.split()), WIDTH - len(line))


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def _summary(entry: HistoryEntry) -> str:
    if entry.changed is None:
        return "its content is damaged"
    if entry.release.parent is None:
        return f"{len(entry.changed)} files"
    return summarize_changes(entry.changed)


def _show_release(context: CommandContext, number: int, zone: tzinfo, as_json: bool) -> None:
    ledger = context.ledger
    release = release_or_exit(ledger, number)
    before = (stored_files(ledger, release.parent) if release.parent else {}) or {}
    files = files_or_exit(ledger, release)
    changes, signed = diff_files(before, files), _sign_offs(files, context.settings.prompts_dir)
    if as_json:
        changes_json = [change.as_json() for change in changes]
        print_json({**_release_json(release, zone), "changes": changes_json, "signed": signed})
        return
    note = f": {release.note}" if release.note else ""
    origin = f"{minute(release.at, zone)}, by {release.by} ({release.origin})"
    echo(textwrap.fill(f"Release {number} ({release.digest}), {origin}{note}", WIDTH))
    print_changes(changes)
    for sign_off in signed:
        echo(f"{sign_off['file']} was signed off by {sign_off['by']} on {sign_off['on']}")


def _sign_offs(files: Files, prompts_dir: Path) -> list[dict[str, str]]:
    """The sign-offs of a release; none if this version cannot read it."""
    try:
        signed = sign_offs(open_release(files, prompts_dir))
    except BrokenPrompts:
        return []
    named = [(f"{language}/{name}.md", by, on) for (language, name), (by, on) in signed.items()]
    # Prompts that an older release lacks are taken from elsewhere.
    return [{"file": file, "by": by, "on": on} for file, by, on in named if file in files]


def _release_json(release: Release, zone: tzinfo) -> dict[str, Any]:
    return {
        "number": release.number,
        "digest": release.digest,
        "parent": release.parent,
        "at": iso(release.at, zone),
        "by": release.by,
        "note": release.note,
        "origin": release.origin,
    }


def _entry_json(entry: HistoryEntry, zone: tzinfo, live: int | None) -> dict[str, Any]:
    changed = None if entry.changed is None else [{"file": name, "kind": kind} for name, kind in entry.changed]
    return {**_release_json(entry.release, zone), "live": entry.release.number == live, "changed": changed}


@click.command("export")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--release", "number", type=NUMBER, help="A release other than the live one.")
def export_folder(folder: Path, number: int | None) -> None:
    """Write the live prompts to FOLDER, which must be empty."""
    ledger = ledger_or_exit(settings_or_exit())
    release = live_release(ledger) if number is None else release_or_exit(ledger, number)
    if release is None:
        fail("Nothing is published yet: the folder is live.")
    files = files_or_exit(ledger, release)
    try:
        export_release(files, folder)
    except FolderNotEmpty as error:
        fail(error)
    except OSError as error:
        fail(f"{folder} cannot be written ({error.strerror}): choose a folder that you can write to.")
    echo(f"Release {release.number} ({release.digest}): {len(files)} files in {folder}.")


def zone_of(context: CommandContext) -> tzinfo:
    """The line's zone; UTC if no content can be read, because the history must open even then."""
    try:
        return live_content(context.ledger, context.settings.var_dir, context.settings.prompts_dir).config.zone
    except NoRelease:
        return UTC


def release_or_exit(ledger: Ledger, number: int) -> Release:
    release = find_release(ledger, number)
    if release is None:
        fail(f"There is no release {number}: list them with `infoline prompts history`.")
    return release


def files_or_exit(ledger: Ledger, release: Release) -> Files:
    files = stored_files(ledger, release.digest)
    if files is None:
        fail(f"Release {release.number} is damaged in the database: choose another one.", FINDINGS)
    return files
