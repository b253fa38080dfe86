"""The list of releases with what each one changed, and the export of a release into a folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select

from ivr.ledger import Ledger
from ivr.ledger.tables import release
from ivr.line.content.loader import Files
from ivr.line.content.revisions.diff import ChangeKind, changed_files
from ivr.releases.store import SUMMARY_COLUMNS, Release, packed_stamps, stored_files


@dataclass(frozen=True)
class HistoryEntry:
    """A release and the files that it changed; changed is None if it or the release before it is damaged."""

    release: Release
    changed: list[tuple[str, ChangeKind]] | None


class FolderNotEmpty(Exception):
    """The folder to export into is not empty."""


def release_history(ledger: Ledger) -> list[HistoryEntry]:
    """All releases, newest first. Contents are compared by checksum, one at a time, without unpacking them."""
    entries: list[HistoryEntry] = []
    with ledger.read() as connection:
        before: dict[str, tuple[int, int]] | None = {}
        rows = connection.execution_options(yield_per=1).execute(select(release).order_by(release.c.number))
        for row in rows:
            summary = Release(**{column.name: getattr(row, column.name) for column in SUMMARY_COLUMNS})
            after = packed_stamps(row.content)
            damaged = before is None or after is None
            entries.append(HistoryEntry(summary, None if damaged else changed_files(before or {}, after or {})))
            before = after
    return entries[::-1]


def find_release(ledger: Ledger, number: int) -> Release | None:
    with ledger.read() as connection:
        row = connection.execute(select(*SUMMARY_COLUMNS).where(release.c.number == number)).first()
    return Release(**row._mapping) if row else None


def three_way_files(ledger: Ledger, base: str | None, live: Release, folder: Files) -> tuple[Files, Files, Files]:
    """The files of the common base, of the live release, and of the folder; a damaged release counts as empty."""
    return (stored_files(ledger, base) or {}) if base else {}, stored_files(ledger, live.digest) or {}, folder


def reverted_files(base: Files, live: Files, folder: Files) -> list[tuple[str, ChangeKind]]:
    """The changes from base to live that publishing the folder would undo."""
    return [(name, kind) for name, kind in changed_files(base, live) if folder.get(name) == base.get(name)]


def export_release(files: Files, folder: Path) -> None:
    """Write a release's files into a folder. Raises FolderNotEmpty and OSError."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FolderNotEmpty(f"{folder} is not empty: use an empty folder, or one that does not exist yet.")
    root = folder.resolve()
    for name, data in files.items():
        path = (root / name).resolve()
        if not path.is_relative_to(root):
            # Publishing refuses such names, so only a tampered release has one.
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
