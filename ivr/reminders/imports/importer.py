"""Import a scheduler's file: one row per appointment, staged in short transactions and made live with one update.

Texts are sent only for live batches, and existing appointments change only after the whole file is read. An import
that dies halfway has therefore sent and changed nothing, and running it again finishes it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from itertools import islice
from pathlib import Path

from sqlalchemy import Connection

from ivr.ledger import Ledger, Vault
from ivr.line.content.loader import Content
from ivr.reminders.imports.duplicates import TempDiskFull
from ivr.reminders.imports.errors import RowError, row_warning
from ivr.reminders.imports.files import ReadOptions, UnreadableFile, read_rows, unreadable_file
from ivr.reminders.imports.preview import TextPreview, preview_texts
from ivr.reminders.imports.row_changes import StagedCounts
from ivr.reminders.imports.rows import AppointmentRow, RowReader, ValidRow
from ivr.reminders.imports.staging import ImportStage, preview_staging

CHUNK_SIZE = 1000
# Further errors are counted but not listed: a file with a million bad rows has one problem.
MAX_LISTED = 20_000
_PREVIEW_ROWS = 3
# Each row with its number, and its cells by column.
Rows = Iterator[tuple[int, dict[str, str]]]
_Add = Callable[[list[ValidRow]], StagedCounts]


class ImportRefused(Exception):
    """Raised by `on_live` when nothing must be imported after all."""


@dataclass
class ImportReport:
    """The last four counts of rows add up to rows. cancelled: how many of those updated. preview: only in a dry run."""

    batch: int | None = None
    rows: int = 0
    accepted: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: int = 0
    cancelled: int = 0
    warnings: list[RowError] = field(default_factory=list)
    errors: list[RowError] = field(default_factory=list)
    preview: list[TextPreview] | None = None

    def as_json(self) -> dict[str, object]:
        values = asdict(self)
        for name in ("warnings", "errors"):
            values[name] = [item.as_json() for item in getattr(self, name)]
        del values["cancelled"]
        return {name: value for name, value in values.items() if name != "preview" or value is not None}

    def refused(self) -> ImportReport:
        """The report of a strict import that imported nothing because of errors."""
        warnings = [*self.warnings, row_warning(0, "", "strict")]
        return replace(self, accepted=0, updated=0, unchanged=0, cancelled=0, rejected=self.rows, warnings=warnings)


OnLive = Callable[[Connection, ImportReport], None]


class _CappedList:
    """A list of errors or warnings that stops growing at MAX_LISTED."""

    def __init__(self) -> None:
        self._listed: list[RowError] = []
        self._more = 0

    def add(self, items: list[RowError]) -> None:
        free = MAX_LISTED - len(self._listed)
        self._listed += items[:free]
        self._more += max(0, len(items) - free)

    def all(self) -> list[RowError]:
        return [*self._listed, row_warning(0, "", "more", self._more)] if self._more else self._listed


@dataclass(frozen=True)
class Importer:
    """progress: called with the number of rows read so far. own_numbers: E.164 numbers of the line itself.

    expect: called with about how many rows a file has, before the first is read, if its format says so.
    options: which parts of a workbook to read. on_live: called with the report in the transaction that makes the batch
    live. received_at: when the rows were received; None: now.
    """

    ledger: Ledger
    vault: Vault
    content: Content
    progress: Callable[[int], None] = lambda _rows: None
    own_numbers: frozenset[str] = frozenset()
    options: ReadOptions = ReadOptions()
    on_live: OnLive = lambda _connection, _report: None
    received_at: datetime | None = None
    expect: Callable[[int], None] = lambda _rows: None

    def run(self, path: Path, now: datetime, *, strict: bool = False) -> ImportReport:
        """strict: import everything or nothing. For an unreadable file, the report has no rows and one error."""
        warnings: list[RowError] = []
        rows = read_rows(path, self.options, warnings, self.expect)
        return self.run_rows(rows, path.name, now, strict=strict, warnings=warnings)

    def run_rows(
        self, rows: Rows, name: str, now: datetime, *, strict: bool = False, warnings: Sequence[RowError] = ()
    ) -> ImportReport:
        """Import rows from another source than a file. name: what the batch is called.

        warnings: about the source as a whole; they are complete when the rows end. Raises ImportRefused.
        """
        stage = ImportStage(self.ledger, self.vault, self.content.config, name, now, self.received_at)
        try:
            report = self._read(rows, warnings, now, stage.add)
        except UnreadableFile as unreadable:
            stage.undo()
            return ImportReport(errors=[unreadable.error])
        if strict and report.errors:
            stage.undo()
            return report.refused()

        def on_live(connection: Connection, batch: int) -> None:
            report.batch = batch
            self.on_live(connection, report)

        try:
            stage.go_live(on_live)
        except ImportRefused:
            stage.undo()
            raise
        return report

    def dry_run(self, path: Path, now: datetime, *, strict: bool = False) -> ImportReport:
        """What `run` would report, and the first texts that would go out. Writes nothing."""
        warnings: list[RowError] = []
        rows = read_rows(path, self.options, warnings, self.expect)
        return self.dry_run_rows(rows, now, strict=strict, warnings=warnings)

    def dry_run_rows(
        self, rows: Rows, now: datetime, *, strict: bool = False, warnings: Sequence[RowError] = ()
    ) -> ImportReport:
        """What `run_rows` would report, and the first texts that would go out. Writes nothing."""
        first: list[AppointmentRow] = []

        def add(rows: list[ValidRow]) -> StagedCounts:
            staged = preview_staging(self.ledger, self.vault, rows, self.received_at or now)
            opted_out = set(staged.opted_out)
            full = (row for row in rows if isinstance(row, AppointmentRow))
            texted = (row for row in full if row.gets_texts and row.number not in opted_out)
            first.extend(islice(texted, _PREVIEW_ROWS - len(first)))
            return staged

        try:
            report = self._read(rows, warnings, now, add)
        except UnreadableFile as unreadable:
            return ImportReport(errors=[unreadable.error], preview=[])
        if strict and report.errors:
            report = report.refused()
        report.preview = [text for row in first for text in preview_texts(self.content, row, now)]
        return report

    def _read(self, rows: Rows, source_warnings: Sequence[RowError], now: datetime, add: _Add) -> ImportReport:
        report, errors, warnings = ImportReport(), _CappedList(), _CappedList()
        reader, in_cancelled = RowReader(self.content.config, now, self.own_numbers), 0
        while chunk := list(islice(rows, CHUNK_SIZE)):
            try:
                read = reader.read(chunk)
            except TempDiskFull:
                raise unreadable_file("the disk for temporary files is full. Free some space and try again.") from None
            valid = [row for row in read if not isinstance(row, list)]
            for row in read:
                if isinstance(row, list):
                    errors.add(row)
            staged = add(valid) if valid else StagedCounts()
            report.rows += len(chunk)
            report.accepted += staged.accepted
            report.updated += staged.updated
            report.unchanged += staged.unchanged
            report.cancelled += staged.cancelled
            report.rejected += len(chunk) - len(valid)
            in_cancelled += staged.in_cancelled
            self.progress(report.rows)
            warnings.add(reader.warnings)
            warnings.add([row_warning(number, "phone", "opted_out") for number in staged.opted_out])
            warnings.add(staged.warnings)
            reader.warnings.clear()
        report.errors, report.warnings = errors.all(), [*source_warnings, *warnings.all()]
        if in_cancelled:
            report.warnings.append(row_warning(0, "", "batch_cancelled", in_cancelled))
        if report.rows:
            report.warnings.append(row_warning(0, "", "absent_rows"))
        return report
