"""What all formats share: cells, their limits, and the one way to say that a file cannot be taken."""

from __future__ import annotations

import re
from io import BufferedReader

from ivr.reminders.imports.errors import ErrorCode, RowError, row_error

Cells = dict[str, str]
LONGEST_CELL = 10_000
# Formats that have to be in memory as a whole.
LARGEST_FILE = 20_000_000
MOST_ROWS = 50_000
# A store keeps neither, and no person writes them.
_NO_TEXT = re.compile("[\x00\ud800-\udfff]")


class UnreadableFile(Exception):
    """The file as a whole cannot be taken; `fault` says why."""

    def __init__(self, fault: RowError) -> None:
        self.fault = fault
        super().__init__(fault.message)


def unreadable_file(detail: str) -> UnreadableFile:
    return UnreadableFile(row_error(0, "", ErrorCode.UNREADABLE, detail))


def read_whole(raw: BufferedReader) -> bytes:
    """All bytes of a file of at most LARGEST_FILE."""
    data = raw.read(LARGEST_FILE + 1)
    if len(data) > LARGEST_FILE:
        raise UnreadableFile(row_error(0, "", ErrorCode.TOO_LARGE, f"{LARGEST_FILE // 1_000_000} MB"))
    return data


def refuse_too_many(rows: int) -> None:
    if rows > MOST_ROWS:
        raise UnreadableFile(row_error(0, "", ErrorCode.TOO_MANY, f"{MOST_ROWS:,}"))


def checked_cell(number: int, cell: str) -> str:
    """A cell that the ledger can keep."""
    if len(cell) > LONGEST_CELL:
        raise unreadable_file(f"a cell of row {number} is longer than {LONGEST_CELL:,} characters. Shorten it.")
    if not cell.isascii() and _NO_TEXT.search(cell) or "\0" in cell:
        raise unreadable_file(f"a cell of row {number} holds what is no text. Write it anew.")
    return cell
