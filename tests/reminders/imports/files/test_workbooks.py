"""Workbooks: numbers and dates become text, hidden rows and other sheets are reported, and bad ones are refused."""

from __future__ import annotations

from datetime import date, datetime, time

import pytest

from ivr.reminders.imports.files import ReadOptions, UnreadableFile
from ivr.reminders.imports.files import read_rows as read_with_warnings
from tests.reminders.imports.files.reading import read_rows
from tests.support.workbooks import workbook

HALF_PAST = datetime.fromisoformat("2026-12-01T14:30")
LIST = [
    ("Appointment ID", "Phone Number", "Date/Time", "First Name", "Site"),
    (1042.0, 6035550123.0, HALF_PAST, "Zoë", None),
    (None, None, None, None, None),
    ("A7", "603-555-0124", datetime.fromisoformat("2026-12-01T09:20"), True, 3.5),
]
READ_LIST = [
    (
        2,
        {
            "appointment_id": "1042",
            "phone": "6035550123",
            "starts_at": "2026-12-01T14:30:00",
            "first_name": "Zoë",
            "site": "",
        },
    ),
    (
        4,
        {
            "appointment_id": "A7",
            "phone": "603-555-0124",
            "starts_at": "2026-12-01T09:20:00",
            "first_name": "true",
            "site": "3.5",
        },
    ),
]
NOTES = [("Written by", "Ann"), ("on", date(2026, 12, 1))]


def test_numbers_and_dates_in_a_workbook_become_text_as_people_type_it(read):
    assert read(workbook({"Sheet1": LIST}), "list.csv") == READ_LIST


@pytest.mark.parametrize(
    ("sheets", "hidden"),
    [({"Notes": NOTES, "List": LIST}, ""), ({"Blank": [], "List": LIST}, ""), ({"Old": LIST[:2], "New": LIST}, "Old")],
    ids=["after notes", "after an empty sheet", "next to a hidden sheet"],
)
def test_the_sheet_with_the_required_columns_is_found(read, sheets, hidden):
    assert read(workbook(sheets, hidden), "list.xlsx") == READ_LIST


def test_a_list_that_starts_below_row_1_keeps_its_row_numbers(read):
    rows = read(workbook({"Sheet1": [(), (), *((None, *row) for row in LIST)]}))
    assert rows == [(number + 2, cells) for number, cells in READ_LIST]


def test_a_date_column_and_a_time_column_in_a_workbook_are_joined(read):
    sheet = [("Appt", "Phone", "Date", "Time"), (1.0, 6035550123.0, date(2026, 12, 1), time(14, 30))]
    ((_, cells),) = read(workbook({"Sheet1": sheet}))
    assert cells["starts_at"] == "2026-12-01 14:30:00"


HIDDEN = [
    ("hidden rows", {"A": LIST}, {}, [2], [(0, "hidden_rows", "row 4.")]),
    ("hidden rows that are asked for", {"A": LIST}, {"hidden_rows": True}, [2, 4], []),
    ("an empty hidden row", {"A": [*LIST[:1], LIST[3], (), ()]}, {}, [2], []),
    ("another list", {"A": LIST[:3], "B": LIST[:3]}, {}, [2], [(0, "other_sheets", ": B.")]),
    ("notes", {"Notes": NOTES, "A": LIST[:3]}, {}, [2], [(0, "other_sheets", ": Notes.")]),
    ("an empty sheet", {"A": LIST[:3], "B": []}, {}, [2], []),
    ("the other list", {"A": LIST, "Big List": LIST[:3]}, {"sheet": "big list"}, [2], []),
]


@pytest.mark.parametrize(
    ("sheets", "options", "numbers", "expected"), [case[1:] for case in HIDDEN], ids=[case[0] for case in HIDDEN]
)
def test_hidden_rows_and_other_sheets_are_reported_and_read_only_if_asked_for(
    tmp_path, sheets, options, numbers, expected
):
    (tmp_path / "list.xlsx").write_bytes(workbook(sheets, hidden_rows=[4]))
    warnings = []
    rows = list(read_with_warnings(tmp_path / "list.xlsx", ReadOptions(**options), warnings))
    assert [number for number, _ in rows] == numbers
    assert [(warning.row, warning.code) for warning in warnings] == [case[:2] for case in expected]
    assert all(part in warning.message for (_, _, part), warning in zip(expected, warnings, strict=True))


def test_a_sheet_that_does_not_exist_is_reported_with_the_names_of_the_others(tmp_path):
    (tmp_path / "list.xlsx").write_bytes(workbook({"A": LIST, "B": NOTES}))
    with pytest.raises(UnreadableFile, match="no sheet with that name. Use one of these: A, B."):
        list(read_rows(tmp_path / "list.xlsx", sheet="C"))


@pytest.mark.parametrize("options", [{"sheet": "A"}, {"hidden_rows": True}])
def test_an_option_for_workbooks_is_refused_for_other_files(tmp_path, options):
    (tmp_path / "list.csv").write_text("appointment_id,phone,starts_at\n")
    with pytest.raises(UnreadableFile, match="not an XLSX workbook"):
        list(read_rows(tmp_path / "list.csv", **options))


FAR = '<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
HUGE = '<row r="1"><c r="A1"><v>1</v></c></row>' + " " * 120_000_000
MANY = "<row><c><v>1</v></c><c><v>1</v></c></row>" * 50_002
UNREADABLE_WORKBOOKS = [
    ("only empty sheets", lambda: workbook({"A": [], "B": []}), "file_empty", "empty"),
    ("only column names", lambda: workbook({"A": LIST[:1]}), "file_no_rows", "no appointments below"),
    (
        "other columns",
        lambda: workbook({"A": NOTES, "B": NOTES}),
        "column_missing",
        "appointment_id, phone, and starts",
    ),
    ("a stray cell far away", lambda: workbook({"A": FAR}), "file_unreadable", "far from the list, in row 1048576"),
    ("a zip bomb", lambda: workbook({"A": HUGE}), "file_too_large", "100 MB unpacked"),
    ("too many rows", lambda: workbook({"A": MANY}), "file_too_many_rows", "50,000 rows: split it, or save it as CSV"),
    ("too large", lambda: b"PK\x03\x04" + bytes(20_000_000), "file_too_large", "20 MB: split it, or save it as CSV"),
    ("cut off", lambda: workbook({"A": LIST})[:-100], "file_unreadable", "damaged"),
    ("a broken sheet", lambda: workbook({"A": "<row><c>"}), "file_unreadable", "damaged"),
    ("an enormous cell", lambda: workbook({"A": [*LIST, ("X" * 10_001,)]}), "file_unreadable", "a cell in row 5"),
]


@pytest.mark.parametrize(
    ("make", "code", "part"),
    [case[1:] for case in UNREADABLE_WORKBOOKS],
    ids=[case[0] for case in UNREADABLE_WORKBOOKS],
)
def test_an_unreadable_workbook_is_reported(error_of, make, code, part):
    error = error_of(make(), "list.xlsx")
    assert error.code == code
    assert part in error.message
