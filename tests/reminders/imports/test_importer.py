"""A scheduler's file goes in: what counts as what, what is kept, and what becomes of appointments that stand."""

from __future__ import annotations

from datetime import timedelta
from itertools import count

import pytest
from sqlalchemy import event

from ivr.ledger import LedgerUnavailable
from ivr.ledger.tables import appointment, batch, person, staged_change
from ivr.people.persons import opt_out
from ivr.reminders.imports import importer, staging
from ivr.reminders.imports.duplicates import DuplicateTracker
from ivr.reminders.imports.staging import ImportStage
from ivr.reminders.reports.status import control, status
from tests.support.clinic import NOW, at, csv_text, phone, row

TOMORROW = NOW + timedelta(days=1)


def counts(report):
    return report.rows, report.accepted, report.updated, report.unchanged, report.rejected


def codes(faults):
    return [(fault.row, fault.column, fault.code) for fault in faults]


TWO = csv_text([row(1, at(8), first_name="Zoë"), row(2, at(9), first_name="José")])
WAYS = [
    ("UTF-8", TWO.encode()),
    ("UTF-16", TWO.encode("utf-16")),
    ("UTF-8 with a byte-order mark", b"\xef\xbb\xbf" + TWO.encode()),
    ("as older spreadsheets write it", TWO.encode("cp1252")),
    ("semicolons", TWO.replace(",", ";").encode()),
    ("tabs", TWO.replace(",", "\t").encode()),
    ("semicolons behind a byte-order mark", b"\xef\xbb\xbf" + TWO.replace(",", ";").encode()),
    ("Windows line ends", TWO.replace("\n", "\r\n").encode()),
    ("old Macintosh line ends", TWO.replace("\n", "\r").encode()),
    ("no line end at the end", TWO.strip().encode()),
    ("empty rows between", TWO.replace("\n", "\n\n,,\n").encode()),
    (
        "names in capitals and with spaces",
        TWO.replace("appointment_id,phone,starts_at", "Appointment ID, Phone ,STARTS-AT").encode(),
    ),
    ("other names", TWO.replace("appointment_id,phone,starts_at", "appointment,Mobile,Start").encode()),
    ("quoted cells", TWO.replace("A1", '"A1"').replace("A2", '"A2"').encode()),
    ("columns that we do not know", TWO.replace("first_name", "first_name,Doctor").encode()),
]


@pytest.mark.parametrize("written", [way[1] for way in WAYS], ids=[way[0] for way in WAYS])
def test_a_file_is_read_however_it_was_saved(clinic, tmp_path, written):
    (tmp_path / "file.csv").write_bytes(written)
    report = clinic.take_file(tmp_path / "file.csv")
    assert (counts(report), report.errors) == ((2, 2, 0, 0, 0), [])
    kept = [clinic.vault.open(one.first_name_sealed) for one in clinic.all(appointment)]
    assert kept == ["Zoë", "José"]


GOOD = csv_text(row(number, at(8)) for number in range(1500)).encode()
HEADER = b"appointment_id,phone,starts_at\n"
DAMAGED = [
    ("empty", b"", "file_empty"),
    ("nothing but a byte-order mark", b"\xef\xbb\xbf\r\n", "file_empty"),
    ("nothing but separators", b",,,\n,,,\n", "file_empty"),
    ("nothing but column names", HEADER, "file_no_rows"),
    ("column names and empty rows", HEADER + b",,\n\n", "file_no_rows"),
    ("a picture with another name", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(range(256)) * 9, "file_unreadable"),
    ("a NUL after the first thousand rows", GOOD + b"X,603-555-0101\x00,2026-12-24 10:00\n", "file_unreadable"),
    ("an enormous cell at the end", GOOD + b"X" * 200_000 + b",603-555-0101,2026-12-24 10:00\n", "file_unreadable"),
    (
        "a quotation mark that swallows the rest",
        HEADER + b'"A0,603-555-0101,2026-12-24 10:00\n' + GOOD,
        "file_unreadable",
    ),
    ("bytes of no encoding at the end", GOOD + b"\x81\x8d,603-555-0101,2026-12-24 10:00\n", "file_unreadable"),
    ("no column for the phone", b"appointment_id,starts_at\nA1,2026-12-24 10:00\n", "column_missing"),
    ("the phone twice", b"appointment_id,phone,starts_at,Mobile\nA1,1,2,3\n", "column_double"),
    ("an empty line before the names", b"\n" + TWO.encode(), "column_missing"),
]


