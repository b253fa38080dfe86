"""What a person confirms before a release goes live, although the check has no errors."""

from __future__ import annotations

from pathlib import Path

from ivr.ledger import Ledger
from ivr.line.content.findings import BrokenPrompts, Finding
from ivr.line.content.loader import Content
from ivr.line.content.revisions.upgrades import open_release
from ivr.line.lint.plan_rules import renamed_steps
from ivr.releases.store import live_release, stored_files

CONFIRMED_RULES = ("behind", "sign-off")
"""Rules whose warnings a person confirms: outdated translations, and text without a sign-off."""


def renamed_reminders(ledger: Ledger, prompts_dir: Path, content: Content) -> list[Finding]:
    """A warning for each reminder to which this content gives another id than the live release does.

    Patients could get its text twice.
    """
    live = live_release(ledger)
    stored = stored_files(ledger, live.digest) if live else None
    try:
        config = open_release(stored, prompts_dir).config if stored else None
    except BrokenPrompts:
        return []
    return list(renamed_steps(config, content)) if config else []
