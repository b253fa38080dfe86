"""A copy of a workbook that is safe to give to a library, and what the library does not report about its sheets.

Every part is unpacked and counted here, whatever size it declares, and the library reads the copy only: nothing is
left to unpack there, and no part is read there that was not checked here.
"""

from __future__ import annotations

import io
import posixpath
import re
import zipfile
from dataclasses import dataclass, field
from functools import lru_cache
from xml.parsers import expat

from ivr.i18n import N_
from ivr.reminders.imports.errors import ErrorCode, composed
from ivr.reminders.imports.files.cells import (
    MAX_COLUMNS,
    UnreadableFile,
    check_row_count,
    file_error,
    unreadable_file,
)

# All parts of a workbook, unpacked. 50,000 rows of ten columns take about 30 MB.
MAX_UNPACKED_BYTES = 100_000_000
# The library allocates 32 bytes for each cell of the rectangle around all filled cells.
MAX_CELLS = 5_000_000
_MAX_PARTS = 5000
_CHUNK_BYTES = 1 << 16
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_XML = re.compile(r".*\.(xml|rels)$", re.IGNORECASE)
_CELL_REFERENCE = re.compile(r"([A-Z]{1,3})(\d{1,7})$", re.IGNORECASE)
_WORKBOOK, _RELATIONSHIPS = "xl/workbook.xml", "xl/_rels/workbook.xml.rels"
# Kinds of zip files: the prefix of a part's name, and the sentence; it is empty for XLSX.
_ZIP_KINDS = (
    ("xl/workbook.bin", N_("it is a binary workbook (.xlsb). Save it as XLSX.")),
    ("xl/", ""),
    ("word/", N_("it is a Word document. Copy its table into a spreadsheet and save it as XLSX or CSV.")),
    ("ppt/", N_("it is a presentation. Save the appointments as XLSX or CSV.")),
    ("content.xml", N_("it is an OpenDocument file (.ods). Save it as XLSX or CSV.")),
    ("Index/", N_("it is a Numbers document. Export it as XLSX or CSV.")),
    ("", N_("it is a compressed folder (.zip). Unpack it and import the file inside.")),
)
_ODD_COMPRESSION = N_("it is compressed in a way that spreadsheet programs do not use. Save it again as XLSX or CSV.")
_TOO_LARGE = N_("This file is larger than {most} unpacked: split it, or save it as CSV, which has no limit.")


@dataclass
class SheetFacts:
    """filled_rows: the number of rows with a filled cell. hidden: those of them that are hidden, as numbers."""

    filled_rows: int = 0
    hidden: set[int] = field(default_factory=set)


@dataclass
class SafeWorkbook:
    """data: the copy. sheets: facts by the name of the sheet."""

    data: bytes
    sheets: dict[str, SheetFacts]


def safe_workbook(data: bytes) -> SafeWorkbook:
    """Raises UnreadableFile if it is too large or another kind of file, and other errors if it is damaged."""
    copy, facts, xml = io.BytesIO(), dict[str, SheetFacts](), dict[str, bytes]()
    with zipfile.ZipFile(io.BytesIO(data)) as archive, zipfile.ZipFile(copy, "w", zipfile.ZIP_STORED) as safe:
        parts = archive.infolist()
        _check_kind(parts)
        unpacked = 0
        for part in parts:
            content = _unpack(archive, part, MAX_UNPACKED_BYTES - unpacked)
            unpacked += len(content)
            if _XML.match(part.filename):
                name = part.filename.lower()
                if name in facts:
                    raise zipfile.BadZipFile
                try:
                    facts[name] = _SheetScan().scan(content)
                except expat.ExpatError:
                    if name.startswith("xl/"):
                        raise
                    continue
                safe.writestr(part.filename, content)
                if name in (_WORKBOOK, _RELATIONSHIPS):
                    xml[name] = content
    targets = _targets(xml.get(_RELATIONSHIPS, b""))
    sheets = {name: facts.get(targets.get(target, ""), SheetFacts()) for name, target in _sheets(xml[_WORKBOOK])}
    return SafeWorkbook(copy.getvalue(), sheets)