@pytest.mark.parametrize(("written", "code"), [case[1:] for case in DAMAGED], ids=[case[0] for case in DAMAGED])
def test_of_a_file_that_cannot_be_read_nothing_is_taken(clinic, tmp_path, written, code):
    (tmp_path / "file.csv").write_bytes(written)
    report = clinic.take_file(tmp_path / "file.csv")
    assert counts(report) == (0, 0, 0, 0, 0)
    assert [(fault.row, fault.code) for fault in report.errors] == [(0, code)]
    assert report.batch is None
    assert clinic.all(appointment) == clinic.all(batch) == clinic.all(person) == []
    assert report.errors[0].message.endswith(".")


@pytest.mark.parametrize("path", ["missing.csv", "."], ids=["missing", "a folder"])
def test_a_file_that_is_not_there_is_told_in_a_sentence(clinic, tmp_path, path):
    report = clinic.take_file(tmp_path / path)
    assert [(fault.row, fault.code) for fault in report.errors] == [(0, "file_unreadable")]
    assert report.rows == 0


def test_an_import_that_dies_half_way_sends_nothing_and_running_it_again_finishes_it(
    clinic_on_each_database, monkeypatch
):
    rows = [row(number, at(1)) for number in range(30)]
    monkeypatch.setattr(importer, "CHUNK", 10)
    real, staged = ImportStage.add, []

    def dies(self, rows):
        staged.append(rows)
        if len(staged) == 3:
            raise KeyboardInterrupt
        return real(self, rows)

    monkeypatch.setattr(ImportStage, "add", dies)
    with pytest.raises(KeyboardInterrupt):
        clinic_on_each_database.take(*rows)
    assert (len(clinic_on_each_database.all(appointment)), clinic_on_each_database.claim(NOW)) == (20, [])
    monkeypatch.setattr(ImportStage, "add", real)
    report = clinic_on_each_database.take(*rows)
    assert counts(report) == (30, 10, 0, 20, 0)
    assert status(clinic_on_each_database.ledger, report.batch)["appointments"] == 30
    assert len(clinic_on_each_database.claim(NOW)) == 30


def test_the_four_numbers_add_up_and_good_rows_go_in_though_others_are_rejected(clinic):
    clinic.take(row(1, at(8)), row(2, at(8)), row(3, at(8)))
    report = clinic.take(
        row(1, at(8)),
        row(2, at(9)),
        row(3, at(8), status="cancelled"),
        row(4, at(8)),
        row(5, "yesterday"),
        row(4, at(8)),
    )
    assert counts(report) == (6, 1, 2, 1, 2)
    assert codes(report.errors) == [(6, "starts_at", "date_invalid"), (7, "appointment_id", "appointment_double")]
    assert [warning.code for warning in report.warnings] == ["absent_rows"]


def test_a_file_that_is_damaged_at_its_end_changes_nothing_that_stands(clinic, tmp_path):
    clinic.take(row(0, at(8)), row(1, at(9)))
    before = clinic.all(appointment), clinic.all(batch), clinic.all(person)
    moved = csv_text([row(number, at(10)) for number in range(1200)]).encode()
    (tmp_path / "file.csv").write_bytes(moved + b"X,603-555-0101\x00,2026-12-24 10:00\n")
    assert clinic.take_file(tmp_path / "file.csv").errors[0].code == "file_unreadable"
    assert (clinic.all(appointment), clinic.all(batch), clinic.all(person)) == before


