"""The same file again, a newer one, two at once: what stands changes only as the file says."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest

from ivr.carrier.twilio.client import Refused
from ivr.carrier.twilio.errors import ErrorClass
from ivr.ledger.tables import appointment, person
from ivr.people.persons import opt_out
from ivr.people.replies import record_reply
from ivr.reminders.imports import importer
from ivr.reminders.reports.status import status
from tests.reminders.imports.test_importer import GOOD, TOMORROW, codes, counts
from tests.support.clinic import NOW, at, phone, row


def test_the_same_file_again_changes_nothing(clinic):
    rows = [row(number, at(8), first_name="Ann") for number in range(5)]
    first = clinic.take(*rows)
    before = clinic.all(appointment)
    again = clinic.take(*rows, now=TOMORROW)
    assert counts(again) == (5, 0, 0, 5, 0)
    assert clinic.all(appointment) == before
    assert status(clinic.ledger, first.batch)["appointments"] == 5


def test_the_same_file_while_its_batch_is_being_sent_sends_nothing_twice(clinic_on_each_database):
    rows = [row(number, at(1, 4)) for number in range(20)]
    clinic_on_each_database.take(*rows)
    claimed = clinic_on_each_database.claim(NOW, limit=10)
    clinic_on_each_database.take(*rows)
    claimed += clinic_on_each_database.send(NOW)
    claimed += clinic_on_each_database.send(NOW)
    assert len({one.phone for one in claimed}) == len(claimed) == 20


def test_a_moved_appointment_loses_its_answer_and_gets_new_texts(clinic_on_each_database):
    clinic_on_each_database.take(row(1, at(1, 4)))
    assert len(clinic_on_each_database.send(NOW)) == 1
    with clinic_on_each_database.ledger.write() as connection:
        assert record_reply(connection, clinic_on_each_database.vault, "+16035550101", NOW, "confirmed")
    assert counts(clinic_on_each_database.take(row(1, at(3)), now=NOW + timedelta(hours=1))) == (1, 0, 1, 0, 0)
    kept = clinic_on_each_database.appointment("A1")
    assert (kept.answer, kept.answered_at) == (None, None)
    assert clinic_on_each_database.send(NOW + timedelta(hours=2)) == []
    later = clinic_on_each_database.send(NOW + timedelta(days=1, hours=1))
    assert len(later) == 1
    assert "Dec 4" in later[0].body
    assert len(clinic_on_each_database.texts()) == 2 + len(
        [one for one in clinic_on_each_database.texts() if one.state == "skipped"]
    )


def test_a_corrected_name_keeps_the_answer(clinic):
    clinic.take(row(1, at(5), first_name="An"))
    with clinic.ledger.write() as connection:
        record_reply(connection, clinic.vault, "+16035550101", NOW, "confirmed")
    assert counts(clinic.take(row(1, at(5), first_name="Ann"))) == (1, 0, 1, 0, 0)
    assert clinic.appointment("A1").answer == "confirmed"


@pytest.mark.parametrize("becomes", ["cancelled", "attended", "missed", "Canceled"])
def test_an_appointment_that_no_longer_stands_gets_no_text(clinic, becomes):
    clinic.take(row(1, at(1, 4)))
    assert counts(clinic.take(row(1, at(1, 4), status=becomes))) == (1, 0, 1, 0, 0)
    assert clinic.claim(NOW) == []
    assert status(clinic.ledger)["texts"]["planned"] == 0


def test_a_cancelled_appointment_that_is_booked_again_gets_its_text(clinic):
    clinic.take(row(1, at(1, 4), status="cancelled"))
    assert clinic.claim(NOW) == []
    clinic.take(row(1, at(1, 4)))
    assert len(clinic.claim(NOW)) == 1


@pytest.mark.parametrize(
    ("change", "reason"),
    [({"starts_at": at(2)}, "moved"), ({"status": "cancelled"}, "cancelled"), ({"channel": "call"}, "cancelled")],
    ids=["moved", "cancelled", "wants a call"],
)
def test_a_text_that_waits_for_another_try_is_dropped_when_the_appointment_changes(clinic, change, reason):
    clinic.take(row(1, at(1, 4)))
    (one,) = clinic.claim(NOW)
    clinic.record([(one.attempt, Refused(ErrorClass.TRANSIENT, 20429, "HTTP 429"))])
    clinic.take({**row(1, at(1, 4)), **change})
    dropped = next(found for found in clinic.texts() if found.attempt == one.attempt)
    assert (dropped.state, dropped.reason) == ("cancelled", reason)


def test_a_row_for_somebody_who_opted_out_goes_in_with_a_warning_and_is_never_sent(clinic):
    with clinic.ledger.write() as connection:
        opt_out(connection, clinic.vault, "+16035550101", NOW, "text", "STOP")
    report = clinic.take(row(1, at(1, 4)), row(2, at(1, 4)))
    assert counts(report) == (2, 2, 0, 0, 0)
    assert codes(report.warnings) == [(2, "phone", "opted_out"), (0, "", "absent_rows")]
    assert [one.phone for one in clinic.send(NOW)] == ["+16035550102"]
    assert {one.reason for one in clinic.texts("A1")} >= {"opted_out"}


def test_a_past_time_is_a_fault_only_where_the_visit_is_still_to_come(clinic):
    past = [
        row(number, at(-1), status=word)
        for number, word in enumerate(("attended", "missed", "cancelled", "booked", ""))
    ]
    report = clinic.take(*past)
    assert counts(report) == (5, 3, 0, 0, 2)
    assert codes(report.errors) == [(5, "starts_at", "date_past"), (6, "starts_at", "date_past")]


def test_two_imports_of_one_file_side_by_side_make_each_appointment_once(clinic_on_each_database):
    rows = [row(number, at(8)) for number in range(50)]
    told = []
    threads = [
        threading.Thread(target=lambda name=name: told.append(clinic_on_each_database.take(*rows, name=name)))
        for name in ("a.csv", "b.csv")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(report.accepted for report in told) == [0, 50]
    assert (len(clinic_on_each_database.all(appointment)), len(clinic_on_each_database.all(person))) == (50, 50)


def test_importing_never_loses_a_retry_of_a_text_that_is_under_way(clinic_on_each_database):
    rows = [row(number, at(1, 4)) for number in range(40)]
    clinic_on_each_database.take(*rows)
    claimed = clinic_on_each_database.claim(NOW)
    failed = [(one.attempt, Refused(ErrorClass.TRANSIENT, 20429, "HTTP 429")) for one in reversed(claimed)]
    moved = [{**one, "first_name": "Ann"} for one in rows]
    side = [
        threading.Thread(target=clinic_on_each_database.take, args=moved),
        threading.Thread(target=clinic_on_each_database.record, args=(failed,)),
    ]
    for thread in side:
        thread.start()
    for thread in side:
        thread.join()
    assert len(clinic_on_each_database.claim(NOW + timedelta(minutes=2))) == 40


def test_nothing_personal_stands_in_the_clear(clinic, tmp_path):
    clinic.take(row(1, at(1, 4), first_name="Wilhelmina"))
    clinic.send(NOW)
    clinic.ledger.close()
    stored = b"".join(path.read_bytes() for path in tmp_path.glob("small.db*"))
    assert b"A1" in stored
    for secret in ("Wilhelmina", "6035550101", phone(1), "555-0101", "5550101"):
        assert secret.encode() not in stored


def test_a_large_file_goes_in_by_pieces_and_tells_how_far_it_is(clinic, tmp_path):
    (tmp_path / "large.csv").write_bytes(GOOD)
    told: list[int] = []
    report = importer.Importer(clinic.ledger, clinic.vault, clinic.content, told.append).run(
        tmp_path / "large.csv", NOW
    )
    assert (counts(report), told) == ((1500, 1500, 0, 0, 0), [1000, 1500])
    assert len(clinic.all(person)) == 100


def test_moments_are_kept_in_utc_and_read_in_the_zone_of_the_row_or_the_site(clinic):
    local = "2026-12-24 10:00"
    clinic.take(row(1, local), row(2, local, timezone="America/Chicago"), row(3, "2026-12-24T10:00:00+01:00"))
    kept = {one.appointment_id: one.starts_at for one in clinic.all(appointment)}
    assert kept == {
        "A1": datetime(2026, 12, 24, 15, tzinfo=UTC),
        "A2": datetime(2026, 12, 24, 16, tzinfo=UTC),
        "A3": datetime(2026, 12, 24, 9, tzinfo=UTC),
    }
