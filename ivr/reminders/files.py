"""A scheduler's file as rows of cells by column name: one pass, in constant memory."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from ivr.reminders.faults import Fault, FileFault, fault
from ivr.reminders.rows import NEEDED, OPTIONAL

Cells = dict[str, str]
LONGEST_CELL = 10_000
_NOT_NAME = re.compile(r"[^a-z0-9]+")
_SYNONYMS = {
    "phone_number": "phone",
    "mobile": "phone",
    "appointment": "appointment_id",
    "start": "starts_at",
}
_SNIFFED = 4096


class UnreadableFile(Exception):
    """The file as a whole cannot be taken; `fault` says why."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        super().__init__(fault.message)


def read_rows(path: Path) -> Iterator[tuple[int, Cells]]:
    """Each row of a CSV file with its number (the header is row 1).

    Raises UnreadableFile, and does so before the first row: a file is read to its end once to see that it is whole.
    """
    try:
        with path.open("rb") as raw:
            yield from _read_csv(raw)
    except OSError as error:
        raise UnreadableFile(fault(0, "", FileFault.UNREADABLE, _os_sentence(error))) from None


def _os_sentence(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "there is no such file. Check its name."
    if isinstance(error, IsADirectoryError):
        return "it is a folder. Name the file in it."
    if isinstance(error, PermissionError):
        return "you may not open it. Ask who owns it."
    return f"{error.strerror or error}. Save it again and retry."


def _read_csv(raw: BinaryIO) -> Iterator[tuple[int, Cells]]:
    start = raw.read(_SNIFFED)
    if not start.strip(b"\xef\xbb\xbf\r\n\t ,;"):
        raise UnreadableFile(fault(0, "", FileFault.EMPTY_FILE))
    if any(b"\x00" in piece for piece in _pieces(raw)):
        raise UnreadableFile(fault(0, "", FileFault.UNREADABLE, "it is not a CSV file. Save it as CSV (UTF-8)."))
    lines = io.TextIOWrapper(raw, _encoding(raw), newline="")
    if not sum(1 for _ in _rows(lines)):
        raise UnreadableFile(fault(0, "", FileFault.NO_ROWS))
    yield from _rows(lines)


def _rows(lines: io.TextIOWrapper) -> Iterator[tuple[int, Cells]]:
    csv.field_size_limit(LONGEST_CELL)
    number = 0
    try:
        lines.seek(0)
        first = lines.readline()
        lines.seek(0)
        reader = csv.reader(lines, delimiter=max(",;\t", key=first.count))
        names = _columns(next(reader))
        for number, cells in enumerate(reader, start=2):
            if any(cell.strip() for cell in cells):
                yield number, dict(zip(names, cells, strict=False))
    except (csv.Error, UnicodeDecodeError) as error:
        detail = f"row {number + 1} is damaged ({error}). Save it anew as CSV (UTF-8)."
        raise UnreadableFile(fault(0, "", FileFault.UNREADABLE, detail)) from None


def _encoding(raw: BinaryIO) -> str:
    """UTF-8 with or without a byte-order mark; else cp1252, which older spreadsheets write."""
    try:
        for _ in codecs.iterdecode(_pieces(raw), "utf-8"):
            pass
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8-sig"


def _pieces(raw: BinaryIO) -> Iterator[bytes]:
    raw.seek(0)
    return iter(lambda: raw.read(1 << 16), b"")


def _columns(header: list[str]) -> list[str]:
    names = [_NOT_NAME.sub("_", cell.strip().lower()).strip("_") for cell in header]
    names = [_SYNONYMS.get(name, name) for name in names]
    for name in NEEDED:
        if name not in names:
            raise UnreadableFile(fault(0, name, FileFault.COLUMN_MISSING, name))
    for name in (*NEEDED, *OPTIONAL):
        if names.count(name) > 1:
            raise UnreadableFile(fault(0, name, FileFault.COLUMN_DOUBLE, name))
    return names
