"""Appointment files as spreadsheets and people make and name them, uploaded: a made-up one of each kind."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest

from ivr.web.console.reminders.uploads import safe_name
from tests.support.clinic import Clinic
from tests.support.workbooks import workbook
from tests.web.console.conftest import Console
from tests.web.console.reminders.upload_support import number, upload

HEADER = ("appointment_id", "phone", "starts_at", "first_name")
ROW = ("A1", "603-555-0101", "2026-12-10 09:30", "Zoë")
DATED = ("A1", 6035550101.0, datetime.fromisoformat("2026-12-10T09:30"), "Zoë")
TEXT = f"{','.join(HEADER)}\n{','.join(ROW)}\n"
# Of cells that are merged, only the first has a value.
MERGED = ("A2", None, "2026-12-10 09:40", "Ann")

# A file, its name, and how many rows are new and have faults.
READ = {
    "the encoding of Windows": (TEXT.encode("cp1252"), "list.csv", 1, 0),
    "UTF-16, as Excel saves Unicode text": (TEXT.replace(",", "\t").encode("utf-16"), "list.txt", 1, 0),
    "semicolons": (TEXT.replace(",", ";").encode(), "list.csv", 1, 0),
    "empty columns and rows": ((TEXT.replace("\n", ",,\n") + ",,,,,\n").encode(), "list.csv", 1, 0),
    "dates as numbers": (workbook({"List": [HEADER, DATED]}), "list.xlsx", 1, 0),
    "a hidden sheet": (workbook({"Old": [HEADER, ROW, ROW], "List": [HEADER, ROW]}, "Old"), "list.xlsx", 1, 0),
    "empty rows above": (workbook({"List": [(), (), HEADER, ROW]}), "list.xlsx", 1, 0),
    "two rows of names": (workbook({"List": [HEADER, HEADER, ROW]}), "list.xlsx", 1, 1),
    "merged cells": (workbook({"List": [HEADER, ROW, MERGED]}), "list.xlsx", 1, 1),
    "formulas": (f"{TEXT}=1+1,603-555-0102,=NOW(),Ann\n".encode(), "list.csv", 1, 1),
}


def bomb() -> bytes:
    return workbook({"List": '<row r="1"><c r="A1"><v>1</v></c></row>' * 3_000_000})


# What makes a file, its name, and words of what the page says. The bomb is not made for processes that only collect.
REFUSED: dict[str, tuple[Callable[[], bytes], str, str]] = {
    "a bomb": (bomb, "list.xlsx", "100 MB"),
    "a renamed PDF": (lambda: b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "list.csv", "it is a PDF"),
}


@pytest.mark.parametrize("kind", READ)
def test_an_odd_file_is_read_as_far_as_it_can_be(clinic_for_commands: Clinic, console: Console, kind: str) -> None:
    content, name, new, faults = READ[kind]
    _, page = upload(console.browser("scheduler"), content, name)
    assert (number(page, "New"), number(page, "With faults")) == (new, faults)
    assert ("Rows that need mending" in page) == bool(faults)


@pytest.mark.parametrize("kind", REFUSED)
def test_a_file_that_cannot_be_read_gets_a_sentence(clinic_for_commands: Clinic, console: Console, kind: str) -> None:
    make, name, words = REFUSED[kind]
    _, page = upload(console.browser("scheduler"), make(), name)
    assert words in page
    assert "Nothing was imported." in page
    assert 'value="import"' not in page


@pytest.mark.parametrize(
    ("given", "kept_as"),
    [
        ("week 49.csv", "week 49.csv"),
        ("C:\\Users\\ann\\list.xlsx", "list.xlsx"),
        ("../../etc/passwd", "passwd"),
        ("", "appointments"),
        ("...", "appointments"),
        ("a\0b\n.csv", "ab.csv"),
        ("مواعيد.csv", "مواعيد.csv"),
    ],
)
def test_a_file_name_is_made_safe(given: str, kept_as: str) -> None:
    assert safe_name(given) == kept_as


def test_a_long_file_name_keeps_its_ending() -> None:
    name = safe_name("🙂" * 400 + ".csv")
    assert name.endswith(".csv")
    assert len(name.encode()) <= 150
