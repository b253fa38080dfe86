"""Appointments that a pull rejects: a work item and an alarm until they are imported or somebody has handled them."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from ivr.feeds.unread import complete, open_message, unread_messages
from ivr.ledger.tables import alarm, hl7_message
from tests.feeds.fhir.records import Records, run_at
from tests.feeds.fhir.servers import running
from tests.support.clinic import NOW

MINUTES = [NOW + timedelta(minutes=minutes) for minutes in range(0, 60, 5)]


@pytest.fixture(autouse=True)
def _few_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a first pull ask for three windows, of which the last has no end: these tests are about others."""
    monkeypatch.setattr("ivr.feeds.fhir.position._MOST_AHEAD", timedelta(days=60))


@pytest.fixture
def clinic(clinic_on_each_database):
    return clinic_on_each_database


@pytest.fixture
def records():
    """A server with a good appointment, and with one whose patient has no number."""
    found = Records()
    for number in (1, 2):
        found.put(number)
    found.set_phone(2, "")
    return found


def items(clinic):
    with clinic.ledger.read() as connection:
        return unread_messages(connection)


def alarms(clinic) -> list[str]:
    return [row.name for row in clinic.all(alarm)]


def done(clinic) -> None:
    with clinic.ledger.write() as connection:
        assert complete(connection, [item.id for item in items(clinic)], "ann", NOW) == 1


def test_a_rejected_appointment_is_an_item_that_names_its_fault_and_the_others_go_in(clinic, records):
    with running(records.server()) as fake:
        report = run_at(clinic, fake, NOW)
    assert (report.accepted, report.rejected) == (1, 1)
    [item] = items(clinic)
    assert (item.appointment_id, item.fault, item.place) == ("A2", "phone_missing", "Patient.telecom")
    assert item.sender == fake.url.removeprefix("http://")
    assert alarms(clinic) == ["fhir_rejected"]
    with clinic.ledger.read() as connection:
        cells = json.loads(open_message(connection, clinic.vault, item.id))
    assert (cells["resource"], cells["appointment_id"], cells["phone"]) == ("A2", "A2", "")
    [stored] = clinic.all(hl7_message)
    assert b"A2" not in stored.row_sealed


def test_an_item_ends_when_the_patient_is_corrected_though_the_appointment_did_not_change(clinic, records):
    with running(records.server()) as fake:
        for now in MINUTES[:3]:
            run_at(clinic, fake, now)
            assert (len(items(clinic)), alarms(clinic)) == (1, ["fhir_rejected"])
        records.set_phone(2, "603-555-0102")
        run_at(clinic, fake, MINUTES[3])
        assert (items(clinic), alarms(clinic)) == ([], [])
        assert clinic.appointment("A2").status == "booked"
        fake.searches.clear()
        run_at(clinic, fake, MINUTES[4])
    assert not any("_id" in query for query in fake.searches)


def test_an_item_that_somebody_has_handled_stays_away_until_the_record_changes(clinic, records):
    with running(records.server()) as fake:
        run_at(clinic, fake, MINUTES[0])
        done(clinic)
        assert alarms(clinic) == []
        records.put(2)
        run_at(clinic, fake, MINUTES[1])
        assert (items(clinic), alarms(clinic)) == ([], [])
        records.put(2, "2026-12-09T10:30:00-05:00")
        run_at(clinic, fake, MINUTES[2])
    assert ([item.appointment_id for item in items(clinic)], alarms(clinic)) == (["A2"], ["fhir_rejected"])
    assert len(clinic.all(hl7_message)) == 1


def test_the_items_of_one_server_are_not_those_of_another(clinic, records):
    with running(records.server()) as first, running(Records().server()) as second:
        run_at(clinic, first, NOW)
        run_at(clinic, second, NOW)
    assert not any("_id" in query for query in second.searches)
    assert alarms(clinic) == ["fhir_rejected"]


def test_an_appointment_that_is_only_over_is_rejected_and_no_item(clinic, records):
    records.put(1, "2026-12-01T08:00:00-05:00")
    records.set_phone(2, "603-555-0102")
    with running(records.server()) as fake:
        report = run_at(clinic, fake, NOW)
    assert [error.code for error in report.errors] == ["date_past"]
    assert (items(clinic), alarms(clinic)) == ([], [])


def test_a_rejected_change_of_a_known_appointment_is_an_item(clinic, records):
    records.set_phone(2, "603-555-0102")
    with running(records.server()) as fake:
        run_at(clinic, fake, MINUTES[0])
        records.put(2, "2126-12-09T10:30:00-05:00")
        run_at(clinic, fake, MINUTES[1])
        [item] = items(clinic)
        assert (item.fault, item.place) == ("date_far", "Appointment.start")
        assert clinic.appointment("A2").starts_at.day == 8
        records.put(2, "2026-12-09T10:30:00-05:00")
        run_at(clinic, fake, MINUTES[2])
    assert items(clinic) == []
    assert clinic.appointment("A2").starts_at.day == 9
