"""Take a scheduler's file in: one row an appointment, staged in short transactions, live with one update.

Nothing of a batch is sent before it is live, and no appointment that stands is changed before the whole file was read.
So an import that dies half-way has sent and changed nothing, and running it again finishes it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice
from pathlib import Path

from ivr.ledger import Ledger, Vault
from ivr.line.content.loader import Content
from ivr.reminders.imports.duplicates import TempDiskFull
from ivr.reminders.imports.errors import RowError, row_warning
from ivr.reminders.imports.files import UnreadableFile, read_rows, unreadable_file
from ivr.reminders.imports.preview import TextPreview, gets_texts, preview_texts
from ivr.reminders.imports.rows import AppointmentRow, RowReader
from ivr.reminders.imports.staging import ImportStage, StagedCounts, preview_staging

CHUNK = 1000
# Faults beyond so many are counted, not listed: a file of a million bad rows has one thing wrong.
MOST_TOLD = 20_000
PREVIEWED = 3


@dataclass
class ImportReport:
    """What became of a file. The four counts add up to rows; cancelled rows count as updated."""

    batch: int | None = None
    rows: int = 0
    accepted: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: int = 0
    warnings: list[RowError] = field(default_factory=list)
    errors: list[RowError] = field(default_factory=list)
    preview: list[TextPreview] | None = None
    """Of a dry run: the first texts, as they would go out."""

    def as_json(self) -> dict[str, object]:
        counts = ("batch", "rows", "accepted", "updated", "unchanged", "rejected")
        told = {} if self.preview is None else {"preview": [one.as_json() for one in self.preview]}
        return {
            **{name: getattr(self, name) for name in counts},
            "warnings": [item.as_json() for item in self.warnings],
            "errors": [item.as_json() for item in self.errors],
            **told,
        }

    def count(self, staged: StagedCounts) -> None:
        self.accepted += staged.accepted
        self.updated += staged.updated
        self.unchanged += staged.unchanged


class _Told:
    """A list of faults that does not grow without end."""

    def __init__(self) -> None:
        self.listed: list[RowError] = []
        self._more = 0

    def add(self, faults: list[RowError]) -> None:
        room = MOST_TOLD - len(self.listed)
        self.listed += faults[:room]
        self._more += max(0, len(faults) - room)

    def all(self) -> list[RowError]:
        return [*self.listed, row_warning(0, "", "more", self._more)] if self._more else self.listed


class Importer:
    """Imports files into a ledger.

    progress: called with the number of rows read so far. ours: numbers (E.164) of the line itself.
    """

    def __init__(
        self,
        ledger: Ledger,
        vault: Vault,
        content: Content,
        progress: Callable[[int], None] = lambda _rows: None,
        ours: frozenset[str] = frozenset(),
    ) -> None:
        self._ledger = ledger
        self._vault = vault
        self._content = content
        self._progress = progress
        self._ours = ours

    def run(self, path: Path, now: datetime, *, strict: bool = False) -> ImportReport:
        """Import a file. A file that cannot be read at all gives rows 0 and one error with row 0.

        strict: take all of it or nothing.
        """
        stage = ImportStage(self._ledger, self._vault, self._content.config, path.name, now)
        report = ImportReport()
        try:
            report = self._read(path, now, stage.add)
        except UnreadableFile as broken:
            stage.undo()
            return ImportReport(errors=[broken.fault])
        if strict and report.errors:
            stage.undo()
            refused = row_warning(0, "", "strict")
            return ImportReport(
                rows=report.rows, rejected=report.rows, errors=report.errors, warnings=[*report.warnings, refused]
            )
        report.batch = stage.go_live()
        return report

    def rehearse(self, path: Path, now: datetime, *, strict: bool = False) -> ImportReport:
        """What `run` would tell, and the first texts that would go out; nothing is written."""
        first: list[AppointmentRow] = []

        def add(rows: list[AppointmentRow]) -> StagedCounts:
            staged = preview_staging(self._ledger, self._vault, rows)
            silent = set(staged.opted_out)
            texted = (row for row in rows if gets_texts(row) and row.number not in silent)
            first.extend(islice(texted, PREVIEWED - len(first)))
            return staged

        try:
            report = self._read(path, now, add)
        except UnreadableFile as broken:
            return ImportReport(errors=[broken.fault], preview=[])
        if strict and report.errors:
            report = replace(report, accepted=0, updated=0, unchanged=0, rejected=report.rows)
            report.warnings.append(row_warning(0, "", "strict"))
        report.preview = [text for row in first for text in preview_texts(self._content, row, now)]
        return report

    def _read(self, path: Path, now: datetime, add: Callable[[list[AppointmentRow]], StagedCounts]) -> ImportReport:
        report, errors, warnings = ImportReport(), _Told(), _Told()
        reader = RowReader(self._content.config, now, self._ours)

        rows, cancelled = read_rows(path), 0
        while chunk := list(islice(rows, CHUNK)):
            try:
                read = reader.read_many(chunk)
            except TempDiskFull:
                raise unreadable_file("the disk for temporary files is full. Make room, and do it again.") from None
            good = [row for row in read if isinstance(row, AppointmentRow)]
            for faults in read:
                if not isinstance(faults, AppointmentRow):
                    errors.add(faults)
            staged = add(good) if good else StagedCounts()
            report.count(staged)
            report.rows += len(chunk)
            report.rejected += len(chunk) - len(good)
            cancelled += staged.in_cancelled
            self._progress(report.rows)
            warnings.add([*reader.warnings, *(row_warning(row, "phone", "opted_out") for row in staged.opted_out)])
            reader.warnings.clear()
        report.errors, report.warnings = errors.all(), warnings.all()
        if cancelled:
            report.warnings.append(row_warning(0, "", "batch_cancelled", cancelled))
        if report.rows:
            report.warnings.append(row_warning(0, "", "absent_rows"))
        return report
