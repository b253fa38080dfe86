"""`infoline prompts publish` and `rollback`: make prompts live."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC

import click

from ivr import clock
from ivr.cli.console import FINDINGS, NUMBER, TEXT, WIDTH, echo, exit_on, fail, print_findings
from ivr.cli.context import CommandContext, current_user, open_context
from ivr.cli.prompts import draft
from ivr.cli.prompts.folder import exit_on_broken_prompts, print_report
from ivr.cli.prompts.history import release_or_exit, zone_of
from ivr.cli.release import announce_release
from ivr.ledger import Ledger
from ivr.line.content.loader import Content, Files, content_digest, read_content, read_folder
from ivr.line.content.revisions.diff import summarize_changes
from ivr.line.lint.runner import CheckReport, check_files
from ivr.releases.confirmations import CONFIRMED_RULES, changed_meanings
from ivr.releases.drafts import Drafts
from ivr.releases.history import reverted_files
from ivr.releases.rollback import DamagedRelease, UnsafeRelease, content_to_restore
from ivr.releases.store import (
    AlreadyLive,
    ConcurrentPublish,
    Release,
    folder_base,
    live_release,
    publish_release,
    stored_files,
)

_REFUSED = "Nothing was published: fix these errors first."


@click.command("publish")
@click.option("--note", type=TEXT, default="", help="What changed and why.")
@click.option("--yes", is_flag=True, help="Publish without asking.")
@click.option("--draft", "from_draft", is_flag=True, help="Publish the draft instead of the folder.")
def publish_prompts(note: str, yes: bool, from_draft: bool) -> None:
    """Check the prompts and make them live on every machine.

    Takes effect within two seconds.
    """
    context = open_context(writes=True)
    with _publish_errors():
        if from_draft:
            zone = zone_of(context)
            published = draft.publish_draft(
                context.ledger, zone, note, lambda report: _confirm_draft(context, report, yes)
            )
        else:
            published = _publish_folder(context, note, yes)
        announce_release(published, context.settings)


@contextmanager
def _publish_errors() -> Iterator[None]:
    with exit_on(ConcurrentPublish, status=FINDINGS):
        try:
            yield
        except AlreadyLive as already:
            echo(already)


def _publish_folder(context: CommandContext, note: str, yes: bool) -> Release:
    ledger, folder = context.ledger, context.settings.prompts_dir
    live = live_release(ledger)
    with exit_on_broken_prompts(_REFUSED):
        files = read_folder(folder)
    if live and live.digest == content_digest(files):
        raise AlreadyLive(live)
    report = check_files(files, parallel=True)
    if report.has_errors:
        print_report(report)
        fail(_REFUSED, FINDINGS)
    content = read_content(files)
    _confirm(report, [*_reverts(ledger, live, files), *_changed_meanings(context, content)], yes)
    context.prepare_model(content)
    seen = live.number if live else 0
    return publish_release(ledger, content, clock.now(), current_user(), note, "folder", seen=seen)


def _reverts(ledger: Ledger, live: Release | None, files: Files) -> list[str]:
    """A warning if the folder lacks changes that were published from elsewhere."""
    base = folder_base(ledger)
    if live is None or base is None or live.digest == base:
        return []
    reverted = reverted_files(stored_files(ledger, base) or {}, stored_files(ledger, live.digest) or {}, files)
    warning = (
        f"Release {live.number}, by {live.by}, has changes that this folder lacks: {summarize_changes(reverted)}."
        " Publishing the folder reverts them."
    )
    return [warning] if reverted else []


def _confirm_draft(context: CommandContext, report: CheckReport, yes: bool) -> None:
    content = read_content(Drafts(context.ledger, UTC).open().files)
    _confirm(report, _changed_meanings(context, content), yes)
    context.prepare_model(content)


def _changed_meanings(context: CommandContext, content: Content) -> list[str]:
    found = changed_meanings(context.ledger, context.settings.prompts_dir, content)
    return [finding.message for finding in found]


def _confirm(report: CheckReport, warnings: list[str], yes: bool) -> None:
    """Print what a person should see before publishing, and exit unless they agree.

    Without a terminal, findings do not stop the publication, but the warnings do.
    """
    findings = report.about(*CONFIRMED_RULES)
    if not (findings or warnings):
        return
    print_findings(findings)
    for warning in warnings:
        echo(textwrap.fill(warning, WIDTH))
    if yes or not (is_terminal() or warnings):
        return
    if not is_terminal():
        fail("Nothing was published: read the warnings above, then publish anyway with --yes.", FINDINGS)
    if not click.confirm("Publish anyway?"):
        fail("Nothing was published.", FINDINGS)


def is_terminal() -> bool:
    return sys.stdin.isatty()


@click.command()
@click.argument("number", type=NUMBER)
@click.option("--note", type=TEXT, default="", help="Why you roll back.")
def rollback(number: int, note: str) -> None:
    """Make release NUMBER live again, as a new release."""
    context = open_context(writes=True)
    live = live_release(context.ledger)
    target = release_or_exit(context.ledger, number)
    try:
        with exit_on_broken_prompts(f"Nothing was changed: this version of the line cannot read release {number}."):
            content, report = content_to_restore(context.ledger, target, context.settings.prompts_dir)
    except DamagedRelease as damaged:
        fail(damaged, FINDINGS)
    except UnsafeRelease as unsafe:
        print_report(unsafe.report)
        fail(unsafe, FINDINGS)
    for warning in _changed_meanings(context, content):
        echo(textwrap.fill(warning, WIDTH))
    if report.has_errors:
        echo("By today's rules some of its prompts are too hard or too long. It is accepted: it was live before.")
    context.prepare_model(content)
    note, seen = note or f"back to release {number}", live.number if live else 0
    with _publish_errors():
        published = publish_release(context.ledger, content, clock.now(), current_user(), note, "rollback", seen=seen)
        announce_release(published, context.settings)
