"""The list of releases with what each one changed, and the export of a release into a folder."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, select

from ivr.ledger import Ledger
from ivr.ledger.tables import release
from ivr.line.content.loader import Files
from ivr.line.content.revisions.diff import ChangeKind, changed_files
from ivr.releases.store import SUMMARY_COLUMNS, Release, newest_releases, packed_stamps, stored_files


@dataclass(frozen=True)
class HistoryEntry:
    """A release and the files that it changed; changed is None if it or the release before it is damaged."""

    release: Release
    changed: list[tuple[str, ChangeKind]] | None


Stamps = dict[str, tuple[int, int]]
# What each release changed, by its number.
_changed: WeakKeyDictionary[Ledger, dict[int, list[tuple[str, ChangeKind]]]] = WeakKeyDictionary()


class FolderNotEmpty(Exception):
    """The folder to export into is not empty."""


def release_history(ledger: Ledger, page: slice = slice(None)) -> list[HistoryEntry]:
    """The releases, newest first, or a page of them. Contents are compared by checksum, without unpacking them.

    A release never changes, so what it changed is kept for the next time: all contents are a gigabyte for some hundred.
    """
    known = _changed.setdefault(ledger, {})
    with ledger.read() as connection:
        releases = [Release(**row._mapping) for row in connection.execute(newest_releases())]
        before = dict(pairwise(each.number for each in releases))
        stamps = _Stamps(connection)
        entries = []
        for each in reversed(releases[page]):
            changed = known.get(each.number)
            if changed is None:
                changed = _changes(stamps.of(before.get(each.number)), stamps.of(each.number))
            if changed is not None:
                known[each.number] = changed
            entries.append(HistoryEntry(each, changed))
    return entries[::-1]


def _changes(before: Stamps | None, after: Stamps | None) -> list[tuple[str, ChangeKind]] | None:
    return None if before is None or after is None else changed_files(before, after)


class _Stamps:
    """The stamps of the files of releases, oldest first: each is read once, although it is compared twice."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._last: tuple[int, Stamps | None] = (0, None)

    def of(self, number: int | None) -> Stamps | None:
        """None if the release is damaged; empty for no release."""
        if number is None:
            return {}
        if self._last[0] != number:
            query = select(release.c.content).where(release.c.number == number)
            self._last = (number, packed_stamps(self._connection.execute(query).scalar_one()))
        return self._last[1]


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
