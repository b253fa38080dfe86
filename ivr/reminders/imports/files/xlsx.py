"""XLSX, by calamine, which has to be kept from files that would cost all memory."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from io import BufferedReader
from typing import IO, Any
from xml.parsers import expat

from python_calamine import CalamineSheet, CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

from ivr.reminders.imports.errors import ErrorCode, row_error
from ivr.reminders.imports.files.table import BuildRow, column_error, row_builder
from ivr.reminders.imports.files.unreadable import (
    Cells,
    UnreadableFile,
    checked_cell,
    read_whole,
    refuse_too_many,
    unreadable_file,
)

# All parts of a workbook, unpacked, in bytes. 50,000 rows of ten columns take about 30 MB.
LARGEST_UNPACKED = 100_000_000
# calamine keeps 32 bytes for each place of the rectangle that holds all filled cells, and ends the process without it.
MOST_PLACES = 5_000_000
_PIECE = 1 << 16
_XML = re.compile(r"xl/.*\.xml$", re.IGNORECASE)
_PLACE = re.compile(r"([A-Z]{1,3})(\d{1,7})$", re.IGNORECASE)
_LOCKED_PART = "EncryptedPackage".encode("utf-16-le")
_DAMAGED = "the workbook is damaged. Save it anew as XLSX, or as CSV."
# What else comes in a zip: the beginning of a part's name, what to say.
_OTHER_ZIPS = (
    ("xl/workbook.bin", "it is a binary workbook (.xlsb). Save it as XLSX."),
    ("xl/", ""),
    ("word/", "it is a Word document. Put its table into a spreadsheet and save it as XLSX or CSV."),
    ("ppt/", "it is a presentation. Save the appointments as XLSX or CSV."),
    ("content.xml", "it is an OpenDocument file (.ods). Save it as XLSX or CSV."),
    ("Index/", "it is a Numbers document. Export it as XLSX or CSV."),
    ("", "it is a packed folder (.zip). Unpack it and name the file in it."),
)


def read_xlsx(raw: BufferedReader) -> Iterator[tuple[int, Cells]]:
    """The rows of the first sheet that has the columns, else of the first sheet that holds anything."""
    data = read_whole(raw)
    with _damage_told():
        _refuse_dangerous(data)
        sheet = _sheet_of_appointments(data)
    rows = _values(sheet)
    header_row, header = next(((number, values) for number, values in rows if any(values)), (0, []))
    if not header_row:
        raise UnreadableFile(row_error(0, "", ErrorCode.EMPTY_FILE))
    yield from _filled_rows(row_builder(header), rows)


def read_ole(raw: BufferedReader) -> Iterator[tuple[int, Cells]]:
    """The container of old Office files, and of any that ask for a password. None of them is read."""
    if _LOCKED_PART in read_whole(raw):
        raise UnreadableFile(row_error(0, "", ErrorCode.LOCKED))
    raise unreadable_file("it is in the old format of Excel (.xls) or Word (.doc). Save it as XLSX or CSV.")


def _filled_rows(take: BuildRow, rows: Iterator[tuple[int, list[str]]]) -> Iterator[tuple[int, Cells]]:
    taken = 0
    for number, values in rows:
        cells = take(values)
        if cells is not None:
            taken += 1
            refuse_too_many(taken)
            yield number, {name: checked_cell(number, cell) for name, cell in cells.items()}
    if not taken:
        raise UnreadableFile(row_error(0, "", ErrorCode.NO_ROWS))


@contextmanager
def _damage_told() -> Iterator[None]:
    """Whatever a library finds in damaged bytes, a panic of calamine's too, is one sentence."""
    try:
        yield
    except UnreadableFile:
        raise
    except BaseException as error:
        # A panic is no Exception, and its class cannot be imported.
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        raise unreadable_file(_DAMAGED) from None


def _refuse_dangerous(data: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(data)) as packed:
        parts = packed.infolist()
        _refuse_other_zips([part.filename for part in parts])
        if any(part.flag_bits & 1 for part in parts):
            raise UnreadableFile(row_error(0, "", ErrorCode.LOCKED))
        # A part that unpacks to more than it declares is refused by both libraries.
        if sum(part.file_size for part in parts) > LARGEST_UNPACKED:
            detail = f"{LARGEST_UNPACKED // 1_000_000} MB unpacked"
            raise UnreadableFile(row_error(0, "", ErrorCode.TOO_LARGE, detail))
        for part in parts:
            if _XML.match(part.filename):
                with packed.open(part) as opened:
                    _Reach().read(opened)


