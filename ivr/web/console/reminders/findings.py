"""What was found in an uploaded file: the importer's report, with the cells that its faults are about."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from ivr.i18n import Sentence
from ivr.reminders.imports.columns import EXTRA_CELLS, ORIGINALS
from ivr.reminders.imports.errors import ALSO_IN_ROW, ErrorCode, RowError
from ivr.reminders.imports.files import ReadOptions, UnreadableFile, read_rows
from ivr.reminders.imports.importer import ImportReport
from ivr.reminders.imports.preview import TextPreview
from ivr.web.console.words import translated

# Kept for the page; the file of rows that need mending has all of them.
MAX_KEPT = 1000
_KEPT_OF_A_KIND = 100
_MORE = "more"
_LONGEST_CELL = 200


def sentence_of(sentences: Sequence[Sentence]) -> str:
    """What is wrong, in the language of the page."""
    return " ".join(map(translated, sentences))


@dataclass(frozen=True)
class Fault:
    """A fault or a warning. row: 0 for the whole file. cell: what the file says there."""

    row: int
    column: str
    code: str
    sentences: Sequence[Sentence]
    cell: str = ""

    @property
    def sentence(self) -> str:
        """In the language of the page."""
        return sentence_of(self.sentences)


@dataclass(frozen=True)
class BadRow:
    """A row that is not imported, or that such a row repeats.

    cells: pairs of column name and cell, as written in the file. wrong: its faults.
    """

    row: int
    cells: list[tuple[str, str]]
    wrong: list[Sequence[Sentence]]


@dataclass
class Findings:
    """faults, warnings: the first of them. more_faults, more_warnings: how many more there are."""

    rows: int = 0
    new: int = 0
    changed: int = 0
    cancelled: int = 0
    unchanged: int = 0
    rejected: int = 0
    faults: list[Fault] = field(default_factory=list)
    warnings: list[Fault] = field(default_factory=list)
    more_faults: int = 0
    more_warnings: int = 0
    texts: list[TextPreview] = field(default_factory=list)
    unreadable: Sequence[Sentence] = ()

    @property
    def unreadable_sentence(self) -> str:
        return sentence_of(self.unreadable)

    @property
    def to_import(self) -> int:
        return self.new + self.changed + self.cancelled

    def as_json(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Findings:
        values: dict[str, Any] = json.loads(text)
        for name in ("faults", "warnings"):
            values[name] = [Fault(**fault) for fault in values[name]]
        values["texts"] = [TextPreview(**preview) for preview in values["texts"]]
        return cls(**values)


def findings_of(report: ImportReport, path: Path, options: ReadOptions) -> tuple[Findings, list[BadRow]]:
    """The findings, and the rows that need mending. path: the file, which is read again if it has faults."""
    faults = [error for error in report.errors if error.row]
    bad_rows: list[BadRow] = []
    cells: dict[tuple[int, str], str] = {}
    if faults:
        bad_rows, cells = _bad_rows(faults, path, options)
    whole_file = next((error for error in report.errors if not error.row and error.code != _MORE), None)
    warnings = [warning for warning in report.warnings if warning.code != _MORE]
    shown = _some_of_each_kind(warnings)
    return (
        Findings(
            rows=report.rows,
            new=report.accepted,
            changed=report.updated - report.cancelled,
            cancelled=report.cancelled,
            unchanged=report.unchanged,
            rejected=report.rejected,
            faults=[_fault(error, cells) for error in faults[:MAX_KEPT]],
            warnings=[_fault(warning, {}) for warning in shown],
            more_faults=max(0, len(faults) - MAX_KEPT),
            more_warnings=len(warnings) - len(shown),
            texts=report.preview or [],
            unreadable=whole_file.sentences if whole_file else (),
        ),
        bad_rows,
    )


def _some_of_each_kind(warnings: list[RowError]) -> list[RowError]:
    """So that thousands of one kind hide no other."""
    counts: Counter[str] = Counter()
    shown = []
    for warning in warnings:
        counts[warning.code] += 1
        if counts[warning.code] <= _KEPT_OF_A_KIND:
            shown.append(warning)
    return shown


def _fault(error: RowError, cells: dict[tuple[int, str], str]) -> Fault:
    return Fault(error.row, error.column, error.code, error.sentences, cells.get((error.row, error.column), ""))


def _bad_rows(
    faults: list[RowError], path: Path, options: ReadOptions
) -> tuple[list[BadRow], dict[tuple[int, str], str]]:
    by_row: dict[int, list[RowError]] = defaultdict(list)
    for error in faults:
        by_row[error.row].append(error)
    first_rows = _first_rows(faults)
    bad_rows: list[BadRow] = []
    cells: dict[tuple[int, str], str] = {}
    for number, row in _rows(path, replace(options, originals=True)):
        if number not in by_row and number not in first_rows:
            continue
        errors = by_row.get(number, [])
        cells |= {(number, error.column): row.get(error.column, "")[:_LONGEST_CELL] for error in errors}
        originals = json.loads(row[ORIGINALS]) if ORIGINALS in row else _without_notes(row)
        wrong = [error.sentences for error in errors]
        if number in first_rows:
            wrong.append([(ALSO_IN_ROW, {"detail": str(first_rows[number])})])
        bad_rows.append(BadRow(number, originals, wrong))
    return bad_rows, cells


def _first_rows(faults: list[RowError]) -> dict[int, int]:
    """The rows that others repeat, each with the first that does.

    Without them, the row that is left out would be found no duplicate in the file to mend, and would be imported.
    """
    found: dict[int, int] = {}
    for error in faults:
        if error.code == ErrorCode.DUPLICATE_APPOINTMENT:
            [(_, values)] = error.sentences
            found.setdefault(int(str(values["detail"])), error.row)
    return found


def _rows(path: Path, options: ReadOptions) -> Iterator[tuple[int, dict[str, str]]]:
    try:
        yield from read_rows(path, options, [])
    except UnreadableFile:
        # It was readable a moment ago: what was read so far is better than nothing.
        return


def _without_notes(row: dict[str, str]) -> list[tuple[str, str]]:
    """The cells of a format without columns, without what only our reader adds to them."""
    return [(name, cell) for name, cell in row.items() if name != EXTRA_CELLS and not name.startswith("(")]
