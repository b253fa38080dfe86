"""The files of the drafts in tests, and what is done with them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from ivr.ledger import Ledger
from ivr.line.content.findings import BrokenPrompts
from ivr.line.content.loader import read_content
from ivr.line.lint.runner import CheckReport
from ivr.releases.drafts import Drafts
from ivr.releases.store import live_release, stored_files
from tests.line.content.test_loader import SHIPPED as ALL_SHIPPED
from tests.line.content.test_loader import changed as changed_shipped

NOW = datetime(2026, 12, 1, 15, tzinfo=UTC)
LATER = NOW + timedelta(minutes=20)
GOODBYE, CANCER = "en/goodbye.md", "es/cancer.md"


def few_questions(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The same files with a hundred training questions a language instead of thousands."""
    return {
        name: b"".join(data.splitlines(keepends=True)[:100]) if name.endswith(".tsv") else data
        for name, data in files.items()
    }


# Every test packs and unpacks it several times.
SHIPPED = few_questions(ALL_SHIPPED)


def changed(file: str, old: str, new: str) -> dict[str, bytes]:
    """SHIPPED with one change in one file."""
    return few_questions(changed_shipped(file, old, new))


KINDER = changed(GOODBYE, "Take good care of yourself.", "Take very good care.")[GOODBYE]
KINDEST = changed(GOODBYE, "Take good care of yourself.", "Take the best of care.")[GOODBYE]


def quick_check(files) -> CheckReport:
    """A check that only reads the files; the real one takes seconds."""
    try:
        read_content(files)
    except BrokenPrompts as broken:
        return CheckReport(0, 0, tuple(broken.findings))
    return CheckReport(1, 1, ())


def live_files(ledger: Ledger) -> dict[str, bytes] | None:
    live = live_release(ledger)
    assert live
    return stored_files(ledger, live.digest)


def put(drafts: Drafts, name: str, data: bytes, by: str, at: datetime = NOW) -> None:
    drafts.save(name, data, by, at, drafts.open().version(name))
