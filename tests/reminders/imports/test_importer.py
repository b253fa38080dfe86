"""Importing files: the counts, the errors, the dry run, and imports that die halfway."""

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
from ivr.reminders.reports.status import batch_status, control
from tests.support.clinic import NOW, at, csv_text, phone, row

TOMORROW = NOW + timedelta(days=1)


def counts(report):
    return report.rows, report.accepted, report.updated, report.unchanged, report.rejected


def codes(errors):
    return [(error.row, error.column, error.code) for error in errors]


def contents(clinic):
    return clinic.all(appointment), clinic.all(batch), clinic.all(person)


TWO = csv_text([row(1, at(8), first_name="Zoë"), row(2, at(9), first_name="José")])
VARIANTS = [
    ("UTF-8", TWO.encode()),
    ("UTF-16", TWO.encode("utf-16")),
    ("UTF-8 with a byte-order mark", b"\xef\xbb\xbf" + TWO.encode()),
    ("cp1252", TWO.encode("cp1252")),
    ("semicolons", TWO.replace(",", ";").encode()),
    ("tabs", TWO.replace(",", "\t").encode()),
    ("semicolons after a byte-order mark", b"\xef\xbb\xbf" + TWO.replace(",", ";").encode()),
    ("Windows line endings", TWO.replace("\n", "\r\n").encode()),
    ("old Macintosh line endings", TWO.replace("\n", "\r").encode()),
    ("no line ending at the end", TWO.strip().encode()),
    ("blank rows between the others", TWO.replace("\n", "\n\n,,\n").encode()),
    (
        "column names in capitals and with spaces",
        TWO.replace("appointment_id,phone,starts_at", "Appointment ID, Phone ,STARTS-AT").encode(),
    ),
    ("other column names", TWO.replace("appointment_id,phone,starts_at", "appointment,Mobile,Start").encode()),
    ("quoted cells", TWO.replace("A1", '"A1"').replace("A2", '"A2"').encode()),
    ("an unknown column", TWO.replace("first_name", "first_name,Doctor").encode()),
    ("an empty line before the column names", b"\n" + TWO.encode()),
    ("empty lines and cells before the column names", b"\xef\xbb\xbf\r\n,,,\n \n" + TWO.encode()),
    ("a space before a quoted cell", TWO.replace(",603-555-0101", ', "603-555-0101"').encode()),
]


@pytest.mark.parametrize("data", [case[1] for case in VARIANTS], ids=[case[0] for case in VARIANTS])
def test_every_csv_variant_imports_the_same_appointments(clinic, tmp_path, data):
    (tmp_path / "file.csv").write_bytes(data)
    report = clinic.import_file(tmp_path / "file.csv")
    assert (counts(report), report.errors) == ((2, 2, 0, 0, 0), [])
    names = [clinic.vault.open(stored.first_name_sealed) for stored in clinic.all(appointment)]
    assert names == ["Zoë", "José"]


GOOD = csv_text(row(number, at(8)) for number in range(1500)).encode()
HEADER = b"appointment_id,phone,starts_at\n"
DAMAGED = [
    ("empty", b"", "file_empty"),
    ("only a byte-order mark", b"\xef\xbb\xbf\r\n", "file_empty"),
    ("only delimiters", b",,,\n,,,\n", "file_empty"),
    ("only column names", HEADER, "file_no_rows"),
    ("column names and empty rows", HEADER + b",,\n\n", "file_no_rows"),
    (
        "a picture with another extension",
        b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(range(256)) * 9,
        "file_unreadable",
    ),
    ("a NUL after the first thousand rows", GOOD + b"X,603-555-0101\x00,2026-12-24 10:00\n", "file_unreadable"),
    ("an enormous cell at the end", GOOD + b"X" * 200_000 + b",603-555-0101,2026-12-24 10:00\n", "file_unreadable"),
    (
        "a quotation mark that swallows the rest",
        HEADER + b'"A0,603-555-0101,2026-12-24 10:00\n' + GOOD,
        "file_unreadable",
    ),
    ("bytes of no encoding at the end", GOOD + b"\x81\x8d,603-555-0101,2026-12-24 10:00\n", "file_unreadable"),
    ("no phone column", b"appointment_id,starts_at\nA1,2026-12-24 10:00\n", "column_missing"),
    ("two phone columns", b"appointment_id,phone,starts_at,Mobile\nA1,1,2,3\n", "column_double"),
]