def test_with_strict_one_bad_row_keeps_all_others_out(clinic_on_each_database):
    clinic_on_each_database.take(row(0, at(8)))
    before = (
        clinic_on_each_database.all(appointment),
        clinic_on_each_database.all(batch),
        clinic_on_each_database.all(person),
    )
    rows = [row(0, at(9)), row(1, at(8)), row(2, "yesterday")]
    report = clinic_on_each_database.take(*rows, strict=True)
    assert counts(report) == (3, 0, 0, 0, 3)
    assert codes(report.errors) == [(4, "starts_at", "date_invalid")]
    assert [told.code for told in report.warnings] == ["absent_rows", "strict"]
    assert (
        clinic_on_each_database.all(appointment),
        clinic_on_each_database.all(batch),
        clinic_on_each_database.all(person),
    ) == before
    assert counts(clinic_on_each_database.take(*rows[:2], strict=True)) == (2, 1, 1, 0, 0)


def test_a_rehearsal_tells_the_same_shows_the_first_texts_and_writes_nothing(clinic_on_each_database):
    clinic_on_each_database.take(row(1, at(8)), row(2, at(9)), row(3, at(9)))
    with clinic_on_each_database.ledger.write() as connection:
        opt_out(connection, clinic_on_each_database.vault, "+16035550102", NOW, "text", "stop")
    rows = [row(1, at(9), language="es"), row(2, at(9)), row(3, at(9)), row(4, at(8)), row(5, "soon"), row(4, at(8))]
    before = (
        clinic_on_each_database.all(appointment),
        clinic_on_each_database.all(batch),
        clinic_on_each_database.all(person),
    )
    told = clinic_on_each_database.rehearse(*rows)
    assert (
        clinic_on_each_database.all(appointment),
        clinic_on_each_database.all(batch),
        clinic_on_each_database.all(person),
    ) == before
    real = clinic_on_each_database.take(*rows)
    assert (counts(told), told.errors, told.warnings) == (counts(real), real.errors, real.warnings)
    assert (told.batch, real.preview) == (None, None)
    assert (3, "opted_out") in {(one.row, one.code) for one in told.warnings}
    assert {(text.row, text.step, text.language) for text in told.preview} >= {(2, "7d", "es"), (2, "2d", "es")}
    assert all(text.segments == 1 and "STOP" in text.words for text in told.preview)
    assert [text.at for text in told.preview if text.row == 2] == sorted(
        text.at for text in told.preview if text.row == 2
    )


PREVIEWS = [
    ("all are to come", [row(1, at(8))], [("7d", "12-02 10:00"), ("2d", "12-07 10:00"), ("1d", "12-08 10:00")]),
    ("one is due for hours already", [row(1, at(1, 20))], [("2d", "12-01 10:00"), ("1d", "12-02 08:00")]),
    ("two are due, and one a day goes", [row(1, at(1))], [("2d", "12-01 10:00")]),
    ("all are too late", [row(1, at(0, 1))], []),
    ("cancelled, or by call", [row(1, at(8), status="cancelled"), row(2, at(8), channel="call")], []),
    ("who wants no texts", [row(7, at(8))], []),
    ("of many the first three", [row(n, at(1)) for n in (7, 1, 2, 3, 4)], [("2d", "12-01 10:00")] * 3),
]


@pytest.mark.parametrize(("rows", "told"), [case[1:] for case in PREVIEWS], ids=[case[0] for case in PREVIEWS])
def test_a_rehearsal_shows_what_would_go_out_and_when(clinic, rows, told):
    clinic.take(row(70, at(30), phone=phone(7)))
    with clinic.ledger.write() as connection:
        opt_out(connection, clinic.vault, "+16035550107", NOW, "text", "stop")
    shown = clinic.rehearse(*rows).preview
    assert [(text.step, text.at[5:16].replace("T", " ")) for text in shown] == told


