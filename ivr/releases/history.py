"""The releases there were, what each changed, and one of them put back into a folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select

from ivr.ledger import Ledger
from ivr.ledger.tables import release
from ivr.line.content.diff import ChangeKind, changed_files
from ivr.line.content.loader import Files
from ivr.releases.store import BESIDE, Release, packed_stamps, stored_files


@dataclass(frozen=True)
class HistoryEntry:
    """A release, and the files that it changed; None where it or its parent is damaged."""

    release: Release
    changed: list[tuple[str, ChangeKind]] | None


class FolderNotEmpty(Exception):
    """A release is written into an empty folder only; the message says which one is not."""


def release_history(ledger: Ledger) -> list[HistoryEntry]:
    """All releases, newest first. Contents are looked at one after the other, and not unpacked."""
    entries: list[HistoryEntry] = []
    with ledger.read() as connection:
        before: dict[str, tuple[int, int]] | None = {}
        rows = connection.execution_options(yield_per=1).execute(select(release).order_by(release.c.number))
        for row in rows:
            told = {column.name: getattr(row, column.name) for column in BESIDE}
            after = packed_stamps(row.content)
            damaged = before is None or after is None
            entries.append(HistoryEntry(Release(**told), None if damaged else changed_files(before or {}, after or {})))
            before = after
    return entries[::-1]


def find_release(ledger: Ledger, number: int) -> Release | None:
    with ledger.read() as connection:
        row = connection.execute(select(*BESIDE).where(release.c.number == number)).first()
    return Release(**row._mapping) if row else None


def sides(ledger: Ledger, base: str | None, live: Release, folder: Files) -> tuple[Files, Files, Files]:
    """The files that two sides began with, those that are live, and the folder's; a lost one is empty."""
    return (stored_files(ledger, base) or {}) if base else {}, stored_files(ledger, live.digest) or {}, folder


def reverted_files(base: Files, live: Files, folder: Files) -> list[tuple[str, ChangeKind]]:
    """What changed elsewhere and would be as before again, if the folder were published."""
    return [(name, kind) for name, kind in changed_files(base, live) if folder.get(name) == base.get(name)]


def export_release(files: Files, folder: Path) -> None:
    """Write a release's files into a folder. Raises NotEmpty, and OSError."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FolderNotEmpty(f"{folder} is not empty: name a folder that is, or one that is not there yet.")
    root = folder.resolve()
    for name, data in files.items():
        path = (root / name).resolve()
        if not path.is_relative_to(root):
            # No release that was published has such a name.
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