@pytest.mark.parametrize(("data", "code"), [case[1:] for case in DAMAGED], ids=[case[0] for case in DAMAGED])
def test_nothing_is_imported_from_an_unreadable_file(clinic, tmp_path, data, code):
    (tmp_path / "file.csv").write_bytes(data)
    report = clinic.import_file(tmp_path / "file.csv")
    assert counts(report) == (0, 0, 0, 0, 0)
    assert [(error.row, error.code) for error in report.errors] == [(0, code)]
    assert report.batch is None
    assert contents(clinic) == ([], [], [])
    assert report.errors[0].message.endswith(".")


@pytest.mark.parametrize("path", ["missing.csv", "."], ids=["missing", "a folder"])
def test_a_missing_file_or_a_folder_is_reported(clinic, tmp_path, path):
    report = clinic.import_file(tmp_path / path)
    assert [(error.row, error.code) for error in report.errors] == [(0, "file_unreadable")]
    assert report.rows == 0


def test_an_import_that_dies_halfway_sends_nothing_and_running_it_again_finishes_it(
    clinic_on_each_database, monkeypatch
):
    rows = [row(number, at(1)) for number in range(30)]
    monkeypatch.setattr(importer, "CHUNK_SIZE", 10)
    real, staged = ImportStage.add, []

    def die_on_third_chunk(self, rows):
        staged.append(rows)
        if len(staged) == 3:
            raise KeyboardInterrupt
        return real(self, rows)

    monkeypatch.setattr(ImportStage, "add", die_on_third_chunk)
    with pytest.raises(KeyboardInterrupt):
        clinic_on_each_database.import_rows(*rows)
    assert (len(clinic_on_each_database.all(appointment)), clinic_on_each_database.claim(NOW)) == (20, [])
    monkeypatch.setattr(ImportStage, "add", real)
    report = clinic_on_each_database.import_rows(*rows)
    assert counts(report) == (30, 30, 0, 0, 0)
    assert batch_status(clinic_on_each_database.ledger, report.batch)["appointments"] == 30
    assert len(clinic_on_each_database.claim(NOW)) == 30