def test_changes_that_an_import_left_undone_are_done_when_it_is_run_again(clinic_on_each_database, monkeypatch):
    clinic_on_each_database.take(*(row(number, at(8)) for number in range(30)))
    moved = [row(number, at(9)) for number in range(30)]
    real, done = ImportStage._change_some, []

    def dies(self):
        done.append(real(self))
        raise KeyboardInterrupt

    monkeypatch.setattr(staging, "TOGETHER", 10)
    monkeypatch.setattr(ImportStage, "_change_some", dies)
    with pytest.raises(KeyboardInterrupt):
        clinic_on_each_database.take(*moved)
    monkeypatch.setattr(ImportStage, "_change_some", real)
    assert done == [10]
    assert counts(clinic_on_each_database.take(*moved)) == (30, 0, 20, 10, 0)
    assert len({one.starts_at for one in clinic_on_each_database.all(appointment)}) == 1
    assert clinic_on_each_database.all(staged_change) == []
    assert len(clinic_on_each_database.claim(NOW + timedelta(days=2))) == 30


def test_rows_of_a_batch_that_was_cancelled_are_told_and_stay_silent(clinic):
    report = clinic.take(row(1, at(1, 4)), row(2, at(1, 4)))
    control(clinic.ledger, report.batch, cancelled_at=NOW)
    again = clinic.take(row(1, at(1, 4)), row(2, at(1, 4)))
    assert counts(again) == (2, 0, 0, 2, 0)
    told = next(warning for warning in again.warnings if warning.code == "batch_cancelled")
    assert told.message.startswith("2 of these")
    assert clinic.claim(NOW) == []


def test_a_batch_that_nothing_is_new_in_is_not_made(clinic):
    first = clinic.take(row(1, at(8)))
    assert clinic.take(row(1, at(8))).batch is None
    assert [one.id for one in clinic.all(batch)] == [first.batch]


def test_faults_beyond_all_measure_are_counted(clinic, monkeypatch):
    monkeypatch.setattr(importer, "MOST_TOLD", 3)
    report = clinic.take(*(row(number, "soon") for number in range(10)))
    assert [told.code for told in report.errors] == ["date_invalid"] * 3 + ["more"]
    assert report.errors[-1].message.startswith("7 more")


def test_a_full_disk_for_temporary_files_is_told_in_a_sentence_and_nothing_is_taken(clinic, monkeypatch):
    def fill_up(self, told):
        # As SQLite does when a write to its temporary file fails.
        self._store.execute("PRAGMA max_page_count=1")
        self._store.execute("CREATE TABLE more (key INTEGER)")

    clinic.take(row(1, at(8)))
    monkeypatch.setattr(importer, "CHUNK", 2)
    monkeypatch.setattr(DuplicateTracker, "_firsts", after(2 * 2, DuplicateTracker._firsts, fill_up))
    report = clinic.take(*(row(n, at(9)) for n in range(1, 6)))
    assert [(fault.row, fault.code) for fault in report.errors] == [(0, "file_unreadable")]
    assert "disk for temporary files is full" in report.errors[0].message
    assert (report.batch, len(clinic.all(batch)), len(clinic.all(appointment))) == (None, 1, 1)
    assert clinic.all(staged_change) == []


def after(times, first, then):
    """What does one thing so many times, and then another."""
    calls = count()
    return lambda *told: (first if next(calls) < times else then)(*told)


def test_a_disk_that_fills_up_is_told_in_a_sentence_and_running_it_again_finishes_it(clinic, tmp_path):
    clinic.take(row(5000, at(8)))
    pages = clinic.ledger.engine.raw_connection()
    (held,) = pages.execute("PRAGMA page_count").fetchone()
    pages.close()

    def limit(connection, _record, _proxy, most=held + 40):
        connection.execute(f"PRAGMA max_page_count={most}")

    event.listen(clinic.ledger.engine, "checkout", limit)
    (tmp_path / "large.csv").write_bytes(GOOD)
    with pytest.raises(
        LedgerUnavailable, match=r"^The disk that holds the ledger is full: free some space and try again\.$"
    ):
        clinic.take_file(tmp_path / "large.csv")
    event.remove(clinic.ledger.engine, "checkout", limit)
    event.listen(clinic.ledger.engine, "checkout", lambda *told: limit(*told[:3], most=1 << 30))
    assert len(clinic.claim(NOW + timedelta(days=2))) == 1
    assert counts(clinic.take_file(tmp_path / "large.csv"))[0] == 1500
    assert len(clinic.all(appointment)) == 1501
