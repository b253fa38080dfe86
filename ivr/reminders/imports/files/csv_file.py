"""CSV, read in one pass and in constant memory."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from io import BufferedReader
from itertools import chain

from ivr.i18n import N_
from ivr.reminders.imports.errors import ErrorCode
from ivr.reminders.imports.files.cells import (
    MAX_CELL_LENGTH,
    MAX_COLUMNS,
    Row,
    Source,
    file_error,
    unreadable_file,
)
from ivr.reminders.imports.files.encoding import INVALID, SNIFFED, decoder_for
from ivr.reminders.imports.files.table import is_known_column, row_builder

_DELIMITERS = ",;\t|"
# Some spreadsheets name the delimiter in a first line that they do not display.
_SEP = re.compile(r'"?sep=(.)"?\n', re.IGNORECASE)
_CHUNK_BYTES = 1 << 16
# Of one row, which may have any number of quoted line breaks.
_MAX_ROW_LENGTH = 1_000_000
_UNCLOSED = N_(
    "row {row} has an unclosed quotation mark, or a cell of more than {most} characters. Correct it, or save the file"
    " as CSV (UTF-8)."
)
_WIDE = N_("row {row} has more than {most} cells. Correct it, or save the file as CSV (UTF-8).")
_NO_TEXT = N_("row {row} contains bytes that are not text. Correct it, or save the file as CSV (UTF-8).")


class _BadLine(Exception):
    """The next line is not CSV; the message is a sentence for it."""


def read_csv(source: Source) -> Iterator[Row]:
    csv.field_size_limit(MAX_CELL_LENGTH)
    number, has_rows, build = 0, False, None
    lines = _Lines(source.raw)
    try:
        delimiter, first, number = _first_line(lines)
        # A space before a quotation mark would make the mark part of the cell.
        reader = csv.reader(chain([first], lines), delimiter=delimiter, strict=True, skipinitialspace=True)
        for values in reader:
            number += 1
            lines.length = 0
            if len(values) > MAX_COLUMNS:
                raise unreadable_file(_WIDE, row=number, most=f"{MAX_COLUMNS:,}")
            if build is None:
                build = row_builder(values, source.warnings, originals=source.options.originals)
            elif cells := build(values):
                has_rows = True
                yield number, cells
    except (csv.Error, _BadLine) as error:
        sentence = str(error) if isinstance(error, _BadLine) else _UNCLOSED
        raise unreadable_file(sentence, row=number + 1, most=f"{MAX_CELL_LENGTH:,}") from None
    if not has_rows:
        raise file_error(ErrorCode.NO_ROWS)


def _first_line(lines: _Lines) -> tuple[str, str, int]:
    """The delimiter, the line with the column names, and the number of empty lines above it."""
    first, skipped = next(lines, ""), 0
    sep = _SEP.fullmatch(first)
    if sep:
        first = next(lines, "")
    while not any(map(str.isalnum, first)):
        first, skipped = next(lines, ""), skipped + 1
        if not first:
            raise file_error(ErrorCode.EMPTY_FILE)
    return sep[1] if sep and sep[1] in _DELIMITERS else _delimiter(first), first, skipped


def _delimiter(first: str) -> str:
    """The delimiter that yields the most known column names in the first line."""

    def score(delimiter: str) -> tuple[int, int]:
        names = first.replace('"', "").split(delimiter, MAX_COLUMNS)
        return sum(map(is_known_column, names)), first.count(delimiter)

    return max(_DELIMITERS, key=score)


class _Lines:
    """The lines of a file, each ending in a line feed. Raises _BadLine when a bad line is reached.

    length: characters read since it was last set to 0, which the reader does after each row.
    """

    def __init__(self, raw: BufferedReader) -> None:
        self.length = 0
        self._lines = self._read(raw)

    def __iter__(self) -> Iterator[str]:
        return self._lines

    def __next__(self) -> str:
        return next(self._lines)

    def _read(self, raw: BufferedReader) -> Iterator[str]:
        decoder = io.IncrementalNewlineDecoder(decoder_for(raw.peek(SNIFFED)[:SNIFFED]), translate=True)
        rest, at_end = "", False
        while not at_end:
            chunk = raw.read(_CHUNK_BYTES)
            at_end = not chunk
            text, invalid, _ = decoder.decode(chunk, final=at_end).partition(INVALID)
            self.length += len(text)
            complete, line_end, new_rest = text.rpartition("\n")
            if line_end:
                # StringIO splits lines in C and, unlike str.splitlines, only at line feeds.
                yield from io.StringIO(rest + complete + line_end, newline="\n")
                rest = ""
            rest += new_rest
            if invalid:
                raise _BadLine(_NO_TEXT)
            if self.length > _MAX_ROW_LENGTH:
                raise _BadLine(_UNCLOSED)
        if rest:
            yield rest
