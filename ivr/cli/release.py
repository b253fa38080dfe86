"""`infoline release`: what a deployment runs before its processes start."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ivr import clock
from ivr.cli.console import FINDINGS, echo, note
from ivr.cli.context import CommandContext, current_user, settings_or_exit, upgrade_ledger
from ivr.ledger import Ledger, open_ledger
from ivr.line.content.findings import BrokenPrompts, Finding
from ivr.line.content.loader import Content, content_digest, read_content, read_folder
from ivr.releases.store import Diverged, Release, folder_base, live_release, publish_folder_if_changed

if TYPE_CHECKING:
    from ivr.settings import Settings


@click.command()
def release() -> None:
    """Upgrade the database, then publish the prompts if they changed."""
    settings = settings_or_exit(save_keys=True)
    note(f"Database: {upgrade_ledger(settings).address}")
    sys.exit(publish_changed_folder(settings))


def is_folder_live(ledger: Ledger, prompts_dir: Path) -> bool:
    """Whether prompts/ can be read and is the live release."""
    live = live_release(ledger)
    try:
        return live is not None and live.digest == content_digest(read_folder(prompts_dir))
    except BrokenPrompts:
        return False


def publish_changed_folder(settings: Settings) -> int:
    """Publish prompts/ if it changed and has no errors. Prints findings; returns the exit status."""
    try:
        files = read_folder(settings.prompts_dir)
    except BrokenPrompts as broken:
        echo(broken, err=True)
        return FINDINGS
    ledger = open_ledger(settings.database_url)
    live = live_release(ledger)
    if live and live.digest == content_digest(files):
        return 0
    context = CommandContext(settings, ledger)
    try:
        content = read_content(files)
    except BrokenPrompts as broken:
        return _refuse(broken.findings)
    with context.model_in_training(content) as finish_training:
        if not _may_be_published(context, content):
            return FINDINGS
        finish_training()
    try:
        published = publish_folder_if_changed(ledger, content, clock.now(), current_user())
    except Diverged as error:
        from ivr.cli.prompts.diff import print_sides
        from ivr.releases.history import three_way_files

        echo(error, err=True)
        print_sides(*three_way_files(ledger, error.base, error.live, files))
        return FINDINGS
    if published:
        announce_release(published, settings)
    return 0


def _may_be_published(context: CommandContext, content: Content) -> bool:
    """Whether changed prompts have no errors and give nothing on patients' phones another meaning. Prints what does."""
    # Most starts publish nothing, and the lint rules take long to import.
    from ivr.line.lint.runner import check_content
    from ivr.releases.confirmations import changed_meanings

    report = check_content(content)
    if report.has_errors:
        _refuse(report.findings)
        return False
    is_new = folder_base(context.ledger) != content.digest
    changed = changed_meanings(context.ledger, context.settings.prompts_dir, content) if is_new else []
    if changed:
        messages = [finding.message for finding in changed]
        echo("\n".join([*messages, "To publish the prompts as they are, run `infoline prompts publish`."]), err=True)
    return not changed


def _refuse(findings: Iterable[Finding]) -> int:
    for finding in findings:
        if finding.level == "error":
            echo(finding, err=True)
    echo("The prompts were not published: fix these errors first. The live release is unchanged.", err=True)
    return FINDINGS


def announce_release(published: Release, settings: Settings) -> None:
    """Notify all processes of a new live release, and print it."""
    from ivr import queues

    queues.publish(settings.redis_url, queues.PUBLISHED)
    echo(f"Release {published.number} ({published.digest}) is live.")
