"""What a person confirms before a release goes live, although the check has no errors."""

from __future__ import annotations

from pathlib import Path

from ivr.ledger import Ledger
from ivr.line.content.findings import BrokenPrompts, Finding
from ivr.line.content.loader import Content
from ivr.line.content.revisions.upgrades import open_release
from ivr.line.lint.live_rules import renamed_steps, reused_replies
from ivr.releases.store import live_release, stored_files

CONFIRMED_RULES = ("behind", "sign-off")
"""Rules whose warnings a person confirms: outdated translations, and text without a sign-off."""


def changed_meanings(ledger: Ledger, prompts_dir: Path, content: Content) -> list[Finding]:
    """A warning for each reminder with another id than in the live release, and each reply with another answer.

    Patients could get a reminder twice, or an answer that they did not ask for.
    """
    live = live_release(ledger)
    stored = stored_files(ledger, live.digest) if live else None
    try:
        config = open_release(stored, prompts_dir).config if stored else None
    except BrokenPrompts:
        return []
    return [*renamed_steps(config, content), *reused_replies(config, content)] if config else []
