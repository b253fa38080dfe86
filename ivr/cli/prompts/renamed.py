"""Warns before a reminder goes live under another id: patients could get its text twice."""

from __future__ import annotations

from ivr.cli.context import CommandContext
from ivr.line.content.findings import BrokenPrompts
from ivr.line.content.loader import Content
from ivr.line.content.upgrades import open_release
from ivr.line.lint.plan_rules import renamed_steps
from ivr.releases.store import live_release, stored_files


def renamed_reminders(context: CommandContext, content: Content) -> list[str]:
    """A warning for each reminder to which this content gives another id than the live release does."""
    live = live_release(context.ledger)
    stored = stored_files(context.ledger, live.digest) if live else None
    try:
        config = open_release(stored, context.settings.prompts_dir).config if stored else None
    except BrokenPrompts:
        return []
    return [finding.message for finding in renamed_steps(config, content)] if config else []
