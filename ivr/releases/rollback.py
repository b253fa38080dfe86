"""Whether an earlier release may go live again."""

from __future__ import annotations

from pathlib import Path

from ivr.i18n import N_, Explained, sentence
from ivr.ledger import Ledger
from ivr.line.content.loader import Content
from ivr.line.content.revisions.upgrades import open_release
from ivr.line.lint.runner import CheckReport, check_content
from ivr.releases.store import Release, stored_files


class DamagedRelease(Explained):
    """The stored content of a release is damaged."""

    def __init__(self, release: Release) -> None:
        template = N_("Release {number} is damaged in the database: choose another one.")
        super().__init__(sentence(template, number=release.number))


class UnsafeRelease(Exception):
    """By today's rules, a release would leave callers without help; see `report`."""

    def __init__(self, release: Release, report: CheckReport) -> None:
        self.report = CheckReport(report.states, report.transitions, report.blocking_errors)
        super().__init__(
            f"Nothing was changed: by today's rules, release {release.number} would leave callers without help."
        )


def content_to_restore(ledger: Ledger, release: Release, prompts_dir: Path) -> tuple[Content, CheckReport]:
    """A release's content as this version reads it, and its check, which may have errors of style.

    Uses a second process. Raises DamagedRelease, UnsafeRelease, and BrokenPrompts if this version cannot read it.
    """
    files = stored_files(ledger, release.digest)
    if files is None:
        raise DamagedRelease(release)
    content = open_release(files, prompts_dir)
    report = check_content(content, parallel=True)
    if report.blocking_errors:
        raise UnsafeRelease(release, report)
    return content, report
