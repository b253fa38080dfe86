"""`infoline prompts draft …`: prompts that several people edit before they go live."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, tzinfo
from functools import partial
from pathlib import Path
from typing import Any

import click

from ivr import clock
from ivr.cli.console import FINDINGS, TEXT, echo, exit_on, fail, json_option, print_json, print_table
from ivr.cli.context import current_user, iso, minute, open_context
from ivr.cli.prompts.folder import print_report, write_or_exit
from ivr.ledger import Ledger
from ivr.line.content.loader import LINE_FILE, Files, read_file
from ivr.line.content.recordings import FOLDER as RECORDINGS
from ivr.line.lint.runner import CheckReport, check_files
from ivr.releases.drafts import BrokenDraft, Draft, DraftFile, Drafts, EditConflict, FileRejected, NoDraft
from ivr.releases.store import Release

# A version that no file has: saving with it always conflicts.
NO_VERSION = "?"

_draft_errors = partial(exit_on, NoDraft, FileRejected, EditConflict, status=FINDINGS)


def check_in_parallel(files: Files) -> CheckReport:
    return check_files(files, parallel=True, now=clock.now())


def publish_draft(ledger: Ledger, zone: tzinfo, note: str, confirm: Callable[[CheckReport], None]) -> Release:
    """Check the draft, let `confirm` show its warnings, and publish it, or exit with an error."""
    drafts = Drafts(ledger, zone, check_in_parallel)
    with _draft_errors():
        try:
            return drafts.publish(current_user(), clock.now(), note, drafts.open(), confirm)
        except BrokenDraft as broken:
            print_report(broken.report)
            fail(broken, FINDINGS)


def drafts_or_exit(*, writes: bool = False) -> tuple[Drafts, tzinfo]:
    """The store of the draft, and the line's zone. writes: name the database that the command changes."""
    context = open_context(writes=writes)
    zone = context.config.zone
    return Drafts(context.ledger, zone, check_in_parallel), zone


@click.group(invoke_without_command=True)
@json_option
@click.pass_context
def draft(click_context: click.Context, as_json: bool) -> None:
    """Show and edit the draft that several people share.

    Nothing in it is live until it is published.
    """
    if click_context.invoked_subcommand is not None:
        return
    drafts, zone = drafts_or_exit()
    with _draft_errors():
        current = drafts.open()
    if as_json:
        print_json(_as_json(current, zone))
    elif current.begun_at is None:
        echo("There is no draft. Start one: infoline prompts draft put FILE")
    else:
        _print(current, current.begun_at, zone)


def _print(current: Draft, started: datetime, zone: tzinfo) -> None:
    number = f" {current.live.number}" if current.base == current.live.digest else ""
    echo(f"Started by {current.begun_by} on {minute(started, zone)}, based on release{number} ({current.base}).")
    if current.base != current.live.digest:
        echo(f"Release {current.live.number} ({current.live.digest}) went live since, by {current.live.by}.")
    rows = [(file.name, file.by, minute(file.at, zone), _change(current, file)) for file in current.changed.values()]
    print_table(("file", "by", "when", "what"), rows)
    echo("To check it: infoline prompts draft check\nTo make it live: infoline prompts publish --draft")


def _change(current: Draft, file: DraftFile) -> str:
    if file in current.conflicts:
        return "changed, but the live file changed too"
    if file.content is None:
        return "removed"
    return "changed" if file.name in current.live_files else "new"


def _as_json(current: Draft, zone: tzinfo) -> dict[str, Any]:
    files = [
        {
            "file": file.name,
            "by": file.by,
            "at": iso(file.at, zone),
            "removed": file.content is None,
            "version": file.version,
            "clash": file in current.conflicts,
        }
        for file in current.changed.values()
    ]
    return {
        "base": current.base,
        "live": current.live.digest,
        "begun_by": current.begun_by,
        "begun_at": iso(current.begun_at, zone) if current.begun_at else None,
        "files": files,
    }


_over_option = click.option("--over", is_flag=True, help="Overwrite changes that someone else saved.")
_version_option = click.option("--version", "based_on", help="The version that `draft get` printed for the file.")


