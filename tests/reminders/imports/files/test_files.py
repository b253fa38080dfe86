"""Every format yields the same rows, and an unreadable file yields one error that says what to do."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from io import BufferedReader, BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.reminders.imports.columns import EXTRA_CELLS
from ivr.reminders.imports.files import ReadOptions, UnreadableFile
from ivr.reminders.imports.files import read_rows as read_with_warnings
from ivr.reminders.imports.files.cells import Source
from ivr.reminders.imports.files.formats import reader_for
from tests.reminders.imports.files.reading import read_rows
from tests.reminders.imports.files.test_workbooks import LIST
from tests.support.workbooks import workbook, zip_file

HEADER = "appointment_id,phone,starts_at,first_name"
TWO = f"{HEADER}\nA1,603-555-0101,2026-12-24 10:00,Zoë\nA2,603-555-0102,2026-12-24 11:00,José\n"
ROWS = [
    (2, {"appointment_id": "A1", "phone": "603-555-0101", "starts_at": "2026-12-24 10:00", "first_name": "Zoë"}),
    (3, {"appointment_id": "A2", "phone": "603-555-0102", "starts_at": "2026-12-24 11:00", "first_name": "José"}),
]
LONG = f"{HEADER}\n" + "".join(f"A{n},603-555-0101,2026-12-24 10:00,Ann\n" for n in range(5000))


ENCODINGS = ["utf-8", "utf-8-sig", "cp1252", "utf-16", "utf-16-le", "utf-16-be"]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"], ids=["comma", "semicolon", "tab", "bar"])
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_encoding_and_delimiter_yields_the_same_rows(read, encoding, delimiter):
    assert read(TWO.replace(",", delimiter).encode(encoding)) == ROWS


VARIANTS = [
    ("UTF-16 big-endian with a byte-order mark", b"\xfe\xff" + TWO.encode("utf-16-be")),
    ("one cell in cp1252", TWO.replace("José", "@").encode().replace(b"@", b"Jos\xe9")),
    ("Windows line endings", TWO.replace("\n", "\r\n").encode()),
    ("old Macintosh line endings", TWO.replace("\n", "\r").encode()),
    ("no line ending at the end", TWO.strip().encode()),
    ("other delimiters in a column name", TWO.replace("first_name", "first_name,a;b;c;d;e").encode()),
    ("a line that names the delimiter", "sep=;\r\n" + TWO.replace(",", ";")),
    ("a line that names the delimiter, after a byte-order mark", "\ufeffSEP=|\n" + TWO.replace(",", "|")),
    ("a line that names an unknown delimiter", '"sep=^"\n' + TWO),
    ("a space before quoted cells", TWO.replace(",603-555-0101", ', "603-555-0101"')),
    ("quoted cells", TWO.replace("A1", '"A1"').replace("phone", '"phone"').encode()),
]


@pytest.mark.parametrize("content", [case[1] for case in VARIANTS], ids=[case[0] for case in VARIANTS])
def test_every_csv_variant_yields_the_same_rows(read, content):
    assert read(content) == ROWS


def test_rows_are_numbered_as_in_a_spreadsheet(read):
    lines = TWO.splitlines()
    assert [number for number, _ in read("\n".join([lines[0], "", lines[1], ",,,", "  ", lines[2], "", ""]))] == [3, 6]


def test_a_quoted_cell_may_contain_a_line_break(read):
    (_, first), (number, _) = read(TWO.replace("Zoë", '"Zoë\r\nLily"'))
    assert (first["first_name"], number) == ("Zoë\nLily", 3)


def test_a_short_row_has_empty_cells_and_the_extra_cells_of_a_long_row_are_kept_separate(read):
    rows = read(f"{HEADER}\nA1,603-555-0101\nA2,603-555-0102,2026-12-24 10:00,Smith, Ann \nA3,1,2,3,,,\n")
    assert [(number, cells.get(EXTRA_CELLS)) for number, cells in rows] == [(2, None), (3, "Ann"), (4, None)]
    assert rows[0][1] == {"appointment_id": "A1", "phone": "603-555-0101", "starts_at": "", "first_name": ""}


def test_reading_a_long_file_in_chunks_splits_no_row_or_character(read):
    rows = read(LONG.replace("Ann", "Zoë-Ángela").encode("utf-16"))
    assert [number for number, _ in rows] == list(range(2, 5002))
    assert {cells["first_name"] for _, cells in rows} == {"Zoë-Ángela"}


def test_rows_are_yielded_before_the_whole_file_is_read(tmp_path):
    (tmp_path / "file.csv").write_text(LONG + "\0")
    rows = read_rows(tmp_path / "file.csv")
    assert next(rows)[0] == 2
    with pytest.raises(UnreadableFile):
        list(rows)


HEADERS = [
    "Appointment ID,Phone Number,Date/Time,Patient First Name",
    "Appt #,Cell,Start,First Name",
    "appointmentId,phoneNumber,startsAt,firstName",
    " APPOINTMENT-ID ,Mobile,Appointment Date and Time,Given Name",
    "Appt No.,Telephone,Appointment Date,first",
    "Visit ID,Patient Phone,Appointment Time,First_Name",
]


@pytest.mark.parametrize("header", HEADERS)
def test_common_variants_of_column_names_are_recognized(read, header):
    assert read(TWO.replace(HEADER, header)) == ROWS


UNREAD = [
    ("appointment_id,phone,starts_at,Favorite Dish", "Favorite Dish"),
    ("appointment_id,phone,starts_at,", None),
    ("appointment_id,phone,starts_at,date,first_name,a,b", "date, a, b"),
    ("appointment_id,phone,starts_at," + ",".join(f"c{n}" for n in range(25)), "c18, c19 and 5 more"),
    ("appointment_id,phone,starts_at,first_name", None),
]


@pytest.mark.parametrize(("header", "named"), UNREAD)
def test_one_warning_names_the_columns_that_are_not_read(tmp_path, header, named):
    (tmp_path / "file.csv").write_text(TWO.replace(HEADER, header))
    warnings = []
    rows = list(read_with_warnings(tmp_path / "file.csv", ReadOptions(), warnings))
    assert [cells["appointment_id"] for _, cells in rows] == ["A1", "A2"]
    assert [(warning.row, warning.code) for warning in warnings] == ([(1, "columns_unread")] if named else [])
    assert all(f"{named}." in warning.message for warning in warnings)


FLAGS = [
    ("Canceled", "canceled"),
    ("Is Cancelled?", "canceled"),
    ("Marked as No-Show", "no_show"),
    ("PermissionToSendSMS", "permission"),
    ("Okay to text", "permission"),
    ("OK to SMS", "permission"),
    ("SMS Opt-In", "permission"),
    ("Do Not Text", "no_texts"),
    ("SMS Opt-Out", "no_texts"),
]


@pytest.mark.parametrize(("name", "column"), FLAGS)
def test_columns_that_answer_yes_or_no_are_recognized(read, name, column):
    assert [cells[column] for _, cells in read(TWO.replace("first_name", name))] == ["Zoë", "José"]


DATES_AND_TIMES = [
    ("Date,Time", "12/24/2026,2:30 PM", "12/24/2026 2:30 PM"),
    ("Appointment Time,Appointment Date", "14:30,2026-12-24", "2026-12-24 14:30"),
    ("Appt Date,Start", "2026-12-24,14:30", "2026-12-24 14:30"),
    ("Date,Start Time", "2026-12-24 00:00:00.000,14:30:00", "2026-12-24 14:30:00"),
    ("Date,Time", "2026-12-24,1899-12-30 14:30:00", "2026-12-24 14:30:00"),
    ("Date,Time", "2026-12-24,", "2026-12-24"),
    ("Date,Time", ",", ""),
    ("Date,starts_at", "2026-01-01,2026-12-24 14:30", "2026-12-24 14:30"),
    ("Date of birth,Start", "1960-01-01,2026-12-24 14:30", "2026-12-24 14:30"),
    ("Site,Date", "main,12/24/2026 14:30", "12/24/2026 14:30"),
]


@pytest.mark.parametrize(("names", "values", "starts_at"), DATES_AND_TIMES)
def test_a_date_column_and_a_time_column_are_joined(read, names, values, starts_at):
    ((_, cells),) = read(f"ID of row,Appt,Phone,{names}\n,A1,603-555-0101,{values}\n")
    assert cells["starts_at"] == starts_at
    assert not {"date", "time"} & set(cells)


WRONG_HEADERS = [
    ("appointment_id,starts_at", "column_missing", "The column phone is missing: add it to row 1."),
    ("Appt,Name", "column_missing", "The columns phone and starts_at are missing: add them to row 1."),
    (
        "A1,603-555-0101,10:00",
        "column_missing",
        "The columns appointment_id, phone, and starts_at are missing: add them to row 1. "
        "If the column names are farther down, delete the rows above them.",
    ),
    ("Appt,Phone,Start,Mobile", "column_double", "The columns Phone and Mobile mean the same thing: keep one."),
    ("Appt,Phone,Start,Phone", "column_double", "The column Phone appears twice: keep one."),
    (
        "Appt,Phone,Mobile,Cell,Lang,Language",
        "column_missing",
        "The column starts_at is missing: add it to row 1. The columns Phone, Mobile, and Cell mean the same thing: "
        "keep one. The columns Lang and Language mean the same thing: keep one.",
    ),
]


@pytest.mark.parametrize(("header", "code", "sentence"), WRONG_HEADERS)
def test_all_missing_and_duplicate_columns_are_reported_at_once(error_of, header, code, sentence):
    error = error_of(f"{header}\n1,2,3,4,5,6\n")
    assert (error.code, error.message) == (code, sentence)


PICTURE = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(range(256)) * 9
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)
UNREADABLE = [
    ("empty", b"", "file_empty", "empty"),
    ("only a byte-order mark", b"\xff\xfe", "file_empty", "empty"),
    ("only delimiters", b";;\r\n;;", "file_empty", "empty"),
    ("only column names", HEADER.encode(), "file_no_rows", "no appointments below"),
    ("column names and blank lines", f"{HEADER}\n\n,,,\n".encode(), "file_no_rows", "no appointments below"),
    ("a picture", PICTURE, "file_unreadable", "a picture"),
    ("a photo", b"\xff\xd8\xff\xe0" + bytes(99), "file_unreadable", "a picture"),
    ("a PDF", b"%PDF-1.7\n" + bytes(99), "file_unreadable", "a PDF"),
    ("a web page", b"\n <html><table>", "file_unreadable", "a web page"),
    ("an old workbook", OLE, "file_unreadable", ".xls"),
    ("a workbook with a password", OLE + "EncryptedPackage".encode("utf-16-le"), "file_locked", "password"),
    ("a Word document", zip_file({"word/document.xml": "<w/>"}), "file_unreadable", "Word"),
    ("an OpenDocument spreadsheet", zip_file({"mimetype": "x", "content.xml": "<x/>"}), "file_unreadable", ".ods"),
    ("a binary workbook", zip_file({"xl/workbook.bin": "x"}), "file_unreadable", ".xlsb"),
    ("a zip archive", zip_file({"list.csv": TWO}), "file_unreadable", "Unpack"),
    ("a NUL", f"{LONG}X,603-555-0101\0,2026-12-24 10:00\n".encode(), "file_unreadable", "row 5002 contains bytes"),
    ("a NUL in UTF-16", f"{LONG}X\0,603".encode("utf-16"), "file_unreadable", "row 5002 contains bytes"),
    ("bytes of no encoding", LONG.encode() + b"\x81\x8d,603", "file_unreadable", "row 5002 contains bytes"),
    ("half a character", TWO.encode("utf-16")[:-1], "file_unreadable", "row 3 contains bytes"),
    ("an enormous cell", LONG + "X" * 1_000_000 + ",603\n", "file_unreadable", "row 5002 has"),
    ("an endless line", LONG + "X," * 1_000_000, "file_unreadable", "row 5002 has"),
    ("an enormous column name", "X" * 1_000_000, "file_unreadable", "row 1 has"),
    (
        "an unclosed quotation mark",
        TWO + '"A3,603-555-0103,,\nA4',
        "file_unreadable",
        "row 4 has an unclosed quotation mark",
    ),
    (
        "a quotation mark that swallows the rest",
        LONG.replace("A7,", '"A7,'),
        "file_unreadable",
        "row 9 has an unclosed quotation mark",
    ),
    (
        "a quotation mark in the middle of a cell",
        TWO.replace("Zoë", '"Zoë" Lily'),
        "file_unreadable",
        "row 2 has an unclosed quotation mark",
    ),
]


@pytest.mark.parametrize(
    ("content", "code", "part"), [case[1:] for case in UNREADABLE], ids=[case[0] for case in UNREADABLE]
)
def test_an_unreadable_file_is_reported_whatever_its_extension(error_of, content, code, part):
    error = error_of(content)
    assert error.code == code
    assert part in error.message


def test_a_folder_and_a_missing_file_are_reported(tmp_path):
    for path, sentence in ((tmp_path, "it is a folder"), (tmp_path / "missing.csv", "no such file")):
        with pytest.raises(UnreadableFile, match=sentence):
            list(read_rows(path))


@pytest.mark.skipif(os.geteuid() == 0, reason="root can open every file")
def test_a_file_without_read_permission_is_reported(tmp_path):
    (tmp_path / "file.csv").touch(mode=0o000)
    with pytest.raises(UnreadableFile, match="do not have permission"):
        list(read_rows(tmp_path / "file.csv"))


STARTS = [b"", TWO.encode(), b"\xff\xfe", b"PK\x03\x04", b"[", b'{"appointments": [{', workbook({"A": LIST})]


@settings(max_examples=200, deadline=None)
@given(start=st.sampled_from(STARTS), rest=st.binary(max_size=300))
def test_any_bytes_yield_rows_or_an_error(start, rest):
    _assert_rows_or_error(start + rest)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_file_with_changed_bytes_yields_rows_or_an_error(data):
    content = bytearray(data.draw(st.sampled_from([workbook({"A": LIST}), TWO.encode(), json.dumps(ROWS).encode()])))
    offsets = st.integers(0, len(content) - 1)
    for offset, byte in data.draw(st.lists(st.tuples(offsets, st.integers(0, 255)), min_size=1, max_size=20)):
        content[offset] = byte
    _assert_rows_or_error(bytes(content))


def _assert_rows_or_error(content: bytes) -> None:
    """In this process, because a child process for each example takes too long."""
    raw = BufferedReader(BytesIO(content))
    with suppress(UnreadableFile):
        assert all(isinstance(cell, str) for _, cells in reader_for(raw)(Source(raw)) for cell in cells.values())
