"""XLSX: the rows of one sheet of a workbook, read by calamine from a copy that is safe to read."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import date, datetime, time, timedelta
from typing import Any

from python_calamine import CalamineSheet, CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

from ivr.i18n import N_
from ivr.reminders.imports.errors import ErrorCode, row_warning
from ivr.reminders.imports.files.cells import (
    ReadOptions,
    Row,
    Source,
    UnreadableFile,
    check_row_count,
    checked_cell,
    file_error,
    listed,
    number_text,
    read_whole,
    unreadable_file,
)
from ivr.reminders.imports.files.table import has_required_columns, row_builder
from ivr.reminders.imports.files.workbook import SheetFacts, safe_workbook

_ENCRYPTED_PART = "EncryptedPackage".encode("utf-16-le")
_DAMAGED = N_("the workbook is damaged. Save it again as XLSX or CSV.")


def read_xlsx(source: Source) -> Iterator[Row]:
    """The rows of one sheet: the one that was asked for, or else the first that has the required columns, or else the
    first that is not empty."""
    data = read_whole(source.raw)
    with _damage_reported():
        workbook = safe_workbook(data)
        del data
        sheet = _chosen_sheet(workbook.data, source.options)
    _warn_of_other_sheets(source, sheet.name, workbook.sheets)
    facts = workbook.sheets.get(sheet.name, SheetFacts())
    hidden = facts.hidden
    # The first filled row has the names of the columns.
    source.expect(max(0, facts.filled_rows - 1))
    rows = _rows(sheet)
    header = next((values for _, values in rows if any(values)), None)
    if header is None:
        raise file_error(ErrorCode.EMPTY_FILE)
    build = row_builder(header, source.warnings, originals=source.options.originals)
    count, skipped = 0, list[str]()
    for number, values in rows:
        cells = build(values)
        if cells is None:
            continue
        count += 1
        check_row_count(count)
        if number in hidden and not source.options.hidden_rows:
            skipped.append(f"row {number}")
            continue
        yield number, {name: checked_cell(number, cell) for name, cell in cells.items()}
    if skipped:
        source.warnings.append(row_warning(0, "", "hidden_rows", listed(skipped)))
    if not count:
        raise file_error(ErrorCode.NO_ROWS)


def read_ole(source: Source) -> Iterator[Row]:
    """Always raises: OLE is the container of old Office files and of password-protected ones."""
    if _ENCRYPTED_PART in read_whole(source.raw):
        raise file_error(ErrorCode.ENCRYPTED)
    raise unreadable_file(N_("it is in an old Excel (.xls) or Word (.doc) format. Save it as XLSX or CSV."))


@contextmanager
def _damage_reported() -> Iterator[None]:
    """Turn any error that a library raises for damaged bytes, including a calamine panic, into UnreadableFile."""
    try:
        yield
    except (UnreadableFile, MemoryError):
        raise
    except BaseException as error:
        # A panic is not an Exception, and its class cannot be imported.
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        raise unreadable_file(_DAMAGED) from None


def _chosen_sheet(data: bytes, options: ReadOptions) -> CalamineSheet:
    with CalamineWorkbook.from_filelike(io.BytesIO(data)) as workbook:
        sheets = [sheet for sheet in workbook.sheets_metadata if sheet.typ == SheetTypeEnum.WorkSheet]
        if options.sheet:
            return workbook.get_sheet_by_name(_named([sheet.name for sheet in sheets], options.sheet))
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


def _named(names: list[str], wanted: str) -> str:
    for name in names:
        if name.casefold() == wanted.casefold():
            return name
    raise unreadable_file(N_("it has no sheet with that name. Use one of these: {names}."), names=listed(names))


def _warn_of_other_sheets(source: Source, chosen: str, sheets: dict[str, SheetFacts]) -> None:
    others = [name for name, facts in sheets.items() if facts.filled_rows and name != chosen]
    if others and not source.options.sheet:
        source.warnings.append(row_warning(0, "", "other_sheets", listed(others)))


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
