"""File formats: each reader yields (row number, cells by column name). Cells are text; their meaning is in `rows`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from ivr.i18n import N_
from ivr.reminders.imports.errors import RowError
from ivr.reminders.imports.files.cells import ReadOptions, Row, Source, UnreadableFile, unreadable_file
from ivr.reminders.imports.files.formats import is_harmless, reader_for
from ivr.reminders.imports.files.json_file import NOT_FHIR, read_json
from ivr.reminders.imports.files.parent import read_in_child
from ivr.reminders.imports.files.xlsx import read_xlsx

__all__ = ["ReadOptions", "UnreadableFile", "read_rows", "unreadable_file"]

_OS_ERRORS: dict[type[OSError], str] = {
    FileNotFoundError: N_("there is no such file. Check its name."),
    IsADirectoryError: N_("it is a folder. Choose a file in it."),
    PermissionError: N_("you do not have permission to open it. Ask its owner."),
}
_OTHER_OS_ERROR = N_("{error}. Save the file again and retry.")


def read_rows(
    path: Path, options: ReadOptions, warnings: list[RowError], expect: Callable[[int], None] = lambda _rows: None
) -> Iterator[Row]:
    """Each row of a file with its number. In tables the header is row 1; in JSON the first appointment is row 1.

    Cells beyond the last column name are under EXTRA_CELLS. Warnings about the file are added to `warnings`. A file
    that can take much memory or time is read in a child process with limits; `expect` is then called with about how
    many rows there are, or 0. Raises UnreadableFile before the first row for a problem with the whole file, or later
    at a damaged row.
    """
    try:
        with path.open("rb") as raw:
            reader, source = reader_for(raw), Source(raw, options, warnings, expect)
            if (options.sheet or options.hidden_rows) and reader is not read_xlsx:
                raise unreadable_file(N_("it is not an XLSX workbook. Leave out --sheet and --hidden-rows."))
            if options.fhir and reader is not read_json:
                raise unreadable_file(NOT_FHIR)
            yield from (reader if is_harmless(reader, raw) else read_in_child)(source)
    except OSError as error:
        sentence = _OS_ERRORS.get(type(error), _OTHER_OS_ERROR)
        raise unreadable_file(sentence, error=error.strerror or error) from None
