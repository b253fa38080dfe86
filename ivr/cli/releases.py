"""`infoline prompts publish | history | rollback | export`: words go live, and can be taken back."""

from __future__ import annotations

import sys
import textwrap
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any

import click

from ivr import clock
from ivr.cli import drafts
from ivr.cli.check import print_report
from ivr.cli.common import (
    FINDINGS,
    NUMBER,
    WIDTH,
    WORDS,
    announce_release,
    current_user,
    fail,
    ledger_or_exit,
    print_json,
    print_message,
    reports_ledger_outage,
    settings_or_exit,
)
from ivr.cli.diff import print_changes
from ivr.ledger import Ledger
from ivr.line.content.diff import diff_files, summarize_changes
from ivr.line.content.findings import BrokenPrompts
from ivr.line.content.loader import Content, Files, content_digest, read_content, read_folder
from ivr.line.content.sign_off import sign_offs
from ivr.line.content.upgrades import open_release
from ivr.line.lint.runner import CheckReport, check_content, check_files
from ivr.releases.cache import NoRelease, live_content
from ivr.releases.history import FolderNotEmpty, HistoryEntry, find_release, release_history, reverted_files
from ivr.releases.history import export_release as export_files
from ivr.releases.store import (
    AlreadyLive,
    ConcurrentPublish,
    Release,
    folder_base,
    live_release,
    publish,
    stored_files,
)
from ivr.settings import Settings

# Warnings that a person must have seen: words that nobody signed off, and translations that lag behind.
ASKED_ABOUT = ("behind", "sign-off")


@click.command("publish")
@click.option("--note", type=WORDS, default="", help="What changed and why.")
@click.option("--yes", is_flag=True, help="Publish without being asked.")
@click.option("--draft", "from_draft", is_flag=True, help="Publish the draft instead of the folder.")
@reports_ledger_outage
def publish_prompts(note: str, yes: bool, from_draft: bool) -> None:
    """Prove the folder and make it live on every machine within two seconds."""
    settings = settings_or_exit()
    ledger = ledger_or_exit(settings)
    try:
        if from_draft:
            zone = zone_of(settings, ledger)
            release = drafts.publish_draft(ledger, zone, note, lambda report: _ask(report, [], yes))
        else:
            release = _publish_folder(settings, ledger, note, yes)
    except AlreadyLive as live:
        click.echo(live)
        return
    except ConcurrentPublish as error:
        fail(error, FINDINGS)
    announce_release(release, settings)


def _publish_folder(settings: Settings, ledger: Ledger, note: str, yes: bool) -> Release:
    live = live_release(ledger)
    try:
        files = read_folder(settings.prompts_dir)
    except BrokenPrompts as broken:
        _refuse(CheckReport(0, 0, tuple(broken.findings)))
    if live and live.digest == content_digest(files):
        raise AlreadyLive(live)
    report = check_files(files, in_two=True)
    if report.broken:
        _refuse(report)
    _ask(report, _would_take_back(ledger, live, files), yes)
    seen = live.number if live else 0
    return publish(ledger, read_content(files), clock.now(), current_user(), note, "folder", seen=seen)


def _refuse(report: CheckReport) -> None:
    print_report(report)
    fail("Nothing was published: put the errors right first.", FINDINGS)


def _would_take_back(ledger: Ledger, live: Release | None, files: Files) -> list[str]:
    """A sentence when words that were published from elsewhere would be lost."""
    base = folder_base(ledger)
    if live is None or base is None or live.digest == base:
        return []
    lost = reverted_files(stored_files(ledger, base) or {}, stored_files(ledger, live.digest) or {}, files)
    told = (
        f"Release {live.number}, by {live.by}, changed what this folder has not: {summarize_changes(lost)}."
        " Publishing the folder takes that back."
    )
    return [told] if lost else []


def _ask(report: CheckReport, told: list[str], yes: bool) -> None:
    """Go on only when somebody has seen what needs a person's eye."""
    asked = report.about(*ASKED_ABOUT)
    if not (asked or told):
        return
    for finding in asked:
        print_message(f"{finding.file}:{finding.line}", finding.level, finding.message, finding.rule)
    for sentence in told:
        click.echo(textwrap.fill(sentence, WIDTH))
    # A program cannot be asked: warnings do not stop it, but it takes back nobody's words unawares.
    if yes or not (is_terminal() or told):
        return
    if not is_terminal():
        fail("Nothing was published: look at the above, then publish it all the same with --yes.", FINDINGS)
    if not click.confirm("Publish it all the same?"):
        fail("Nothing was published.", FINDINGS)


def is_terminal() -> bool:
    return sys.stdin.isatty()


@click.command("history")
@click.argument("number", required=False, type=NUMBER)
@click.option("--json", "as_json", is_flag=True, help="One JSON object for programs.")
@reports_ledger_outage
def show_history(number: int | None, as_json: bool) -> None:
    """All releases, newest first; or, word by word, what release NUMBER changed."""
    settings = settings_or_exit()
    ledger = ledger_or_exit(settings)
    zone = zone_of(settings, ledger)
    if number is not None:
        _show_release(ledger, number, zone, as_json)
        return
    entries = release_history(ledger)
    if as_json:
        live = entries[0].release.number if entries else None
        print_json({"releases": [_entry_json(one, zone, live) for one in entries]})
    elif entries:
        _print_history(entries, zone)
    else:
        click.echo("Nothing was published yet: the folder is live.")


def _print_history(entries: list[HistoryEntry], zone: tzinfo) -> None:
    click.echo(_line("release", "when", "by", "from", "what changed"))
    for one in entries:
        release = one.release
        told = f"{release.note}: {_brief(one)}" if release.note else _brief(one)
        click.echo(_line(str(release.number), _moment(release.at, zone), release.by, release.origin, told))
    click.echo(f"Release {entries[0].release.number} is live. Word by word: infoline prompts history NUMBER")


