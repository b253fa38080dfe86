"""A watched folder: each complete file is imported once, and moved to done/ or failed/ with a report beside it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, update

from ivr import log
from ivr.feeds.expected_file import FILE_MARK
from ivr.ledger import Ledger, Vault
from ivr.ledger.marks import set_mark
from ivr.ledger.tables import mark
from ivr.line.content.loader import Content
from ivr.people.audit import Actor, AuditKind, record
from ivr.reminders.imports.importer import Importer, ImportReport

DONE, FAILED = "done", "failed"
_ACTOR = Actor("watched folder")
# Names that programs give to a file while they write it.
_UNFINISHED = (".tmp", ".part", ".partial", ".filepart", ".crdownload", "~")
_CHUNK_BYTES = 1 << 20
# 128 bits of the digest, as many as the name of a mark holds.
_DIGEST_DIGITS = 32


@dataclass(frozen=True)
class TakenFile:
    """A file that was looked at. is_repeated: the same content was imported before. moved_to: in done/ or failed/."""

    name: str
    moved_to: Path
    report: ImportReport
    is_repeated: bool = False

    @property
    def is_done(self) -> bool:
        return self.moved_to.parent.name == DONE


@dataclass
class WatchedFolder:
    """content: gives the live content, by which the next file is read. own_numbers: E.164 numbers of the line itself.

    strict: import nothing from a file with a rejected row.
    """

    path: Path
    ledger: Ledger
    vault: Vault
    content: Callable[[], Content]
    own_numbers: frozenset[str] = frozenset()
    strict: bool = False
    _seen: dict[Path, tuple[int, int]] = field(default_factory=dict)

    def scan(self, now: datetime) -> Iterator[TakenFile]:
        """Take the files that have not changed since the scan before. Raises OSError and LedgerUnavailable."""
        found = {path: _version(path) for path in self.path.iterdir() if _is_candidate(path)}
        complete = [path for path, version in found.items() if self._seen.get(path) == version]
        self._seen = found
        for path in sorted(complete, key=lambda path: (found[path][1], path.name)):
            yield self.take(path, now)
            del self._seen[path]

    def take(self, path: Path, now: datetime) -> TakenFile:
        """Import a file and move it. If this is interrupted, the next scan moves it without importing it again."""
        name, content = _mark_name(path), self.content()
        # The clock of the line, in the names of moved files.
        local = now.astimezone(content.config.zone)
        if self._came_before(name, now):
            return self._move(path, ImportReport(), local, is_repeated=True)

        def audit(connection: Connection, report: ImportReport) -> None:
            kind = AuditKind.APPOINTMENTS_IMPORTED
            record(connection, _ACTOR, kind, now, batch=report.batch, rows=report.rows)

        importer = Importer(self.ledger, self.vault, content, own_numbers=self.own_numbers, on_live=audit)
        report = importer.run(path, now, strict=self.strict)
        if _is_taken(report, strict=self.strict):
            # Not with the batch: an import that dies while it changes appointments has to run again.
            with self.ledger.write() as connection:
                set_mark(connection, name, now, str(report.batch or ""))
        return self._move(path, report, local)

    def _came_before(self, name: str, now: datetime) -> bool:
        """Whether the content of a file was imported before. If so, it has come again, as the file of this day."""
        with self.ledger.write() as connection:
            return bool(connection.execute(update(mark).where(mark.c.name == name).values(at=now)).rowcount)

    def _move(self, path: Path, report: ImportReport, local: datetime, *, is_repeated: bool = False) -> TakenFile:
        is_done = is_repeated or _is_taken(report, strict=self.strict)
        folder = self.path / (DONE if is_done else FAILED)
        folder.mkdir(mode=0o700, exist_ok=True)
        target = _free_name(folder, f"{local:%Y%m%d-%H%M%S}-{path.name}")
        details = {"file": path.name, "repeated": is_repeated, **report.as_json()}
        report_path = target.with_name(f"{target.name}.report.json")
        report_path.write_text(json.dumps(details, indent=2, ensure_ascii=False) + "\n")
        path.replace(target)
        log.get_logger().info(
            "watched_file_taken",
            outcome=folder.name,
            repeated=is_repeated,
            batch=report.batch,
            rows=report.rows,
            rejected=report.rejected,
        )
        return TakenFile(path.name, target, report, is_repeated)


def _is_taken(report: ImportReport, *, strict: bool) -> bool:
    """Whether a file was imported, at least in part. A file without a valid row was not."""
    is_unreadable = any(error.row == 0 for error in report.errors)
    return not is_unreadable and report.rejected < max(report.rows, 1) and not (strict and report.errors)


def _is_candidate(path: Path) -> bool:
    """Not a folder, a link, a hidden file, or one that is still written under a name of its own."""
    is_named = not path.name.startswith((".", "~")) and not path.name.lower().endswith(_UNFINISHED)
    return is_named and path.is_file() and not path.is_symlink()


def _version(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def _mark_name(path: Path) -> str:
    """The name of the mark that records the content of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return FILE_MARK + digest.hexdigest()[:_DIGEST_DIGITS]


def _free_name(folder: Path, name: str) -> Path:
    """A path that no earlier file has."""
    numbers = iter(range(1, 10_000))
    path = folder / name
    while path.exists():
        path = folder / f"{next(numbers)}-{name}"
    return path
