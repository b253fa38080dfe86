"""File formats: each reader yields (row number, cells by column name). Cells are text; their meaning is in `rows`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from io import BufferedReader
from pathlib import Path

from ivr.reminders.imports.files.csv_file import read_csv
from ivr.reminders.imports.files.encoding import SNIFFED, decode_bytes
from ivr.reminders.imports.files.json_file import read_json
from ivr.reminders.imports.files.kinds import refuse_other_kinds
from ivr.reminders.imports.files.unreadable import Cells, UnreadableFile, unreadable_file
from ivr.reminders.imports.files.xlsx import read_ole, read_xlsx

__all__ = ["UnreadableFile", "read_rows", "unreadable_file"]

_Reader = Callable[[BufferedReader], Iterator[tuple[int, Cells]]]
# The extension of a file is often wrong; its first bytes are not.
_READERS: tuple[tuple[tuple[bytes, ...], _Reader], ...] = (
    ((b"PK\x03\x04", b"PK\x05\x06"), read_xlsx),
    ((b"\xd0\xcf\x11\xe0",), read_ole),
    ((b"{", b"["), read_json),
    ((b"",), read_csv),
)
_OS_ERRORS: dict[type[OSError], str] = {
    FileNotFoundError: "there is no such file. Check its name.",
    IsADirectoryError: "it is a folder. Choose a file in it.",
    PermissionError: "you do not have permission to open it. Ask its owner.",
}


def read_rows(path: Path) -> Iterator[tuple[int, Cells]]:
    """Each row of a file with its number. In tables the header is row 1; in JSON the first appointment is row 1.

    Cells beyond the last column name are under EXTRA_CELLS. Raises UnreadableFile before the first row for a problem
    with the whole file, or later at a damaged row.
    """
    try:
        with path.open("rb") as raw:
            yield from _reader_for(raw)(raw)
    except OSError as error:
        unknown = f"{error.strerror or error}. Save the file again and retry."
        raise unreadable_file(_OS_ERRORS.get(type(error), unknown)) from None


def _reader_for(raw: BufferedReader) -> _Reader:
    start = raw.peek(SNIFFED)[:SNIFFED]
    refuse_other_kinds(start)
    text = decode_bytes(start).lstrip().encode()
    return next(reader for starts, reader in _READERS if start.startswith(starts) or text.startswith(starts))