def test_the_counts_add_up_and_valid_rows_are_imported_even_if_others_are_rejected(clinic):
    clinic.import_rows(row(1, at(8)), row(2, at(8)), row(3, at(8)))
    report = clinic.import_rows(
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


def test_a_file_damaged_at_the_end_changes_no_existing_appointment(clinic, tmp_path):
    clinic.import_rows(row(0, at(8)), row(1, at(9)))
    before = contents(clinic)
    moved = csv_text([row(number, at(10)) for number in range(1200)]).encode()
    (tmp_path / "file.csv").write_bytes(moved + b"X,603-555-0101\x00,2026-12-24 10:00\n")
    assert clinic.import_file(tmp_path / "file.csv").errors[0].code == "file_unreadable"
    assert contents(clinic) == before


def test_a_strict_import_with_one_bad_row_imports_nothing(clinic_on_each_database):
    clinic_on_each_database.import_rows(row(0, at(8)))
    before = contents(clinic_on_each_database)
    rows = [row(0, at(9)), row(1, at(8)), row(2, "yesterday")]
    report = clinic_on_each_database.import_rows(*rows, strict=True)
    assert counts(report) == (3, 0, 0, 0, 3)
    assert codes(report.errors) == [(4, "starts_at", "date_invalid")]
    assert [warning.code for warning in report.warnings] == ["absent_rows", "strict"]
    assert contents(clinic_on_each_database) == before
    assert counts(clinic_on_each_database.import_rows(*rows[:2], strict=True)) == (2, 1, 1, 0, 0)


def test_a_dry_run_reports_the_same_counts_previews_the_first_texts_and_writes_nothing(clinic_on_each_database):
    clinic_on_each_database.import_rows(row(1, at(8)), row(2, at(9)), row(3, at(9)))
    with clinic_on_each_database.ledger.write() as connection:
        opt_out(connection, clinic_on_each_database.vault, "+16035550102", NOW, "text", "stop")
    rows = [row(1, at(9), language="es"), row(2, at(9)), row(3, at(9)), row(4, at(8)), row(5, "soon"), row(4, at(8))]
    before = contents(clinic_on_each_database)
    dry_run = clinic_on_each_database.dry_run(*rows)
    assert contents(clinic_on_each_database) == before
    real = clinic_on_each_database.import_rows(*rows)
    assert (counts(dry_run), dry_run.errors, dry_run.warnings) == (counts(real), real.errors, real.warnings)
    assert (dry_run.batch, real.preview) == (None, None)
    assert (3, "opted_out") in {(warning.row, warning.code) for warning in dry_run.warnings}
    assert {(text.row, text.step, text.language) for text in dry_run.preview} >= {(2, "7d", "es"), (2, "2d", "es")}
    assert all(text.segments == 1 and "STOP" in text.words for text in dry_run.preview)
    assert [text.at for text in dry_run.preview if text.row == 2] == sorted(
        text.at for text in dry_run.preview if text.row == 2
    )


PREVIEWS = [
    (
        "all texts are upcoming",
        [row(1, at(8))],
        [("7d", "12-02 10:00"), ("2d", "12-07 10:00"), ("1d", "12-08 10:00")],
    ),
    ("one text is hours overdue", [row(1, at(1, 20))], [("2d", "12-01 10:00"), ("1d", "12-02 08:00")]),
    ("two texts are due, but only one a day is sent", [row(1, at(1))], [("2d", "12-01 10:00")]),
    ("all texts are too late to send", [row(1, at(0, 1))], []),
    ("cancelled or contacted by call", [row(1, at(8), status="cancelled"), row(2, at(8), channel="call")], []),
    ("the patient has opted out", [row(7, at(8))], []),
    ("only the first three of many rows", [row(n, at(1)) for n in (7, 1, 2, 3, 4)], [("2d", "12-01 10:00")] * 3),
]


@pytest.mark.parametrize(("rows", "texts"), [case[1:] for case in PREVIEWS], ids=[case[0] for case in PREVIEWS])
def test_a_dry_run_shows_which_texts_would_be_sent_and_when(clinic, rows, texts):
    clinic.import_rows(row(70, at(30), phone=phone(7)))
    with clinic.ledger.write() as connection:
        opt_out(connection, clinic.vault, "+16035550107", NOW, "text", "stop")
    preview = clinic.dry_run(*rows).preview
    assert [(text.step, text.at[5:16].replace("T", " ")) for text in preview] == texts


def test_running_an_import_again_applies_its_remaining_changes(clinic_on_each_database, monkeypatch):
    clinic_on_each_database.import_rows(*(row(number, at(8)) for number in range(30)))
    moved = [row(number, at(9)) for number in range(30)]
    real, done = ImportStage._apply_some, []

    def die_after_first_chunk(self, into):
        done.append(real(self, into))
        raise KeyboardInterrupt

    monkeypatch.setattr(staging, "CHUNK_SIZE", 10)
    monkeypatch.setattr(ImportStage, "_apply_some", die_after_first_chunk)
    with pytest.raises(KeyboardInterrupt):
        clinic_on_each_database.import_rows(*moved)
    monkeypatch.setattr(ImportStage, "_apply_some", real)
    assert done == [10]
    assert counts(clinic_on_each_database.import_rows(*moved)) == (30, 0, 20, 10, 0)
    assert len({stored.starts_at for stored in clinic_on_each_database.all(appointment)}) == 1
    assert clinic_on_each_database.all(staged_change) == []
    assert len(clinic_on_each_database.claim(NOW + timedelta(days=2))) == 30


def test_rows_in_a_cancelled_batch_cause_a_warning_and_get_no_texts(clinic):
    report = clinic.import_rows(row(1, at(1, 4)), row(2, at(1, 4)))
    control(clinic.ledger, report.batch, cancelled_at=NOW)
    again = clinic.import_rows(row(1, at(1, 4)), row(2, at(1, 4)))
    assert counts(again) == (2, 0, 0, 2, 0)
    cancelled = next(warning for warning in again.warnings if warning.code == "batch_cancelled")
    assert cancelled.message.startswith("Appointments in a cancelled batch: 2.")
    assert clinic.claim(NOW) == []


def test_a_file_with_nothing_new_creates_no_batch(clinic):
    first = clinic.import_rows(row(1, at(8)))
    assert clinic.import_rows(row(1, at(8))).batch is None
    assert [stored.id for stored in clinic.all(batch)] == [first.batch]


def test_errors_beyond_the_maximum_are_counted_but_not_listed(clinic, monkeypatch):
    monkeypatch.setattr(importer, "MAX_LISTED", 3)
    report = clinic.import_rows(*(row(number, "soon") for number in range(10)))
    assert [error.code for error in report.errors] == ["date_invalid"] * 3 + ["more"]
    assert report.errors[-1].message.startswith("7 more")


def test_a_full_temporary_disk_is_reported_and_nothing_is_imported(clinic, monkeypatch):
    def fill_disk(self, values):
        # Raises the error of a failed write to a temporary file.
        self._store.execute("PRAGMA max_page_count=1")
        self._store.execute("CREATE TABLE more (key INTEGER)")

    clinic.import_rows(row(1, at(8)))
    monkeypatch.setattr(importer, "CHUNK_SIZE", 2)
    monkeypatch.setattr(DuplicateTracker, "_first_rows", switch_after(2 * 2, DuplicateTracker._first_rows, fill_disk))
    report = clinic.import_rows(*(row(n, at(9)) for n in range(1, 6)))
    assert [(error.row, error.code) for error in report.errors] == [(0, "file_unreadable")]
    assert "disk for temporary files is full" in report.errors[0].message
    assert (report.batch, len(clinic.all(batch)), len(clinic.all(appointment))) == (None, 1, 1)
    assert clinic.all(staged_change) == []


def switch_after(times, first, then):
    """A function that calls `first` the given number of times, then `then`."""
    calls = count()
    return lambda *args: (first if next(calls) < times else then)(*args)


def test_a_full_disk_is_reported_and_running_the_import_again_finishes_it(clinic, tmp_path):
    clinic.import_rows(row(5000, at(8)))
    connection = clinic.ledger.engine.raw_connection()
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.close()

    def limit(connection, _record, _proxy, max_pages=pages + 40):
        connection.execute(f"PRAGMA max_page_count={max_pages}")

    event.listen(clinic.ledger.engine, "checkout", limit)
    (tmp_path / "large.csv").write_bytes(GOOD)
    with pytest.raises(
        LedgerUnavailable, match=r"^The disk that holds the ledger is full: free some space and try again\.$"
    ):
        clinic.import_file(tmp_path / "large.csv")
    event.remove(clinic.ledger.engine, "checkout", limit)
    event.listen(clinic.ledger.engine, "checkout", lambda *args: limit(*args[:3], max_pages=1 << 30))
    assert len(clinic.claim(NOW + timedelta(days=2))) == 1
    assert counts(clinic.import_file(tmp_path / "large.csv"))[0] == 1500
    assert len(clinic.all(appointment)) == 1501
