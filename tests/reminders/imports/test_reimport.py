"""Importing a file again, a newer file, or two at once: appointments always match the newest file."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest

from ivr.carrier.twilio.client import Refused
from ivr.carrier.twilio.errors import ErrorClass
from ivr.ledger.tables import appointment, batch, person
from ivr.people.persons import opt_out
from ivr.people.replies import record_reply
from ivr.reminders.imports import importer
from ivr.reminders.reports.status import batch_status
from tests.reminders.imports.test_importer import GOOD, TOMORROW, codes, counts
from tests.support.clinic import NOW, at, phone, row


def test_importing_the_same_file_again_changes_nothing(clinic):
    rows = [row(number, at(8), first_name="Ann") for number in range(5)]
    first = clinic.import_rows(*rows)
    before = clinic.all(appointment)
    again = clinic.import_rows(*rows, now=TOMORROW)
    assert counts(again) == (5, 0, 0, 5, 0)
    # All that is new is when this was known.
    assert [{**stored._mapping, "as_of": NOW} for stored in clinic.all(appointment)] == [row._mapping for row in before]
    assert batch_status(clinic.ledger, first.batch)["appointments"] == 5


def test_importing_a_file_again_while_its_batch_is_being_sent_sends_no_text_twice(clinic_on_each_database):
    rows = [row(number, at(1, 4)) for number in range(20)]
    clinic_on_each_database.import_rows(*rows)
    claimed = clinic_on_each_database.claim(NOW, limit=10)
    clinic_on_each_database.import_rows(*rows)
    claimed += clinic_on_each_database.send(NOW)
    claimed += clinic_on_each_database.send(NOW)
    assert len({text.phone for text in claimed}) == len(claimed) == 20


def test_a_moved_appointment_loses_its_answer_and_gets_new_texts(clinic_on_each_database):
    clinic_on_each_database.import_rows(row(1, at(1, 4)))
    assert len(clinic_on_each_database.send(NOW)) == 1
    with clinic_on_each_database.ledger.write() as connection:
        assert record_reply(connection, clinic_on_each_database.vault, "+16035550101", NOW, "confirmed")
    assert counts(clinic_on_each_database.import_rows(row(1, at(3)), now=NOW + timedelta(hours=1))) == (1, 0, 1, 0, 0)
    stored = clinic_on_each_database.appointment("A1")
    assert (stored.answer, stored.answered_at) == (None, None)
    assert clinic_on_each_database.send(NOW + timedelta(hours=2)) == []
    later = clinic_on_each_database.send(NOW + timedelta(days=1, hours=1))
    assert len(later) == 1
    assert "Dec 4" in later[0].body
    assert len(clinic_on_each_database.texts()) == 2 + len(
        [text for text in clinic_on_each_database.texts() if text.state == "skipped"]
    )


def test_a_corrected_name_keeps_the_answer(clinic):
    clinic.import_rows(row(1, at(5), first_name="An"))
    with clinic.ledger.write() as connection:
        record_reply(connection, clinic.vault, "+16035550101", NOW, "confirmed")
    assert counts(clinic.import_rows(row(1, at(5), first_name="Ann"))) == (1, 0, 1, 0, 0)
    assert clinic.appointment("A1").answer == "confirmed"


@pytest.mark.parametrize("new_status", ["cancelled", "attended", "missed", "Canceled"])
def test_an_appointment_that_is_no_longer_booked_gets_no_text(clinic, new_status):
    clinic.import_rows(row(1, at(1, 4)))
    assert counts(clinic.import_rows(row(1, at(1, 4), status=new_status))) == (1, 0, 1, 0, 0)
    assert clinic.claim(NOW) == []
    assert batch_status(clinic.ledger)["texts"]["planned"] == 0


def test_a_cancelled_appointment_that_is_booked_again_gets_its_text(clinic):
    clinic.import_rows(row(1, at(1, 4), status="cancelled"))
    assert clinic.claim(NOW) == []
    clinic.import_rows(row(1, at(1, 4)))
    assert len(clinic.claim(NOW)) == 1


@pytest.mark.parametrize(
    ("change", "reason"),
    [({"starts_at": at(2)}, "moved"), ({"status": "cancelled"}, "cancelled"), ({"channel": "call"}, "cancelled")],
    ids=["moved", "cancelled", "contacted by call"],
)
def test_a_text_waiting_for_a_retry_is_cancelled_when_the_appointment_changes(clinic, change, reason):
    clinic.import_rows(row(1, at(1, 4)))
    (claimed,) = clinic.claim(NOW)
    clinic.record([(claimed.attempt, Refused(ErrorClass.TRANSIENT, 20429, "HTTP 429"))])
    clinic.import_rows({**row(1, at(1, 4)), **change})
    stored = next(text for text in clinic.texts() if text.attempt == claimed.attempt)
    assert (stored.state, stored.reason) == ("cancelled", reason)


def test_a_patient_who_opted_out_causes_a_warning_and_gets_no_text(clinic):
    with clinic.ledger.write() as connection:
        opt_out(connection, clinic.vault, "+16035550101", NOW, "text", "STOP")
    report = clinic.import_rows(row(1, at(1, 4)), row(2, at(1, 4)))
    assert counts(report) == (2, 2, 0, 0, 0)
    assert codes(report.warnings) == [(2, "phone", "opted_out"), (0, "", "absent_rows")]
    assert [text.phone for text in clinic.send(NOW)] == ["+16035550102"]
    assert {text.reason for text in clinic.texts("A1")} >= {"opted_out"}


def test_a_past_time_is_an_error_only_if_the_appointment_is_booked(clinic):
    past = [
        row(number, at(-1), status=name)
        for number, name in enumerate(("attended", "missed", "cancelled", "booked", ""))
    ]
    report = clinic.import_rows(*past)
    assert counts(report) == (5, 3, 0, 0, 2)
    assert codes(report.errors) == [(5, "starts_at", "date_past"), (6, "starts_at", "date_past")]


def test_two_concurrent_imports_of_a_file_create_each_appointment_once(clinic_on_each_database):
    rows = [row(number, at(8)) for number in range(50)]
    reports = []
    threads = [
        threading.Thread(target=lambda name=name: reports.append(clinic_on_each_database.import_rows(*rows, name=name)))
        for name in ("a.csv", "b.csv")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # To an import that runs while the other is not live yet, everything is new.
    assert sorted(report.accepted for report in reports) in ([0, 50], [50, 50])
    assert [report.accepted + report.unchanged for report in reports] == [50, 50]
    live = {stored.id for stored in clinic_on_each_database.all(batch) if stored.live_at}
    assert {stored.batch_id for stored in clinic_on_each_database.all(appointment)} <= live
    assert (len(clinic_on_each_database.all(appointment)), len(clinic_on_each_database.all(person))) == (50, 50)


def test_a_concurrent_import_does_not_lose_the_retry_of_a_text(clinic_on_each_database):
    rows = [row(number, at(1, 4)) for number in range(40)]
    clinic_on_each_database.import_rows(*rows)
    claimed = clinic_on_each_database.claim(NOW)
    failed = [(text.attempt, Refused(ErrorClass.TRANSIENT, 20429, "HTTP 429")) for text in reversed(claimed)]
    renamed = [{**cells, "first_name": "Ann"} for cells in rows]
    threads = [
        threading.Thread(target=clinic_on_each_database.import_rows, args=renamed),
        threading.Thread(target=clinic_on_each_database.record, args=(failed,)),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(clinic_on_each_database.claim(NOW + timedelta(minutes=2))) == 40


def test_names_and_numbers_are_stored_encrypted(clinic, tmp_path):
    clinic.import_rows(row(1, at(1, 4), first_name="Wilhelmina"))
    clinic.send(NOW)
    clinic.ledger.close()
    stored = b"".join(path.read_bytes() for path in tmp_path.glob("small.db*"))
    assert b"A1" in stored
    for secret in ("Wilhelmina", "6035550101", phone(1), "555-0101", "5550101"):
        assert secret.encode() not in stored


def test_a_large_file_is_imported_in_chunks_and_reports_progress(clinic, tmp_path):
    (tmp_path / "large.csv").write_bytes(GOOD)
    progress: list[int] = []
    report = importer.Importer(clinic.ledger, clinic.vault, clinic.content, progress.append).run(
        tmp_path / "large.csv", NOW
    )
    assert (counts(report), progress) == ((1500, 1500, 0, 0, 0), [1000, 1500])
    assert len(clinic.all(person)) == 100


def test_times_are_read_in_the_time_zone_of_the_row_or_site_and_stored_in_utc(clinic):
    local = "2026-12-24 10:00"
    clinic.import_rows(row(1, local), row(2, local, timezone="America/Chicago"), row(3, "2026-12-24T10:00:00+01:00"))
    starts = {stored.appointment_id: stored.starts_at for stored in clinic.all(appointment)}
    assert starts == {
        "A1": datetime(2026, 12, 24, 15, tzinfo=UTC),
        "A2": datetime(2026, 12, 24, 16, tzinfo=UTC),
        "A3": datetime(2026, 12, 24, 9, tzinfo=UTC),
    }
