"""XLSX, read by calamine, and checks that keep a hostile or damaged workbook from exhausting memory."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from io import BufferedReader
from typing import IO, Any
from xml.parsers import expat

from python_calamine import CalamineSheet, CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

from ivr.reminders.imports.errors import ErrorCode
from ivr.reminders.imports.files.table import has_required_columns, row_builder
from ivr.reminders.imports.files.unreadable import (
    Cells,
    UnreadableFile,
    check_row_count,
    checked_cell,
    file_error,
    number_text,
    read_whole,
    unreadable_file,
)

# All parts of a workbook, unpacked. 50,000 rows of ten columns take about 30 MB.
MAX_UNPACKED_BYTES = 100_000_000
# calamine allocates 32 bytes for each cell of the rectangle around all filled cells, and aborts the process on failure.
MAX_CELLS = 5_000_000
_CHUNK_BYTES = 1 << 16
_XML = re.compile(r"xl/.*\.xml$", re.IGNORECASE)
_CELL_REFERENCE = re.compile(r"([A-Z]{1,3})(\d{1,7})$", re.IGNORECASE)
_ENCRYPTED_PART = "EncryptedPackage".encode("utf-16-le")
_DAMAGED = "the workbook is damaged. Save it again as XLSX or CSV."
# Kinds of zip files: the prefix of a part's name, and the sentence; it is empty for XLSX.
_ZIP_KINDS = (
    ("xl/workbook.bin", "it is a binary workbook (.xlsb). Save it as XLSX."),
    ("xl/", ""),
    ("word/", "it is a Word document. Copy its table into a spreadsheet and save it as XLSX or CSV."),
    ("ppt/", "it is a presentation. Save the appointments as XLSX or CSV."),
    ("content.xml", "it is an OpenDocument file (.ods). Save it as XLSX or CSV."),
    ("Index/", "it is a Numbers document. Export it as XLSX or CSV."),
    ("", "it is a compressed folder (.zip). Unpack it and import the file inside."),
)


def read_xlsx(raw: BufferedReader) -> Iterator[tuple[int, Cells]]:
    """The rows of the first sheet with the required columns, or else of the first sheet that is not empty."""
    data = read_whole(raw)
    with _damage_reported():
        _refuse_dangerous(data)
        sheet = _appointments_sheet(data)
    rows = _rows(sheet)
    header = next((values for _, values in rows if any(values)), None)
    if header is None:
        raise file_error(ErrorCode.EMPTY_FILE)
    build, count = row_builder(header), 0
    for number, values in rows:
        cells = build(values)
        if cells is not None:
            count += 1
            check_row_count(count)
            yield number, {name: checked_cell(number, cell) for name, cell in cells.items()}
    if not count:
        raise file_error(ErrorCode.NO_ROWS)


def read_ole(raw: BufferedReader) -> Iterator[tuple[int, Cells]]:
    """Always raises: OLE is the container of old Office files and of password-protected ones."""
    if _ENCRYPTED_PART in read_whole(raw):
        raise file_error(ErrorCode.ENCRYPTED)
    raise unreadable_file("it is in an old Excel (.xls) or Word (.doc) format. Save it as XLSX or CSV.")


@contextmanager
def _damage_reported() -> Iterator[None]:
    """Turn any error that a library raises for damaged bytes, including a calamine panic, into UnreadableFile."""
    try:
        yield
    except UnreadableFile:
        raise
    except BaseException as error:
        # A panic is not an Exception, and its class cannot be imported.
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        raise unreadable_file(_DAMAGED) from None


def _refuse_dangerous(data: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        parts, names = archive.infolist(), archive.namelist()
        sentence = next(text for prefix, text in _ZIP_KINDS if not prefix or any(n.startswith(prefix) for n in names))
        if sentence:
            raise unreadable_file(sentence)
        if any(part.flag_bits & 1 for part in parts):
            raise file_error(ErrorCode.ENCRYPTED)
        # zipfile and calamine refuse a part that unpacks to more than its declared size.
        if sum(part.file_size for part in parts) > MAX_UNPACKED_BYTES:
            raise file_error(ErrorCode.TOO_LARGE, f"{MAX_UNPACKED_BYTES // 1_000_000} MB unpacked")
        for part in parts:
            if _XML.match(part.filename):
                with archive.open(part) as opened:
                    _SheetExtent().check(opened)


class _SheetExtent:
    """The last row and column with a filled cell, read from the sheet's XML as a stream."""

    def __init__(self) -> None:
        self._root = ""
        self._row = self._column = 0
        self._filled_rows = self._last_row = self._last_column = 0
        self._handlers = {"row": self._on_row, "c": self._on_cell, "v": self._on_value, "is": self._on_value}

    def check(self, part: IO[bytes]) -> None:
        """Raise UnreadableFile if the sheet is too large. If the part is not a sheet, only its start is read."""
        parser = expat.ParserCreate()
        parser.StartElementHandler = self._on_tag
        while chunk := part.read(_CHUNK_BYTES):
            parser.Parse(chunk, False)
            if self._root != "worksheet":
                return
            check_row_count(self._filled_rows - 1)
            if self._last_row * self._last_column > MAX_CELLS:
                raise unreadable_file(
                    f"a cell is far from the list, in row {self._last_row} or column {self._last_column}. "
                    "Delete everything that is not part of the list, or save the list as CSV."
                )
        parser.Parse(b"", True)

    def _on_tag(self, tag: str, attributes: dict[str, str]) -> None:
        tag = tag.rpartition(":")[2]
        self._root = self._root or tag
        if handler := self._handlers.get(tag):
            handler(attributes)

    def _on_row(self, attributes: dict[str, str]) -> None:
        self._row = int(attributes.get("r", self._row + 1))
        self._column = 0

    def _on_cell(self, attributes: dict[str, str]) -> None:
        reference = _CELL_REFERENCE.match(attributes.get("r", ""))
        self._column = _column_number(reference[1].upper()) if reference else self._column + 1
        self._row = int(reference[2]) if reference else self._row

    def _on_value(self, _attributes: dict[str, str]) -> None:
        if self._row != self._last_row:
            self._filled_rows += 1
            self._last_row = max(self._last_row, self._row)
        self._last_column = max(self._last_column, self._column)


