"""A watched folder: each complete file is imported once, and moved to done/ or failed/ with a report beside it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Connection

from ivr import log
from ivr.feeds.expected_file import FAILED_FILE_MARK, FILE_MARK
from ivr.i18n import N_, sentence
from ivr.ledger import Ledger, Vault
from ivr.ledger.marks import read_mark, set_mark
from ivr.line.content.loader import Content
from ivr.people.audit import Actor, AuditKind, record
from ivr.reminders.alarms import Alarm, clear_alarm, raise_alarm
from ivr.reminders.imports.importer import Importer, ImportReport

DONE, FAILED = "done", "failed"
_ACTOR = Actor("watched folder")
_FAILED = N_("A file of the watched folder was not imported: its report is beside it, in failed/.")
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


class _Version(NamedTuple):
    """What a change of a file changes. modified: in nanoseconds."""

    size: int
    modified: int

    @classmethod
    def of(cls, path: Path) -> _Version:
        status = path.stat()
        return cls(status.st_size, status.st_mtime_ns)


class _Sight(NamedTuple):
    """A version of a file, and the first scan that saw it."""

    version: _Version
    since: datetime

    def is_quiet(self, now: datetime, quiet: timedelta) -> bool:
        """Whether the file has not changed for so long. If a file server's clock is ahead, our clock alone counts."""
        return now - min(self.since, datetime.fromtimestamp(self.version.modified / 1e9, UTC)) >= quiet


@dataclass
class WatchedFolder:
    """content: gives the live content, by which the next file is read. own_numbers: E.164 numbers of the line itself.

    strict: import nothing from a file with a rejected row. quiet: how long a complete file has not changed.
    """

    path: Path
    ledger: Ledger
    vault: Vault
    content: Callable[[], Content]
    own_numbers: frozenset[str] = frozenset()
    strict: bool = False
    quiet: timedelta = timedelta(0)
    _seen: dict[Path, _Sight] = field(default_factory=dict)

    @property
    def waiting(self) -> list[str]:
        """The names of the files that the last scan saw and left."""
        return sorted(path.name for path in self._seen)

    def scan(self, now: datetime) -> Iterator[TakenFile]:
        """Take the files that are quiet, and have not changed since the scan before. Raises OSError and
        LedgerUnavailable."""
        found = {path: _Version.of(path) for path in self.path.iterdir() if _is_candidate(path)}
        same = {path: sight for path, sight in self._seen.items() if found.get(path) == sight.version}
        self._seen = {path: same.get(path) or _Sight(version, now) for path, version in found.items()}
        complete = [path for path, sight in same.items() if sight.is_quiet(now, self.quiet)]
        for path in sorted(complete, key=lambda path: (found[path].modified, path.name)):
            taken = self.take(path, now, found[path])
            if taken is not None:
                yield taken
                del self._seen[path]

    def take(self, path: Path, now: datetime, version: _Version | None = None) -> TakenFile | None:
        """Import a file and move it. If this is interrupted, the next scan moves it without importing it again.

        version: of the complete file; None: as it is now. None if the file has changed since: it stays, and is read
        again once it is complete.
        """
        version = version or _Version.of(path)
        name, content = _mark_name(path), self.content()
        is_repeated = self._came_before(name)
        report = ImportReport() if is_repeated else self._import(path, content, now)
        if _Version.of(path) != version:
            log.get_logger().warning("watched_file_changed", batch=report.batch, rows=report.rows)
            return None
        is_done = is_repeated or _is_taken(report, strict=self.strict)
        self._record(name if is_done else FAILED_FILE_MARK, now)
        folder = self.path / (DONE if is_done else FAILED)
        return self._move(path, folder, report, now.astimezone(content.config.zone), is_repeated=is_repeated)

    def _record(self, name: str, now: datetime) -> None:
        """Set the mark of a file, not with its batch: an import that dies while it changes appointments runs again."""
        with self.ledger.write() as connection:
            set_mark(connection, name, now)
            if name == FAILED_FILE_MARK:
                raise_alarm(connection, Alarm.FILE_FAILED, now, sentence(_FAILED))
            else:
                clear_alarm(connection, Alarm.FILE_FAILED, now)

    def _import(self, path: Path, content: Content, now: datetime) -> ImportReport:
        def audit(connection: Connection, report: ImportReport) -> None:
            kind = AuditKind.APPOINTMENTS_IMPORTED
            record(connection, _ACTOR, kind, now, batch=report.batch, rows=report.rows)

        importer = Importer(self.ledger, self.vault, content, own_numbers=self.own_numbers, on_live=audit)
        return importer.run(path, now, strict=self.strict)

    def _came_before(self, name: str) -> bool:
        """Whether the content of a file was imported before. If so, it has come again, as the file of this day."""
        with self.ledger.read() as connection:
            return read_mark(connection, name) is not None

    def _move(self, path: Path, folder: Path, report: ImportReport, local: datetime, *, is_repeated: bool) -> TakenFile:
        """local: by the clock of the line, for the name of the file."""
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
