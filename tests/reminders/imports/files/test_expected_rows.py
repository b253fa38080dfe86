"""How many rows are expected, before the first is read, so that a person sees how far it is."""

from __future__ import annotations

import json

import pytest

from ivr.reminders.imports.files import ReadOptions, UnreadableFile, read_rows
from tests.support.workbooks import workbook

HEADER = ["appointment_id", "phone", "starts_at"]
ROWS = [[f"A{number}", "603-555-0101", "2026-12-20 10:00"] for number in range(250)]
OBJECTS = [dict(zip(HEADER, row, strict=True)) for row in ROWS[:3]]
FILES = (
    ("a workbook", workbook({"Notes": [["x"]] * 9, "List": [[], HEADER, *ROWS]}), [250]),
    ("rows that a filter hides", workbook({"List": [HEADER, *ROWS]}, hidden_rows=[2, 3]), [250]),
    ("a list in JSON", json.dumps(OBJECTS).encode(), [3]),
    ("an object in JSON", json.dumps({"appointments": OBJECTS}).encode(), [3]),
    ("CSV, whose lines are not known before they are read", b"appointment_id,phone,starts_at\nA1,1,2\n", []),
)


@pytest.mark.parametrize(("content", "expected"), [case[1:] for case in FILES], ids=[case[0] for case in FILES])
def test_a_file_that_is_read_as_a_whole_says_how_many_rows_it_has(tmp_path, content, expected):
    path, seen = tmp_path / "file", list[int]()
    path.write_bytes(content)
    rows = read_rows(path, ReadOptions(), [], seen.append)
    next(rows)
    assert seen == expected


def test_a_file_that_cannot_be_read_has_no_expected_rows(tmp_path):
    path, seen = tmp_path / "file", list[int]()
    path.write_bytes(b"PK\x03\x04 damaged")
    with pytest.raises(UnreadableFile):
        list(read_rows(path, ReadOptions(), [], seen.append))
    assert seen == []
