"""Which of two changes is newer, and what an import does with an older one."""

from __future__ import annotations

from datetime import UTC, timedelta

import pytest

from ivr.ledger.tables import appointment
from ivr.reminders.imports.change_order import changed_at, is_older, parse_sent_at
from ivr.reminders.imports.columns import SENT_AT
from ivr.reminders.imports.importer import Importer
from ivr.reminders.imports.rows import RowReader
from ivr.reminders.imports.staging import ImportStage
from tests.support.clinic import NOW, at, row

HOUR = timedelta(hours=1)


@pytest.fixture
def clinic(clinic_on_each_database):
    return clinic_on_each_database


def imported(clinic, *rows, now=NOW, sent_at=None, received_at=None, name="HL7 RADIS"):
    sent = {SENT_AT: sent_at.isoformat()} if sent_at else {}
    importer = Importer(clinic.ledger, clinic.vault, clinic.content, received_at=received_at)
    return importer.run_rows(iter([(number, {**cells, **sent}) for number, cells in enumerate(rows, 2)]), name, now)


@pytest.mark.parametrize(
    ("sent_at", "expected"), [(None, NOW), (NOW - HOUR, NOW - HOUR), (NOW + HOUR, NOW), (NOW, NOW)]
)
def test_a_change_counts_from_when_it_was_sent_and_at_most_from_its_receipt(sent_at, expected):
    assert changed_at(sent_at, NOW) == expected


@pytest.mark.parametrize(("known_at", "expected"), [(None, False), (NOW, False), (NOW + HOUR, True)])
def test_a_change_is_older_only_if_a_later_one_is_known(known_at, expected):
    assert is_older(NOW, known_at) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-12-01T10:00:00-05:00", NOW),
        ("2026-12-01T15:00:00Z", NOW),
        ("2026-12-01T15:00:00.250Z", NOW + timedelta(milliseconds=250)),
        ("2026-12-01T15:00:00", None),
        ("2026-12-01", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_a_sent_time_has_a_zone_and_anything_else_is_none(text, expected):
    found = parse_sent_at(text)
    assert found == expected
    assert found is None or found.tzinfo is UTC


def test_an_older_change_is_left_out_counted_as_unchanged_and_named(clinic):
    clinic.import_rows(row(1, at(8)), now=NOW)
    report = imported(clinic, row(1, at(9)), row(2, at(9)), now=NOW + HOUR, sent_at=NOW - HOUR)
    assert (report.accepted, report.updated, report.unchanged) == (1, 0, 1)
    assert [(each.row, each.code) for each in report.warnings if each.row] == [(2, "older")]
    assert clinic.appointment("A1").starts_at == NOW + timedelta(days=8)
    assert clinic.appointment("A2").starts_at == NOW + timedelta(days=9)


def test_an_older_cancellation_does_not_cancel(clinic):
    clinic.import_rows(row(1, at(8)), now=NOW)
    cancelled = {"appointment_id": "A1", "status": "cancelled"}
    assert imported(clinic, cancelled, now=NOW + HOUR, sent_at=NOW - HOUR).unchanged == 1
    assert clinic.appointment("A1").status == "booked"
    assert imported(clinic, cancelled, now=NOW + HOUR, sent_at=NOW + HOUR).cancelled == 1
    assert clinic.appointment("A1").status == "cancelled"


def test_a_row_that_says_the_same_again_keeps_older_changes_out(clinic):
    imported(clinic, row(1, at(8)), now=NOW, sent_at=NOW - 2 * HOUR)
    clinic.import_rows(row(1, at(8)), now=NOW + 2 * HOUR)
    imported(clinic, row(1, at(9)), now=NOW + 3 * HOUR, sent_at=NOW + HOUR)
    assert clinic.appointment("A1").starts_at == NOW + timedelta(days=8)
    assert clinic.appointment("A1").as_of == NOW + 2 * HOUR


def test_a_sender_whose_clock_is_ahead_keeps_no_later_change_out(clinic):
    imported(clinic, row(1, at(8)), now=NOW, sent_at=NOW + timedelta(days=9000))
    clinic.import_rows(row(1, at(9)), now=NOW + HOUR)
    assert clinic.appointment("A1").starts_at == NOW + timedelta(days=9)


def test_a_file_counts_from_its_receipt_and_not_from_its_import(clinic):
    imported(clinic, row(1, at(8)), now=NOW + HOUR, sent_at=NOW + HOUR)
    imported(clinic, row(1, at(9)), now=NOW + 2 * HOUR, received_at=NOW, name="uploaded.csv")
    assert clinic.appointment("A1").starts_at == NOW + timedelta(days=8)


def test_a_dry_run_says_which_rows_are_older(clinic):
    clinic.import_rows(row(1, at(8)), now=NOW + HOUR)
    report = clinic.dry_run(row(1, at(9)), now=NOW)
    assert (report.updated, [each.code for each in report.warnings if each.row]) == (0, ["older"])


def test_an_appointment_from_before_these_times_were_stored_takes_any_change(clinic):
    clinic.import_rows(row(1, at(8)), now=NOW)
    with clinic.ledger.write() as connection:
        connection.execute(appointment.update().values(as_of=None))
    imported(clinic, row(1, at(9)), now=NOW, sent_at=NOW - HOUR)
    assert clinic.appointment("A1").starts_at == NOW + timedelta(days=9)
    assert clinic.appointment("A1").as_of == NOW - HOUR


def test_an_older_import_that_goes_live_last_changes_nothing_newer(clinic):
    clinic.import_rows(row(1, at(8)), now=NOW)

    def staged(day: int, minutes: int) -> ImportStage:
        now = NOW + timedelta(minutes=minutes)
        stage = ImportStage(clinic.ledger, clinic.vault, clinic.content.config, f"{day}.csv", now)
        stage.add(RowReader(clinic.content.config, NOW).read([(2, row(1, at(day)))]))
        return stage

    older, newer = staged(9, 1), staged(10, 2)
    newer.go_live()
    older.go_live()
    assert clinic.appointment("A1").starts_at == NOW + timedelta(days=10)
    assert [(change.source, change.what) for change in clinic.changes("A1")] == [("10.csv", "starts_at")]


def test_unchanged_rows_with_times_of_their_own_are_confirmed_in_one_transaction(clinic, monkeypatch):
    rows = [row(number, at(9)) for number in range(40)]
    imported(clinic, *rows, sent_at=NOW - HOUR)
    writes, write = [], type(clinic.ledger).write

    def counted(ledger, *arguments, **more):
        writes.append(1)
        return write(ledger, *arguments, **more)

    monkeypatch.setattr(type(clinic.ledger), "write", counted)
    counts = []
    for gap in (timedelta(0), timedelta(seconds=1)):
        writes.clear()
        times = [(NOW + HOUR + number * gap).isoformat() for number in range(40)]
        later = [{**each, SENT_AT: sent} for each, sent in zip(rows, times, strict=True)]
        imported(clinic, *later, now=NOW + 2 * HOUR)
        counts.append(len(writes))
    assert counts[0] == counts[1]
    assert len({stored.as_of for stored in clinic.all(appointment)}) == 40
