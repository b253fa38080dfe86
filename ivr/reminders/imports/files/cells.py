"""What all file formats share: rows of cells, their limits, and the exception for a file that cannot be read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from io import BufferedReader

from ivr.i18n import N_, Values
from ivr.reminders.imports.errors import ERROR_SENTENCES, ErrorCode, RowError, composed, row_error
from ivr.storable import UNSTORABLE

Cells = dict[str, str]
Row = tuple[int, Cells]
MAX_CELL_LENGTH = 10_000
MAX_COLUMNS = 1000
# For formats that must be read into memory as a whole.
MAX_FILE_BYTES = 20_000_000
MAX_ROWS = 50_000
# A spreadsheet keeps 15 digits of a number.
_LARGEST_EXACT_NUMBER = 1e15


@dataclass(frozen=True)
class ReadOptions:
    """sheet: the name of the sheet of a workbook to read instead of the first list. hidden_rows: read them too.

    originals: add each row as written, under ORIGINALS. fhir: read nothing but FHIR, and add EXPRESSIONS.
    """

    sheet: str = ""
    hidden_rows: bool = False
    originals: bool = False
    fhir: bool = False


@dataclass(frozen=True)
class Source:
    """An open file. Its reader adds warnings about the file to `warnings`, all of them before it ends.

    expect: called before the first row with about how many there are, by readers that know.
    """

    raw: BufferedReader
    options: ReadOptions = ReadOptions()
    warnings: list[RowError] = field(default_factory=list)
    expect: Callable[[int], None] = lambda _rows: None


Reader = Callable[[Source], Iterator[Row]]


class UnreadableFile(Exception):
    """The file as a whole cannot be imported; `error` says why."""

    def __init__(self, error: RowError) -> None:
        self.error = error
        super().__init__(error.message)


def file_error(code: ErrorCode, detail: object = "") -> UnreadableFile:
    return UnreadableFile(row_error(0, "", code, detail))


def unreadable_file(reason: str, **values: object) -> UnreadableFile:
    """reason: why, and what to do: a sentence that N_ marks. values: of its fields."""
    code = ErrorCode.UNREADABLE
    fields: Values = {name: str(value) for name, value in values.items()}
    return UnreadableFile(composed(0, "", code, (ERROR_SENTENCES[code], {}), (reason, fields)))


def read_whole(raw: BufferedReader) -> bytes:
    """All bytes of a file. Raises UnreadableFile if there are more than MAX_FILE_BYTES."""
    data = raw.read(MAX_FILE_BYTES + 1)
    if len(data) > MAX_FILE_BYTES:
        raise file_error(ErrorCode.TOO_LARGE, f"{MAX_FILE_BYTES // 1_000_000} MB")
    return data


def check_row_count(rows: int) -> None:
    if rows > MAX_ROWS:
        raise file_error(ErrorCode.TOO_MANY_ROWS, f"{MAX_ROWS:,}")


def checked_cell(number: int, cell: str) -> str:
    """The cell. Raises UnreadableFile if it is too long or cannot be stored. number: its row."""
    if len(cell) > MAX_CELL_LENGTH:
        raise unreadable_file(
            N_("a cell in row {row} is longer than {most} characters. Shorten it."),
            row=number,
            most=f"{MAX_CELL_LENGTH:,}",
        )
    if not cell.isascii() and UNSTORABLE.search(cell) or "\0" in cell:
        raise unreadable_file(N_("a cell in row {row} contains invalid characters. Enter it again."), row=number)
    return cell


def number_text(value: float) -> str:
    """A number as people type it: 6035550123.0 becomes 6035550123.

    A number that may have lost digits becomes 1.23456789012346E+17, which `rows` rejects in an appointment id.
    """
    if isinstance(value, float):
        if abs(value) >= _LARGEST_EXACT_NUMBER:
            return f"{value:.14E}"
        if value.is_integer():
            return str(int(value))
    return str(value)


def listed(names: list[str], most: int = 20) -> str:
    """Names from the file in a sentence, without characters that are not printable."""
    printable = ["".join(char for char in name.strip()[:40] if char.isprintable()) for name in names[:most]]
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(printable) + more