def _refuse_other_zips(names: list[str]) -> None:
    sentence = next(told for start, told in _OTHER_ZIPS if not start or any(name.startswith(start) for name in names))
    if sentence:
        raise unreadable_file(sentence)


class _Reach:
    """How far the filled cells of a sheet reach, read from its XML as a stream."""

    def __init__(self) -> None:
        self._root = ""
        self._row = self._column = 0
        self._filled_rows = self._last_row = self._last_column = 0
        self._tags = {"row": self._on_row, "c": self._on_cell, "v": self._on_value, "is": self._on_value}

    def read(self, part: IO[bytes]) -> None:
        """Read a part of the workbook; what is no sheet is left after its first piece."""
        parser = expat.ParserCreate()
        parser.StartElementHandler = self._on_tag
        while piece := part.read(_PIECE):
            parser.Parse(piece, False)
            if self._root != "worksheet":
                return
            refuse_too_many(self._filled_rows - 1)
            if self._last_row * self._last_column > MOST_PLACES:
                raise unreadable_file(
                    f"a cell stands far from the list, in row {self._last_row} or column {self._last_column}. "
                    "Delete all that is not part of the list, or save the list as CSV."
                )
        parser.Parse(b"", True)

    def _on_tag(self, tag: str, attributes: dict[str, str]) -> None:
        tag = tag.rpartition(":")[2]
        self._root = self._root or tag
        handle = self._tags.get(tag)
        if handle is not None:
            handle(attributes)

    def _on_row(self, attributes: dict[str, str]) -> None:
        self._row = int(attributes.get("r", self._row + 1))
        self._column = 0

    def _on_cell(self, attributes: dict[str, str]) -> None:
        place = _PLACE.match(attributes.get("r", ""))
        self._column = _column_number(place[1].upper()) if place else self._column + 1
        self._row = int(place[2]) if place else self._row

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


def _sheet_of_appointments(data: bytes) -> CalamineSheet:
    with CalamineWorkbook.from_filelike(io.BytesIO(data)) as workbook:
        kinds = [kind for kind in workbook.sheets_metadata if kind.typ == SheetTypeEnum.WorkSheet]
        # What somebody hid is an older list more often than the one that is meant.
        shown = [kind.name for kind in kinds if kind.visible == SheetVisibleEnum.Visible]
        first = None
        for name in shown or [kind.name for kind in kinds]:
            sheet = workbook.get_sheet_by_name(name)
            if column_error(_header(sheet)) is None:
                return sheet
            first = first or (sheet if sheet.start is not None else None)
    if first is None:
        raise UnreadableFile(row_error(0, "", ErrorCode.EMPTY_FILE))
    return first


def _header(sheet: CalamineSheet) -> list[str]:
    return [cell_text(value) for row in sheet.to_python(nrows=1) for value in row]


def _values(sheet: CalamineSheet) -> Iterator[tuple[int, list[str]]]:
    """The rows of a sheet with their numbers, as the spreadsheet counts."""
    with _damage_told():
        for number, row in enumerate(sheet.iter_rows(), start=1):
            yield number, [value if type(value) is str else cell_text(value) for value in row]


def cell_text(value: object) -> str:
    """A value as the words that somebody would type: 6035550123.0 is 6035550123, a moment is ISO without a zone."""
    words = _WORDS.get(type(value))
    return words(value) if words else str(value)


def _float_words(value: Any) -> str:
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)


def _moment_words(value: Any) -> str:
    """To the second: a spreadsheet's times are fractions of a day, and 14:30 may be a little less."""
    with suppress(OverflowError):
        value = value + timedelta(milliseconds=500)
    return str(value.isoformat(timespec="seconds"))


_WORDS: dict[type, Any] = {
    str: str,
    type(None): lambda _: "",
    bool: lambda value: "true" if value else "false",
    float: _float_words,
    datetime: _moment_words,
    date: lambda value: value.isoformat(),
    time: lambda value: value.isoformat(timespec="seconds"),
    timedelta: str,
}
