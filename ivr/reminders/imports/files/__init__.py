"""A scheduler's file as rows of cells by column name, in whatever format it was saved."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from io import BufferedReader
from pathlib import Path

from ivr.reminders.imports.files.csv_file import read_csv
from ivr.reminders.imports.files.encoding import SNIFFED, decode_bytes
from ivr.reminders.imports.files.json_file import read_json, rows_of_json
from ivr.reminders.imports.files.kinds import refuse_other_kinds
from ivr.reminders.imports.files.unreadable import LONGEST_CELL, Cells, UnreadableFile, unreadable_file
from ivr.reminders.imports.files.xlsx import read_ole, read_xlsx
from ivr.reminders.imports.rows import EXTRA_CELLS

__all__ = ["EXTRA_CELLS", "LONGEST_CELL", "Cells", "UnreadableFile", "read_rows", "rows_of_json", "unreadable_file"]

_Reader = Callable[[BufferedReader], Iterator[tuple[int, Cells]]]
# A file's name is often wrong, its first bytes never.
_READERS: tuple[tuple[tuple[bytes, ...], _Reader], ...] = (
    ((b"PK\x03\x04", b"PK\x05\x06"), read_xlsx),
    ((b"\xd0\xcf\x11\xe0",), read_ole),
    ((b"{", b"["), read_json),
    ((b"",), read_csv),
)


def read_rows(path: Path) -> Iterator[tuple[int, Cells]]:
    """Each row of a file with its number: in tables the header is row 1, in JSON the first appointment is.

    A row with more cells than the header has names holds the rest under BEYOND. Raises UnreadableFile: before the
    first row for what concerns the whole file, later where a row is damaged.
    """
    try:
        with path.open("rb") as raw:
            yield from _reader_of(raw)(raw)
    except OSError as error:
        raise unreadable_file(_os_sentence(error)) from None


def _reader_of(raw: BufferedReader) -> _Reader:
    start = raw.peek(SNIFFED)[:SNIFFED]
    refuse_other_kinds(start)
    plain = decode_bytes(start).lstrip().encode()
    return next(reader for starts, reader in _READERS if start.startswith(starts) or plain.startswith(starts))


def _os_sentence(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "there is no such file. Check its name."
    if isinstance(error, IsADirectoryError):
        return "it is a folder. Name the file in it."
    if isinstance(error, PermissionError):
        return "you may not open it. Ask who owns it."
    return f"{error.strerror or error}. Save it again and retry."