def _check_kind(parts: list[zipfile.ZipInfo]) -> None:
    if len(parts) > _MAX_PARTS:
        raise zipfile.BadZipFile
    names = [part.filename for part in parts]
    sentence = next(text for prefix, text in _ZIP_KINDS if not prefix or any(n.startswith(prefix) for n in names))
    if sentence:
        raise unreadable_file(sentence)
    if any(part.flag_bits & 1 for part in parts):
        raise file_error(ErrorCode.ENCRYPTED)
    if any(part.compress_type not in _METHODS for part in parts):
        raise unreadable_file(_ODD_COMPRESSION)


def _unpack(archive: zipfile.ZipFile, part: zipfile.ZipInfo, most: int) -> bytes:
    content = io.BytesIO()
    with archive.open(part) as opened:
        while chunk := opened.read(_CHUNK_BYTES):
            content.write(chunk)
            if content.tell() > most:
                raise UnreadableFile(
                    composed(
                        0, "", ErrorCode.TOO_LARGE, (_TOO_LARGE, {"most": f"{MAX_UNPACKED_BYTES // 1_000_000} MB"})
                    )
                )
    return content.getvalue()


class _SheetScan:
    """Finds the last row and column with a filled cell, and the hidden rows, in the XML of a sheet."""

    def __init__(self) -> None:
        self._facts = SheetFacts()
        self._in_data = self._hidden = False
        self._row = self._column = self._last_row = self._last_column = 0
        self._handlers = {"row": self._on_row, "c": self._on_cell, "v": self._on_value, "is": self._on_value}

    def scan(self, content: bytes) -> SheetFacts:
        """The facts of a sheet, or of a part that is not a sheet. Raises UnreadableFile if the sheet is too large."""
        parser = expat.ParserCreate()
        parser.StartElementHandler = self._on_tag
        for offset in range(0, len(content), _CHUNK_BYTES):
            parser.Parse(content[offset : offset + _CHUNK_BYTES], False)
            check_row_count(self._facts.filled_rows - 1)
            if self._last_row * self._last_column > MAX_CELLS or self._last_column > MAX_COLUMNS:
                raise unreadable_file(
                    N_(
                        "a cell is far from the list, in row {row} or column {column}. Delete everything that is not"
                        " part of the list, or save the list as CSV."
                    ),
                    row=self._last_row,
                    column=self._last_column,
                )
        parser.Parse(b"", True)
        return self._facts

    def _on_tag(self, tag: str, attributes: dict[str, str]) -> None:
        tag = tag.rpartition(":")[2]
        if tag == "sheetData":
            self._in_data = True
        elif self._in_data and (handler := self._handlers.get(tag)):
            handler(attributes)

    def _on_row(self, attributes: dict[str, str]) -> None:
        self._row = int(attributes.get("r", self._row + 1))
        self._column = 0
        self._hidden = attributes.get("hidden") in ("1", "true")

    def _on_cell(self, attributes: dict[str, str]) -> None:
        reference = _CELL_REFERENCE.match(attributes.get("r", ""))
        self._column = _column_number(reference[1].upper()) if reference else self._column + 1
        self._row = int(reference[2]) if reference else self._row

    def _on_value(self, _attributes: dict[str, str]) -> None:
        if self._row != self._last_row:
            self._facts.filled_rows += 1
            self._last_row = max(self._last_row, self._row)
            if self._hidden:
                self._facts.hidden.add(self._row)
        self._last_column = max(self._last_column, self._column)


@lru_cache(maxsize=1000)
def _column_number(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - ord("A") + 1
    return number


def _targets(relationships: bytes) -> dict[str, str]:
    """The names of parts, in lowercase, by relationship id."""
    return {
        attributes.get("Id", ""): posixpath.normpath(posixpath.join("/xl", attributes.get("Target", "")))[1:].lower()
        for attributes in _elements(relationships, "Relationship")
    }


def _sheets(workbook: bytes) -> list[tuple[str, str]]:
    """The name and the relationship id of each sheet."""
    found = []
    for attributes in _elements(workbook, "sheet"):
        target = next((value for name, value in attributes.items() if name.rpartition(":")[2] == "id"), "")
        found.append((attributes.get("name", ""), target))
    return found


def _elements(xml: bytes, tag: str) -> list[dict[str, str]]:
    """The attributes of all elements with a tag."""
    found: list[dict[str, str]] = []

    def on_tag(name: str, attributes: dict[str, str]) -> None:
        if name.rpartition(":")[2] == tag:
            found.append(attributes)

    if xml:
        parser = expat.ParserCreate()
        parser.StartElementHandler = on_tag
        parser.Parse(xml, True)
    return found