@contextmanager
def _overwrite_errors() -> Iterator[None]:
    with _draft_errors():
        try:
            yield
        except EditConflict as error:
            fail(f"{error} To overwrite them, use --over.", FINDINGS)


@draft.command("put")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--as", "name", type=TEXT, help="Its name in the folder, like en/cancer.md. Default: the end of FILE's path."
)
@_version_option
@_over_option
def put(file: Path, name: str | None, based_on: str | None, over: bool) -> None:
    """Save FILE in the draft."""
    drafts, zone = drafts_or_exit(writes=True)
    name = name or _name_from_path(file)
    with _overwrite_errors():
        current = drafts.open()
        try:
            data = read_file(file)
        except OSError as error:
            fail(f"{file} cannot be opened: {error.strerror}.")
        version = None if over else based_on or _own_version(current, name)
        saved = drafts.save(name, data, current_user(), clock.now(), version)
    if name in saved.changed:
        echo(f"{name} is in the draft, version {saved.version(name)}.")
    else:
        echo(f"{name} is the same as the live file, so the draft does not change it.")
    _print_other_changes(saved, zone)


def _name_from_path(file: Path) -> str:
    """For `~/prompts/en/cancer.md`: en/cancer.md."""
    parts = file.resolve().parts
    if parts[-1] == LINE_FILE:
        return LINE_FILE
    return "/".join(parts[-3:] if parts[-3:-2] == (RECORDINGS,) else parts[-2:])


def _own_version(current: Draft, name: str) -> str:
    """The version to replace if none is given: the live one or the user's own, never one that someone else saved."""
    changed = current.changed.get(name)
    return current.version(name) if changed is None or changed.by == current_user() else NO_VERSION


def _print_other_changes(current: Draft, zone: tzinfo) -> None:
    for file in current.others(current_user()):
        echo(f"{file.by} changed {file.name} on {file.at.astimezone(zone):%Y-%m-%d at %H:%M}.")


@draft.command("get")
@click.argument("name", type=TEXT)
@click.option("-o", "output", required=True, type=click.Path(path_type=Path, dir_okay=False), help="The file to write.")
def get(name: str, output: Path) -> None:
    """Write NAME from the draft, like en/cancer.md, to a file."""
    drafts, zone = drafts_or_exit()
    with _draft_errors():
        current = drafts.open()
    if name not in current.files:
        fail(f"There is no {name} in the draft.")
    write_or_exit(output, current.files[name])
    echo(f"{name}, version {current.version(name)}, is in {output}.")
    _print_other_changes(current, zone)


@draft.command("drop")
@click.argument("name", type=TEXT)
@_version_option
@_over_option
def drop(name: str, based_on: str | None, over: bool) -> None:
    """Remove the file NAME from the draft's prompts."""
    drafts, zone = drafts_or_exit(writes=True)
    with _overwrite_errors():
        current = drafts.open()
        version = None if over else based_on or _own_version(current, name)
        saved = drafts.remove(name, current_user(), clock.now(), version)
    _print_other_changes(saved, zone)
    echo(f"{name} is removed in the draft.")


@draft.command("discard")
@click.argument("name", required=False, type=TEXT)
@_over_option
def discard(name: str | None, over: bool) -> None:
    """Discard the draft, or only its changes to NAME."""
    drafts, zone = drafts_or_exit(writes=True)
    with _draft_errors():
        current = drafts.open()
        if not over and any(name in (None, file.name) for file in current.others(current_user())):
            _print_other_changes(current, zone)
            fail("Nothing was discarded, because others would lose their changes: use --over to do it.", FINDINGS)
        drafts.discard(name, None if over else current)
    echo(
        f"{name} matches the live release again." if name else "The draft is discarded. The live release is unchanged."
    )


@draft.command("check")
def check_draft() -> None:
    """Check the draft without publishing it."""
    drafts, _ = drafts_or_exit()
    with _draft_errors():
        report = drafts.check()
    print_report(report)
    if report.has_errors:
        raise SystemExit(FINDINGS)
