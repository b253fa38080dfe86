"""A scheduler's file becomes rows however it was saved; what cannot be read is told in one sentence."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from datetime import date, datetime, time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ivr.reminders.imports.files import EXTRA_CELLS, UnreadableFile, read_rows
from tests.support.workbooks import packed, workbook

HEADER = "appointment_id,phone,starts_at,first_name"
TWO = f"{HEADER}\nA1,603-555-0101,2026-12-24 10:00,Zoë\nA2,603-555-0102,2026-12-24 11:00,José\n"
ROWS = [
    (2, {"appointment_id": "A1", "phone": "603-555-0101", "starts_at": "2026-12-24 10:00", "first_name": "Zoë"}),
    (3, {"appointment_id": "A2", "phone": "603-555-0102", "starts_at": "2026-12-24 11:00", "first_name": "José"}),
]
LONG = f"{HEADER}\n" + "".join(f"A{n},603-555-0101,2026-12-24 10:00,Ann\n" for n in range(5000))


@pytest.fixture
def read(tmp_path):
    def rows_of(written: bytes | str, name: str = "file.csv"):
        path = tmp_path / name
        path.write_bytes(written.encode() if isinstance(written, str) else written)
        return list(read_rows(path))

    return rows_of


@pytest.fixture
def refused(read):
    def fault_of(written: bytes | str, name: str = "file.csv"):
        with pytest.raises(UnreadableFile) as caught:
            read(written, name)
        assert caught.value.fault.row == 0
        assert caught.value.fault.message.endswith(".")
        return caught.value.fault

    return fault_of


ENCODINGS = ["utf-8", "utf-8-sig", "cp1252", "utf-16", "utf-16-le", "utf-16-be"]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"], ids=["comma", "semicolon", "tab", "bar"])
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_each_encoding_with_each_delimiter_gives_the_same_rows(read, encoding, delimiter):
    assert read(TWO.replace(",", delimiter).encode(encoding)) == ROWS


WAYS = [
    ("UTF-16, big end first, with its mark", b"\xfe\xff" + TWO.encode("utf-16-be")),
    ("one cell in an older encoding", TWO.replace("José", "@").encode().replace(b"@", b"Jos\xe9")),
    ("Windows line ends", TWO.replace("\n", "\r\n").encode()),
    ("old Macintosh line ends", TWO.replace("\n", "\r").encode()),
    ("no line end at the end", TWO.strip().encode()),
    ("a delimiter of another kind in a name", TWO.replace("first_name", "first_name,a;b;c;d;e").encode()),
    ("a first line for spreadsheets", "sep=;\r\n" + TWO.replace(",", ";")),
    ("the same behind a mark", "\ufeffSEP=|\n" + TWO.replace(",", "|")),
    ("a first line that does not fit", '"sep=^"\n' + TWO),
    ("quoted cells", TWO.replace("A1", '"A1"').replace("phone", '"phone"').encode()),
]


@pytest.mark.parametrize("written", [way[1] for way in WAYS], ids=[way[0] for way in WAYS])
def test_a_csv_file_is_read_however_it_was_saved(read, written):
    assert read(written) == ROWS


def test_rows_keep_the_numbers_that_a_spreadsheet_shows(read):
    lines = TWO.splitlines()
    assert [number for number, _ in read("\n".join([lines[0], "", lines[1], ",,,", "  ", lines[2], "", ""]))] == [3, 6]


def test_a_cell_may_run_over_lines_within_quotation_marks(read):
    (_, first), (number, _) = read(TWO.replace("Zoë", '"Zoë\r\nLily"'))
    assert (first["first_name"], number) == ("Zoë\nLily", 3)


def test_a_short_row_has_empty_cells_and_what_stands_beyond_the_names_is_kept_apart(read):
    rows = read(f"{HEADER}\nA1,603-555-0101\nA2,603-555-0102,2026-12-24 10:00,Smith, Ann \nA3,1,2,3,,,\n")
    assert [(number, cells.get(EXTRA_CELLS)) for number, cells in rows] == [(2, None), (3, "Ann"), (4, None)]
    assert rows[0][1] == {"appointment_id": "A1", "phone": "603-555-0101", "starts_at": "", "first_name": ""}


def test_a_long_file_is_read_in_pieces_without_a_seam(read):
    rows = read(LONG.replace("Ann", "Zoë-Ángela").encode("utf-16"))
    assert [number for number, _ in rows] == list(range(2, 5002))
    assert {cells["first_name"] for _, cells in rows} == {"Zoë-Ángela"}


def test_rows_come_before_the_file_was_read_to_its_end(tmp_path):
    (tmp_path / "file.csv").write_text(LONG + "\0")
    rows = read_rows(tmp_path / "file.csv")
    assert next(rows)[0] == 2
    with pytest.raises(UnreadableFile):
        list(rows)


NAMES = [
    "Appointment ID,Phone Number,Date/Time,Patient First Name",
    "Appt #,Cell,Start,First Name",
    "appointmentId,phoneNumber,startsAt,firstName",
    " APPOINTMENT-ID ,Mobile,Appointment Date and Time,Given Name",
    "Appt No.,Telephone,Appointment Date,first",
    "Visit ID,Patient Phone,Appointment Time,First_Name",
]


@pytest.mark.parametrize("header", NAMES)
def test_names_of_columns_are_taken_as_people_write_them(read, header):
    assert read(TWO.replace(HEADER, header)) == ROWS


def test_a_column_that_nobody_knows_is_left_out(read):
    rows = read(TWO.replace(HEADER, "appointment_id,phone,starts_at,Favourite Dish"))
    assert [set(cells) for _, cells in rows] == [{"appointment_id", "phone", "starts_at"}] * 2


PAIRS = [
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


@pytest.mark.parametrize(("names", "cells", "moment"), PAIRS)
def test_a_date_and_a_time_make_one_moment(read, names, cells, moment):
    ((_, found),) = read(f"ID of row,Appt,Phone,{names}\n,A1,603-555-0101,{cells}\n")
    assert found["starts_at"] == moment
    assert not {"date", "time"} & set(found)


WRONG_NAMES = [
    ("appointment_id,starts_at", "column_missing", "The column phone is missing: add it to row 1."),
    ("Appt,Name", "column_missing", "The columns phone and starts_at are missing: add them to row 1."),
    (
        "A1,603-555-0101,10:00",
        "column_missing",
        "The columns appointment_id, phone and starts_at are missing: add them to row 1. "
        "If the names stand further down, delete the rows above them.",
    ),
    ("Appt,Phone,Start,Mobile", "column_double", "The columns Phone and Mobile mean the same: keep one."),
    ("Appt,Phone,Start,Phone", "column_double", "The column Phone is there twice: keep one."),
    (
        "Appt,Phone,Mobile,Cell,Lang,Language",
        "column_missing",
        "The column starts_at is missing: add it to row 1. The columns Phone, Mobile and Cell mean the same: keep one. "
        "The columns Lang and Language mean the same: keep one.",
    ),
]


@pytest.mark.parametrize(("header", "code", "sentence"), WRONG_NAMES)
def test_all_missing_and_doubled_columns_are_told_at_once(refused, header, code, sentence):
    fault = refused(f"{header}\n1,2,3,4,5,6\n")
    assert (fault.code, fault.message) == (code, sentence)


PICTURE = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(range(256)) * 9
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)
BAD = [
    ("empty", b"", "file_empty", "empty"),
    ("nothing but a mark", b"\xff\xfe", "file_empty", "empty"),
    ("nothing but separators", b";;\r\n;;", "file_empty", "empty"),
    ("nothing but names", HEADER.encode(), "file_no_rows", "no appointments below"),
    ("names and blank lines", f"{HEADER}\n\n,,,\n".encode(), "file_no_rows", "no appointments below"),
    ("a picture", PICTURE, "file_unreadable", "a picture"),
    ("a photograph", b"\xff\xd8\xff\xe0" + bytes(99), "file_unreadable", "a picture"),
    ("a PDF", b"%PDF-1.7\n" + bytes(99), "file_unreadable", "a PDF"),
    ("a web page", b"\n <html><table>", "file_unreadable", "a web page"),
    ("an old workbook", OLE, "file_unreadable", ".xls"),
    ("a workbook with a password", OLE + "EncryptedPackage".encode("utf-16-le"), "file_locked", "password"),
    ("a Word document", packed({"word/document.xml": "<w/>"}), "file_unreadable", "Word"),
    ("an OpenDocument", packed({"mimetype": "x", "content.xml": "<x/>"}), "file_unreadable", ".ods"),
    ("a binary workbook", packed({"xl/workbook.bin": "x"}), "file_unreadable", ".xlsb"),
    ("a packed file", packed({"list.csv": TWO}), "file_unreadable", "Unpack"),
    ("a NUL", f"{LONG}X,603-555-0101\0,2026-12-24 10:00\n".encode(), "file_unreadable", "row 5002 holds bytes"),
    ("a NUL in UTF-16", f"{LONG}X\0,603".encode("utf-16"), "file_unreadable", "row 5002 holds bytes"),
    ("no encoding", LONG.encode() + b"\x81\x8d,603", "file_unreadable", "row 5002 holds bytes"),
    ("half a character", TWO.encode("utf-16")[:-1], "file_unreadable", "row 3 holds bytes"),
    ("an enormous cell", LONG + "X" * 1_000_000 + ",603\n", "file_unreadable", "row 5002 has"),
    ("a line without end", LONG + "X," * 1_000_000, "file_unreadable", "row 5002 has"),
    ("an enormous name", "X" * 1_000_000, "file_unreadable", "row 1 has"),
    ("an open quotation mark", TWO + '"A3,603-555-0103,,\nA4', "file_unreadable", "row 4 has a quotation mark"),
    ("one that swallows the rest", LONG.replace("A7,", '"A7,'), "file_unreadable", "row 9 has a quotation mark"),
    ("one in the middle of a cell", TWO.replace("Zoë", '"Zoë" Lily'), "file_unreadable", "row 2 has a quotation mark"),
]


@pytest.mark.parametrize(("written", "code", "told"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
def test_what_cannot_be_read_is_told_in_a_sentence_whatever_its_name(refused, written, code, told):
    fault = refused(written)
    assert fault.code == code
    assert told in fault.message


def test_a_folder_and_a_file_that_is_not_there_are_told(tmp_path):
    for path, told in ((tmp_path, "it is a folder"), (tmp_path / "missing.csv", "no such file")):
        with pytest.raises(UnreadableFile, match=told):
            list(read_rows(path))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may open every file")
def test_a_file_that_nobody_may_open_is_told(tmp_path, refused):
    (tmp_path / "file.csv").touch(mode=0o000)
    with pytest.raises(UnreadableFile, match="may not open it"):
        list(read_rows(tmp_path / "file.csv"))


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


def test_a_workbook_gives_numbers_and_dates_as_somebody_would_type_them(read):
    assert read(workbook({"Sheet1": LIST}), "list.csv") == READ_LIST


@pytest.mark.parametrize(
    ("sheets", "hidden"),
    [({"Notes": NOTES, "List": LIST}, ""), ({"Blank": [], "List": LIST}, ""), ({"Old": LIST[:2], "New": LIST}, "Old")],
    ids=["behind notes", "behind an empty sheet", "beside a hidden one"],
)
def test_the_sheet_with_the_columns_is_found(read, sheets, hidden):
    assert read(workbook(sheets, hidden), "list.xlsx") == READ_LIST


def test_a_workbook_may_begin_lower_down_and_its_rows_keep_their_numbers(read):
    rows = read(workbook({"Sheet1": [(), (), *((None, *row) for row in LIST)]}))
    assert rows == [(number + 2, cells) for number, cells in READ_LIST]


def test_a_date_and_a_time_of_a_workbook_make_one_moment(read):
    sheet = [("Appt", "Phone", "Date", "Time"), (1.0, 6035550123.0, date(2026, 12, 1), time(14, 30))]
    ((_, cells),) = read(workbook({"Sheet1": sheet}))
    assert cells["starts_at"] == "2026-12-01 14:30:00"


FAR = '<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
HUGE = '<row r="1"><c r="A1"><v>1</v></c></row>' + " " * 120_000_000
MANY = "<row><c><v>1</v></c><c><v>1</v></c></row>" * 50_002
BAD_BOOKS = [
    ("no sheet that holds anything", lambda: workbook({"A": [], "B": []}), "file_empty", "empty"),
    ("nothing but names", lambda: workbook({"A": LIST[:1]}), "file_no_rows", "no appointments below"),
    ("other columns", lambda: workbook({"A": NOTES, "B": NOTES}), "column_missing", "appointment_id, phone and starts"),
    ("a stray cell far away", lambda: workbook({"A": FAR}), "file_unreadable", "far from the list, in row 1048576"),
    ("a bomb", lambda: workbook({"A": HUGE}), "file_too_large", "100 MB unpacked"),
    ("too many rows", lambda: workbook({"A": MANY}), "file_too_many_rows", "50,000 rows: split it, or save it as CSV"),
    ("too large", lambda: b"PK\x03\x04" + bytes(20_000_000), "file_too_large", "20 MB: split it, or save it as CSV"),
    ("cut off", lambda: workbook({"A": LIST})[:-100], "file_unreadable", "damaged"),
    ("a broken sheet", lambda: workbook({"A": "<row><c>"}), "file_unreadable", "damaged"),
    ("an enormous cell", lambda: workbook({"A": [*LIST, ("X" * 10_001,)]}), "file_unreadable", "a cell of row 5"),
]


@pytest.mark.parametrize(
    ("make", "code", "told"), [case[1:] for case in BAD_BOOKS], ids=[case[0] for case in BAD_BOOKS]
)
def test_a_workbook_that_cannot_be_read_is_told_in_a_sentence(refused, make, code, told):
    fault = refused(make(), "list.xlsx")
    assert fault.code == code
    assert told in fault.message


BEGINNINGS = [b"", TWO.encode(), b"\xff\xfe", b"PK\x03\x04", b"[", b'{"appointments": [{', workbook({"A": LIST})]


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(start=st.sampled_from(BEGINNINGS), rest=st.binary(max_size=300))
def test_any_bytes_whatever_give_rows_or_a_sentence(tmp_path, start, rest):
    _read_or_refuse(tmp_path, start + rest)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_a_workbook_or_a_list_with_changed_bytes_gives_rows_or_a_sentence(tmp_path, data):
    whole = bytearray(data.draw(st.sampled_from([workbook({"A": LIST}), TWO.encode(), json.dumps(ROWS).encode()])))
    places = st.integers(0, len(whole) - 1)
    for place, byte in data.draw(st.lists(st.tuples(places, st.integers(0, 255)), min_size=1, max_size=20)):
        whole[place] = byte
    _read_or_refuse(tmp_path, bytes(whole))


def _read_or_refuse(tmp_path, written: bytes) -> None:
    path = tmp_path / "any"
    path.write_bytes(written)
    with suppress(UnreadableFile):
        assert all(isinstance(cell, str) for _, cells in read_rows(path) for cell in cells.values())
