"""CSV, read in one pass and in constant memory."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from io import BufferedReader
from itertools import chain

from ivr.reminders.imports.errors import ErrorCode
from ivr.reminders.imports.files.encoding import INVALID, SNIFFED, decode_bytes, decoder_for
from ivr.reminders.imports.files.table import is_known_column, row_builder
from ivr.reminders.imports.files.unreadable import MAX_CELL_LENGTH, Cells, file_error, unreadable_file

_DELIMITERS = ",;\t|"
# Some spreadsheets name the delimiter in a first line that they do not display.
_SEP = re.compile(r'"?sep=(.)"?\n', re.IGNORECASE)
_CHUNK_BYTES = 1 << 16
_MAX_LINE = 1_000_000
_TOO_LONG = f"has an unclosed quotation mark, or a cell of more than {MAX_CELL_LENGTH:,} characters"


class _BadLine(Exception):
    """The next line is not CSV; the message says why."""


def read_csv(raw: BufferedReader) -> Iterator[tuple[int, Cells]]:
    start = raw.peek(SNIFFED)[:SNIFFED]
    if not decode_bytes(start).strip(_DELIMITERS + '\r\n "\ufeff'):
        raise file_error(ErrorCode.EMPTY_FILE)
    csv.field_size_limit(MAX_CELL_LENGTH)
    number, has_rows = 0, False
    try:
        lines = _lines(raw, start)
        first = next(lines, "")
        sep = _SEP.fullmatch(first)
        first = next(lines, "") if sep else first
        delimiter = sep[1] if sep and sep[1] in _DELIMITERS else _delimiter(first)
        reader = csv.reader(chain([first], lines), delimiter=delimiter, strict=True)
        build = row_builder(next(reader))
        number = 1
        for number, values in enumerate(reader, start=2):
            cells = build(values)
            if cells is not None:
                has_rows = True
                yield number, cells
    except (csv.Error, _BadLine) as error:
        reason = str(error) if isinstance(error, _BadLine) else _TOO_LONG
        raise unreadable_file(f"row {number + 1} {reason}. Correct it, or save the file as CSV (UTF-8).") from None
    if not has_rows:
        raise file_error(ErrorCode.NO_ROWS)


def _delimiter(first: str) -> str:
    """The delimiter that yields the most known column names in the first line."""

    def score(delimiter: str) -> tuple[int, int]:
        names = first.replace('"', "").split(delimiter)
        return sum(map(is_known_column, names)), first.count(delimiter)

    return max(_DELIMITERS, key=score)


def _lines(raw: BufferedReader, start: bytes) -> Iterator[str]:
    """The lines of a file, each ending in a line feed. Raises _BadLine when a bad line is reached."""
    decoder = io.IncrementalNewlineDecoder(decoder_for(start), translate=True)
    rest, at_end = "", False
    while not at_end:
        chunk = raw.read(_CHUNK_BYTES)
        at_end = not chunk
        text, invalid, _ = (rest + decoder.decode(chunk, final=at_end)).partition(INVALID)
        complete, line_end, rest = text.rpartition("\n")
        # StringIO splits lines in C and, unlike str.splitlines, only at line feeds.
        yield from io.StringIO(complete + line_end, newline="\n")
        if invalid:
            raise _BadLine("contains bytes that are not text")
        if len(rest) > _MAX_LINE:
            raise _BadLine(_TOO_LONG)
    if rest:
        yield rest