def _line(number: str, when: str, by: str, origin: str, told: str) -> str:
    line = f"{number:>7}  {when:16}  {_cut(by, 10):10}  {origin:8}  "
    return line + _cut(" ".join(told.split()), WIDTH - len(line))


def _cut(words: str, most: int) -> str:
    return words if len(words) <= most else f"{words[: most - 1]}…"


def _brief(entry: HistoryEntry) -> str:
    if entry.changed is None:
        return "its content is damaged"
    if entry.release.parent is None:
        return f"{len(entry.changed)} files"
    return summarize_changes(entry.changed)


def _show_release(ledger: Ledger, number: int, zone: tzinfo, as_json: bool) -> None:
    release = _release_or_exit(ledger, number)
    before = (stored_files(ledger, release.parent) if release.parent else {}) or {}
    files = _files_or_exit(ledger, release)
    found, signed = diff_files(before, files), _signed(files)
    if as_json:
        told_changes = [one.as_json() for one in found]
        print_json({**_release_json(release, zone), "changes": told_changes, "signed": signed})
        return
    note = f": {release.note}" if release.note else ""
    told = f"Release {number} ({release.digest}), {_moment(release.at, zone)}, by {release.by} ({release.origin}){note}"
    click.echo(textwrap.fill(told, WIDTH))
    print_changes(found)
    for one in signed:
        click.echo(f"{one['file']} was signed off by {one['by']} on {one['on']}")


def _signed(files: Files) -> list[dict[str, str]]:
    """Who had signed which words of a release off. Words that cannot be read any more are nobody's."""
    try:
        signed = sign_offs(read_content(files))
    except BrokenPrompts:
        return []
    return [{"file": f"{language}/{name}.md", "by": by, "on": on} for (language, name), (by, on) in signed.items()]


def _release_json(release: Release, zone: tzinfo) -> dict[str, Any]:
    at = release.at.astimezone(zone).isoformat(timespec="seconds")
    told = {"number": release.number, "digest": release.digest, "parent": release.parent, "at": at}
    return {**told, "by": release.by, "note": release.note, "origin": release.origin}


def _entry_json(entry: HistoryEntry, zone: tzinfo, live: int | None) -> dict[str, Any]:
    changed = None if entry.changed is None else [{"file": name, "kind": kind} for name, kind in entry.changed]
    return {**_release_json(entry.release, zone), "live": entry.release.number == live, "changed": changed}


@click.command()
@click.argument("number", type=NUMBER)
@click.option("--note", type=WORDS, default="", help="Why.")
@reports_ledger_outage
def rollback(number: int, note: str) -> None:
    """Make release NUMBER live again, as a new release."""
    settings = settings_or_exit()
    ledger = ledger_or_exit(settings)
    live = live_release(ledger)
    wanted = _release_or_exit(ledger, number)
    content = _open_or_exit(_files_or_exit(ledger, wanted), settings, number)
    report = check_content(content, in_two=True)
    if report.helpless:
        print_report(CheckReport(report.states, report.arrows, report.helpless))
        fail(f"Release {number} would leave callers without help, by today's rules: nothing was changed.", FINDINGS)
    if report.broken:
        click.echo("By today's rules some of its words are too hard or too long. It was live before, and may be again.")
    by, told = current_user(), note or f"back to release {number}"
    try:
        release = publish(ledger, content, clock.now(), by, told, "rollback", seen=live.number if live else 0)
    except AlreadyLive as already:
        click.echo(already)
        return
    except ConcurrentPublish as error:
        fail(error, FINDINGS)
    announce_release(release, settings)


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--release", "number", type=NUMBER, help="Another one than the live one.")
@reports_ledger_outage
def export(folder: Path, number: int | None) -> None:
    """Write the words that are live into FOLDER, which must be empty."""
    ledger = ledger_or_exit(settings_or_exit())
    release = live_release(ledger) if number is None else _release_or_exit(ledger, number)
    if release is None:
        fail("Nothing was published yet: the folder is live.")
    files = _files_or_exit(ledger, release)
    try:
        export_files(files, folder)
    except FolderNotEmpty as error:
        fail(error)
    except OSError as error:
        fail(f"{folder} cannot be written ({error.strerror}): name a folder of yours.")
    click.echo(f"Release {release.number} ({release.digest}): {len(files)} files in {folder}.")


def zone_of(settings: Settings, ledger: Ledger) -> tzinfo:
    """The hospital's zone; UTC while no words can be read."""
    try:
        return live_content(ledger, settings.var_dir, settings.prompts_dir).config.zone
    except NoRelease:
        return UTC


def _release_or_exit(ledger: Ledger, number: int) -> Release:
    found = find_release(ledger, number)
    if found is None:
        fail(f"There is no release {number}: see all with `infoline prompts history`.")
    return found


def _files_or_exit(ledger: Ledger, release: Release) -> Files:
    files = stored_files(ledger, release.digest)
    if files is None:
        fail(f"Release {release.number} is damaged in the ledger: take another one.", FINDINGS)
    return files


def _open_or_exit(files: Files, settings: Settings, number: int) -> Content:
    try:
        return open_release(files, settings.prompts_dir)
    except BrokenPrompts as broken:
        print_report(CheckReport(0, 0, tuple(broken.findings)))
        fail(f"Release {number} cannot be read by this version of the line: nothing was changed.", FINDINGS)


def _moment(at: datetime, zone: tzinfo) -> str:
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M}"


COMMANDS = (publish_prompts, show_history, rollback, export, drafts.draft)
