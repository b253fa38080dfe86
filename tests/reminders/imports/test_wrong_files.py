"""Appointments that come in wrong: each row is understood, or refused or doubted with a sentence."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ivr.ledger.tables import appointment
from tests.reminders.imports.test_importer import counts
from tests.reminders.imports.wrong_files import FILES, PHONES, ZONES
from tests.support.clinic import NOW, at, csv_text, row
from tests.support.paths import SHARED

SHARED_FILES = SHARED / "cases" / "imports"
BOOKED = (0, 1, 2, 3, 4, 5, 6, 7, 25, 29)
ATTENDED = (8, 9, 10, 11, 12, 22, 23, 24)
CANCELLED = (14, 15, 16, 27, 28, 30, 31)
MISSED = (17, 18, 19, 20, 21, 26)
STATUSES = {
    f"S{number:02}": status
    for status, numbers in (("booked", BOOKED), ("attended", ATTENDED), ("cancelled", CANCELLED), ("missed", MISSED))
    for number in numbers
}
GOOD_PHONES = [*range(17), 22, 24, *range(38, 46)]
TWO_PHONES, DAMAGED_PHONES = (19, 21), (23,)
PHONE_ERRORS = {number: "phone_invalid" for number in range(len(PHONES)) if number not in GOOD_PHONES}
PHONE_ERRORS |= dict.fromkeys(TWO_PHONES, "phone_two") | dict.fromkeys(DAMAGED_PHONES, "phone_excel")
FIXED_ZONES = [8, 9, 10, 17]


def booked(*names: str) -> dict[str, str]:
    return dict.fromkeys(names, "booked")


# The files, in order; the statuses in the ledger; the errors and the warnings of the last file, as (row, code).
CASES = [
    (["cancelled-column.csv"], {"aaaa-1": "booked", "aaaa-2": "cancelled"}, [], [(1, "columns_unread")]),
    (["permission-column.csv"], booked("A1", "A2"), [], [(1, "columns_unread"), (3, "no_permission")]),
    (["status-words.csv"], STATUSES, [(15, "status_unknown")], [(27, "not_agreed")]),
    (
        ["phones.csv"],
        booked(*(f"P{number:02}" for number in GOOD_PHONES)),
        [(number + 2, code) for number, code in sorted(PHONE_ERRORS.items())],
        [],
    ),
    (
        ["zones-july.csv"],
        booked(*(f"Z{number:02}" for number in range(len(ZONES)))),
        [],
        [(number + 2, "fixed_offset") for number in FIXED_ZONES],
    ),
    (["hidden-rows.xlsx"], booked("1"), [], [(0, "hidden_rows")]),
    (["long-ids.xlsx"], {}, [(2, "appointment_rounded"), (3, "appointment_rounded")], []),
    (["ids-zeros.csv", "ids-zeros-lost.csv"], booked("0012345", "12345"), [], [(2, "id_alike")]),
    (
        ["book.csv", "cancel-gaps.csv"],
        dict.fromkeys(["C1", "C2", "C3", "C4"], "cancelled"),
        [],
        [(5, "cancelled_anyway"), (5, "cancelled_anyway")],
    ),
    (["fhir-book.json", "fhir-cancel-gaps.json"], dict.fromkeys(["f1", "f2", "f3"], "cancelled"), [], []),
    (["fhir-status-missing.json"], {"m3": "cancelled"}, [(1, "missing"), (2, "missing")], []),
    (["fhir-next-page.json"], booked("q1"), [], [(0, "more_pages")]),
    (["excel-text-guard.csv"], booked("00123"), [], []),
]
IDS = [case[0][-1] for case in CASES]


@pytest.fixture
def own_files(tmp_path) -> Path:
    for name, content in FILES.items():
        (tmp_path / name).write_bytes(content)
    return tmp_path


def check(clinic, folder: Path, names, statuses, errors, warnings) -> None:
    for name in names:
        report = clinic.import_file(folder / name)
    assert {stored.appointment_id: stored.status for stored in clinic.all(appointment)} == statuses
    assert [(error.row, error.code) for error in report.errors] == errors
    assert [(item.row, item.code) for item in report.warnings if item.code != "absent_rows"] == warnings
    assert report.rows == report.accepted + report.updated + report.unchanged + report.rejected


@pytest.mark.parametrize(("names", "statuses", "errors", "warnings"), CASES, ids=IDS)
def test_files_that_come_in_wrong_are_understood_or_doubted(clinic, own_files, names, statuses, errors, warnings):
    check(clinic, own_files, names, statuses, errors, warnings)


@pytest.mark.skipif(not SHARED_FILES.is_dir(), reason="the folder of test vectors is not next to the checkout")
@pytest.mark.parametrize(("names", "statuses", "errors", "warnings"), CASES, ids=IDS)
def test_the_test_vectors_are_understood_or_doubted(clinic, names, statuses, errors, warnings):
    check(clinic, SHARED_FILES, names, statuses, errors, warnings)


@pytest.mark.skipif(not SHARED_FILES.is_dir(), reason="the folder of test vectors is not next to the checkout")
@pytest.mark.parametrize("known", ["Emh Or", "EMH OR 9", "e1"])
def test_the_known_one_of_several_locations_is_the_site(clinic, known):
    site = clinic.content.config.sites[0].model_copy(update={"name": {"en": known, "es": known}})
    if known == "e1":
        site = clinic.content.config.sites[0].model_copy(update={"id": known})
    clinic.content = with_sites(clinic.content, site)
    report = clinic.import_file(SHARED_FILES / "fhir-epic-locations.json")
    assert counts(report) == (2, 2, 0, 0, 0)
    assert {stored.site for stored in clinic.all(appointment)} == {site.id}


def with_sites(content, *sites):
    return replace(content, config=content.config.model_copy(update={"sites": list(sites)}))


def test_all_eastern_names_mean_the_zone_with_daylight_saving_time(clinic, own_files):
    clinic.import_file(own_files / "zones-july.csv")
    stored = {item.appointment_id: item for item in clinic.all(appointment)}
    eastern = [stored[f"Z{number:02}"] for number in (0, 1, 2, 3, 4, 5, 6, 7, 15, 18)]
    assert {(item.timezone, item.starts_at) for item in eastern} == {
        ("America/New_York", datetime(2027, 7, 14, 14, tzinfo=UTC))
    }
    assert stored["Z13"].timezone == "America/Denver"
    assert stored["Z14"].timezone == "America/Phoenix"


def test_a_warning_names_every_column_that_is_not_read(clinic, own_files):
    report = clinic.import_file(own_files / "cancelled-column.csv")
    assert report.warnings[0].message == ("These columns are not read: User Name, Team, End Date & Time, Canceled By.")


def test_patients_without_permission_get_no_texts(clinic, own_files):
    clinic.import_file(own_files / "permission-column.csv")
    assert {item.appointment_id: item.channel for item in clinic.all(appointment)} == {"A1": "text", "A2": "none"}


def test_a_cancellation_keeps_the_number_and_time_and_stops_the_texts(clinic_on_each_database):
    clinic = clinic_on_each_database
    clinic.import_rows(*(row(number, at(1, 4)) for number in range(3)))
    before = clinic.appointment("A1")
    report = clinic.import_rows({"appointment_id": "A1", "phone": "", "starts_at": "", "status": "canceled"})
    assert counts(report) == (1, 0, 1, 0, 0)
    after = clinic.appointment("A1")
    assert (after.status, after.person_id, after.starts_at) == ("cancelled", before.person_id, before.starts_at)
    assert len(clinic.claim(NOW)) == 2
    again = clinic.import_rows({"appointment_id": "A1", "phone": "", "starts_at": "", "status": "canceled"})
    assert counts(again) == (1, 0, 0, 1, 0)


def test_a_cancellation_of_an_unknown_appointment_changes_nothing_and_says_so(clinic):
    report = clinic.import_rows({"appointment_id": "A1", "phone": "", "starts_at": "", "status": "cancelled"})
    assert (counts(report), report.batch) == ((1, 0, 0, 1, 0), None)
    assert [(item.row, item.code) for item in report.warnings] == [(2, "cancelled_unknown"), (0, "absent_rows")]


def test_an_appointment_that_lost_its_time_gets_no_more_texts(clinic):
    clinic.import_rows(row(1, at(1, 4)))
    proposed = {"appointment_id": "A1", "phone": "603-555-0101", "starts_at": "", "status": "waitlist"}
    assert counts(clinic.import_rows(proposed)) == (1, 0, 1, 0, 0)
    assert clinic.claim(NOW) == []
    clinic.import_rows(row(1, at(1, 4)))
    assert len(clinic.claim(NOW)) == 1


ALIKE = [
    ("zeros lost", ["0012345", "12345"], True),
    ("zeros gained", ["12345", "0012345"], True),
    ("another time", ["0012345", "12345"], False),
    ("other digits", ["0012345", "123450"], False),
]


@pytest.mark.parametrize(("ids", "warns"), [case[1:] for case in ALIKE], ids=[case[0] for case in ALIKE])
def test_an_id_that_lost_zeros_is_doubted(clinic, request, ids, warns):
    times = [at(8), at(9) if "another time" in request.node.name else at(8)]
    for name, time in zip(ids, times, strict=True):
        report = clinic.import_rows({"appointment_id": name, "phone": "603-555-0101", "starts_at": time})
    alike = [item.message for item in report.warnings if item.code == "id_alike"]
    assert (ids[0] in alike[0]) if warns else alike == []


def test_a_dry_run_doubts_the_same(clinic, own_files):
    clinic.import_file(own_files / "ids-zeros.csv")
    lost = {"appointment_id": "12345", "phone": "603-555-0151", "starts_at": "2026-12-10 09:00"}
    dry_run, real = clinic.dry_run(lost), clinic.import_rows(lost)
    assert dry_run.warnings == real.warnings


def test_a_blank_first_row_does_not_hide_the_column_names_and_rows_keep_their_numbers(clinic, tmp_path):
    text = "\n,,\n" + csv_text([row(1, at(8)), row(2, "soon")])
    (tmp_path / "file.csv").write_text(text)
    report = clinic.import_file(tmp_path / "file.csv")
    assert [(error.row, error.code) for error in report.errors] == [(5, "date_invalid")]
    assert report.accepted == 1


def test_times_far_apart_in_one_file_do_not_hide_a_warning(clinic):
    report = clinic.import_rows(row(1, (NOW + timedelta(days=8)).strftime("%Y-%m-%d 02:30")))
    assert [item.code for item in report.warnings] == ["early", "absent_rows"]