@lru_cache(maxsize=1000)
def _column_number(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - ord("A") + 1
    return number


def _appointments_sheet(data: bytes) -> CalamineSheet:
    with CalamineWorkbook.from_filelike(io.BytesIO(data)) as workbook:
        sheets = [sheet for sheet in workbook.sheets_metadata if sheet.typ == SheetTypeEnum.WorkSheet]
        # A hidden sheet is more likely an older list than the current one.
        visible = [sheet.name for sheet in sheets if sheet.visible == SheetVisibleEnum.Visible]
        first = None
        for name in visible or [sheet.name for sheet in sheets]:
            sheet = workbook.get_sheet_by_name(name)
            if has_required_columns([_cell_text(value) for row in sheet.to_python(nrows=1) for value in row]):
                return sheet
            first = first or (sheet if sheet.start is not None else None)
    if first is None:
        raise file_error(ErrorCode.EMPTY_FILE)
    return first


def _rows(sheet: CalamineSheet) -> Iterator[tuple[int, list[str]]]:
    """The rows of a sheet with the row numbers that the spreadsheet displays."""
    with _damage_reported():
        for number, row in enumerate(sheet.iter_rows(), start=1):
            yield number, [value if type(value) is str else _cell_text(value) for value in row]


def _cell_text(value: object) -> str:
    """A value as people type it: 6035550123.0 becomes 6035550123, and a date with a time becomes ISO without a zone."""
    return _FORMATTERS.get(type(value), str)(value)


def _datetime_text(value: Any) -> str:
    """Rounded to the second: a spreadsheet stores times as fractions of a day, so 14:30 may be a little less."""
    with suppress(OverflowError):
        value = value + timedelta(milliseconds=500)
    return str(value.isoformat(timespec="seconds"))


_FORMATTERS: dict[type, Callable[[Any], str]] = {
    type(None): lambda _: "",
    bool: lambda value: "true" if value else "false",
    float: number_text,
    datetime: _datetime_text,
    date: date.isoformat,
    time: lambda value: value.isoformat(timespec="seconds"),
}
