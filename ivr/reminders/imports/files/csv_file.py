"""CSV: one pass, in constant memory, however long the file."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from io import BufferedReader
from itertools import chain

from ivr.reminders.imports.errors import ErrorCode, row_error
from ivr.reminders.imports.files.encoding import NO_TEXT, SNIFFED, decode_bytes, decoder_of
from ivr.reminders.imports.files.table import known_columns, row_builder
from ivr.reminders.imports.files.unreadable import LONGEST_CELL, Cells, UnreadableFile, unreadable_file

_DELIMITERS = ",;\t|"
# What spreadsheets read in a first line, and do not show: which character stands between the cells.
_SEP = re.compile(r'"?sep=(.)"?\n', re.IGNORECASE)
_PIECE = 1 << 16
_LONGEST_LINE = 1_000_000
_LONG = f"has a quotation mark that is not closed, or a cell of over {LONGEST_CELL:,} characters. Correct it"


class _BadLine(Exception):
    """The next line is none of a CSV file; says what to do."""


def read_csv(raw: BufferedReader) -> Iterator[tuple[int, Cells]]:
    start = raw.peek(SNIFFED)[:SNIFFED]
    if not decode_bytes(start).strip(_DELIMITERS + '\r\n "\ufeff'):
        raise UnreadableFile(row_error(0, "", ErrorCode.EMPTY_FILE))
    csv.field_size_limit(LONGEST_CELL)
    number, taken = 0, 0
    try:
        lines = _lines(raw, start)
        first = next(lines, "")
        said = _SEP.fullmatch(first)
        first = next(lines, "") if said else first
        delimiter = said[1] if said and said[1] in _DELIMITERS else _delimiter(first)
        reader = csv.reader(chain([first], lines), delimiter=delimiter, strict=True)
        take = row_builder(next(reader))
        number = 1
        for number, values in enumerate(reader, start=2):
            cells = take(values)
            if cells is not None:
                taken = number
                yield number, cells
    except (csv.Error, _BadLine) as error:
        told = str(error) if isinstance(error, _BadLine) else _LONG
        raise unreadable_file(f"row {number + 1} {told}, or save the file anew as CSV (UTF-8).") from None
    if not taken:
        raise UnreadableFile(row_error(0, "", ErrorCode.NO_ROWS))


def _delimiter(first: str) -> str:
    """The one that finds most names of columns in the first line."""
    return max(_DELIMITERS, key=lambda one: (known_columns(first.replace('"', "").split(one)), first.count(one)))


def _lines(raw: BufferedReader, start: bytes) -> Iterator[str]:
    """The lines of a file, each with its end as a line feed. A bad one raises _BadLine when its turn comes."""
    decoder = io.IncrementalNewlineDecoder(decoder_of(start), translate=True)
    rest, ended = "", False
    while not ended:
        piece = raw.read(_PIECE)
        ended = not piece
        text, no_text, _ = (rest + decoder.decode(piece, final=ended)).partition(NO_TEXT)
        whole, line_end, rest = text.rpartition("\n")
        # A string's lines are split in C, and unlike str.splitlines at line feeds alone.
        yield from io.StringIO(whole + line_end, newline="\n")
        if no_text:
            raise _BadLine("holds bytes that are no text. Correct them")
        if len(rest) > _LONGEST_LINE:
            raise _BadLine(_LONG)
    if rest:
        yield rest
