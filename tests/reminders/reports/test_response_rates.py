"""Response rates by batch, by hours before the appointment, and by week; attendance by reply."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner
from sqlalchemy import update

from ivr.carrier.twilio.client import Refused
from ivr.carrier.twilio.errors import ErrorClass
from ivr.cli import main
from ivr.ledger.tables import appointment, text
from ivr.people.replies import mark_wrong_number, record_reply
from ivr.reminders.outbox.receipts import Receipt, apply_receipt
from ivr.reminders.reports.response_rates import BUCKETS, percent, response_rates
from ivr.reminders.reports.status import NoSuchBatch
from tests.support.clinic import NOW, at, phone, row

NEW_YORK = ZoneInfo("America/New_York")
DUE = at(2, -1)


def rates(clinic, batch_id=None):
    return response_rates(clinic.ledger, NEW_YORK, NOW, batch_id)


def counts(group, *names):
    return tuple(group[name] for name in names or ("handed_over", "delivered", "visits", "confirmed", "change"))


def reply(clinic, number, answer, now):
    with clinic.ledger.write() as connection:
        record_reply(connection, clinic.vault, f"+1{phone(number).replace('-', '')}", now, answer)


def deliver(clinic, claimed, now=NOW):
    for claim in claimed:
        apply_receipt(clinic.ledger, clinic.vault, Receipt(claim.attempt, "delivered", "", None), now)


def write(clinic, statement):
    with clinic.ledger.write() as connection:
        connection.execute(statement)


def set_status(clinic, status, *names):
    write(clinic, update(appointment).where(appointment.c.appointment_id.in_(names)).values(status=status))


def test_there_are_no_rates_before_any_text_is_handed_over(clinic_on_each_database):
    clinic_on_each_database.import_rows(row(1, DUE))
    clinic_on_each_database.claim()
    assert rates(clinic_on_each_database) == {
        "batch": None,
        "batches": [],
        "hours_before": [],
        "weeks": [],
        "attendance": [],
    }


def test_texts_and_replies_are_counted_by_batch(clinic_on_each_database):
    clinic = clinic_on_each_database
    clinic.import_rows(*(row(number, DUE) for number in range(4)))
    clinic.import_rows(row(11, DUE), row(12, DUE), name="second.csv")
    claimed = clinic.send()
    deliver(clinic, claimed[:3])
    for number, answer in ((0, "confirmed"), (1, "confirmed"), (2, "change"), (11, "change")):
        reply(clinic, number, answer, NOW + timedelta(hours=1))
    first, second = rates(clinic)["batches"]
    assert (first["batch"], counts(first)) == (1, (4, 3, 4, 2, 1))
    assert (second["batch"], counts(second)) == (2, (2, 0, 2, 0, 1))
    assert rates(clinic, 2)["batches"] == [second]
    assert rates(clinic, 2)["batch"] == 2


def test_a_reply_counts_for_the_last_text_before_it(clinic_on_each_database):
    clinic = clinic_on_each_database
    clinic.import_rows(row(1, at(8)), row(2, at(8)), row(3, at(8)))
    for days in (1, 6, 7):
        clinic.send(NOW + timedelta(days=days))
        if days == 1:
            reply(clinic, 1, "change", NOW + timedelta(days=2))
        if days == 6:
            reply(clinic, 2, "confirmed", NOW + timedelta(days=6, hours=1))
    reply(clinic, 3, "confirmed", NOW)
    assert [(group["hours"], *counts(group)) for group in rates(clinic)["hours_before"]] == [
        (24, 3, 0, 3, 0, 0),
        (48, 3, 0, 3, 1, 0),
        (168, 3, 0, 3, 0, 1),
    ]
    assert counts(rates(clinic)["batches"][0]) == (9, 0, 3, 1, 1)


def test_a_wrong_number_is_not_counted_as_a_reply(clinic):
    clinic.import_rows(row(1, DUE))
    clinic.send()
    with clinic.ledger.write() as connection:
        mark_wrong_number(connection, clinic.vault, "+16035550101", NOW + timedelta(hours=1))
    assert counts(rates(clinic)["batches"][0], "confirmed", "change") == (0, 0)


def test_moving_an_appointment_drops_its_reply_but_not_its_texts(clinic):
    clinic.import_rows(row(1, DUE))
    clinic.send()
    reply(clinic, 1, "confirmed", NOW + timedelta(hours=1))
    clinic.import_rows(row(1, at(20)))
    (group,) = rates(clinic)["batches"]
    assert (group["batch"], counts(group)) == (2, (1, 0, 1, 0, 0))


HOURS = [(0.1, 0), (23.999, 0), (24, 24), (47.9, 24), (48, 48), (96, 96), (167.9, 96), (168, 168), (500, 168)]


@pytest.mark.parametrize(("hours", "bucket"), HOURS)
def test_texts_are_grouped_by_hours_before_the_appointment(clinic_on_each_database, hours, bucket):
    clinic = clinic_on_each_database
    clinic.import_rows(row(1, DUE))
    clinic.send()
    starts_at = NOW + timedelta(hours=hours)
    for table in (text, appointment):
        write(clinic, update(table).values(starts_at=starts_at))
    assert {group["hours"] for group in rates(clinic)["hours_before"]} == {bucket}
    assert bucket in BUCKETS


# A week starts on Monday at midnight in the hospital's time zone.
WEEKS = [
    ("Monday morning", datetime(2026, 11, 30, 13, 0, tzinfo=UTC), "2026-11-30"),
    ("the first minute of Monday", datetime(2026, 11, 30, 5, 0, tzinfo=UTC), "2026-11-30"),
    ("Sunday evening, when it is Monday in London", datetime(2026, 11, 30, 1, 0, tzinfo=UTC), "2026-11-23"),
    ("Sunday evening in summer", datetime(2026, 7, 6, 0, 59, tzinfo=UTC), "2026-06-29"),
    ("Monday morning in summer", datetime(2026, 7, 6, 12, 0, tzinfo=UTC), "2026-07-06"),
    ("the first minute of Monday in summer", datetime(2026, 7, 6, 4, 0, tzinfo=UTC), "2026-07-06"),
    ("the last minute of Sunday in summer", datetime(2026, 7, 6, 3, 59, tzinfo=UTC), "2026-06-29"),
    ("the day after the spring change", datetime(2026, 3, 9, 4, 0, tzinfo=UTC), "2026-03-09"),
    ("the evening of the spring change", datetime(2026, 3, 9, 3, 59, tzinfo=UTC), "2026-03-02"),
    ("the day after the fall change", datetime(2026, 11, 2, 5, 0, tzinfo=UTC), "2026-11-02"),
    ("the evening of the fall change", datetime(2026, 11, 2, 4, 59, tzinfo=UTC), "2026-10-26"),
    ("a summer years ago", datetime(2020, 7, 6, 4, 0, tzinfo=UTC), "2020-07-06"),
    ("across the new year", datetime(2027, 1, 2, 15, 0, tzinfo=UTC), "2026-12-28"),
]


@pytest.mark.parametrize(("moment", "week"), [case[1:] for case in WEEKS], ids=[case[0] for case in WEEKS])
def test_weeks_start_on_monday_in_the_hospitals_time_zone(clinic_on_each_database, moment, week):
    clinic_on_each_database.import_rows(row(1, DUE))
    clinic_on_each_database.send()
    write(clinic_on_each_database, update(text).where(text.c.claimed_at.is_not(None)).values(claimed_at=moment))
    assert [group["week_of"] for group in rates(clinic_on_each_database)["weeks"]] == [week]


@pytest.mark.parametrize("zone", ["UTC", "America/Phoenix"])
def test_weeks_are_counted_in_a_time_zone_without_daylight_saving(clinic_on_each_database, zone):
    clinic_on_each_database.import_rows(row(1, DUE))
    clinic_on_each_database.send()
    assert response_rates(clinic_on_each_database.ledger, ZoneInfo(zone), NOW)["weeks"][0]["week_of"] == "2026-11-30"


STATES = [
    ("handed_over", "SM1", 1),
    ("delivered", "SM1", 1),
    ("undelivered", "SM1", 1),
    ("no_receipt", "SM1", 1),
    ("failed", "SM1", 1),
    ("failed", None, 0),
    ("claimed", None, 0),
    ("uncertain", None, 0),
    ("planned", None, 0),
]


@pytest.mark.parametrize(("state", "sid", "counted"), STATES)
def test_a_text_counts_if_the_carrier_accepted_it(clinic, state, sid, counted):
    clinic.import_rows(row(1, DUE))
    clinic.claim()
    write(clinic, update(text).where(text.c.step == "2d").values(state=state, sid=sid))
    assert sum(group["handed_over"] for group in rates(clinic)["batches"]) == counted


def test_a_text_that_the_carrier_refused_does_not_count(clinic):
    clinic.import_rows(row(1, DUE))
    clinic.record([(claim.attempt, Refused(ErrorClass.PERMANENT, 21211, "")) for claim in clinic.claim()])
    assert rates(clinic)["batches"] == []


SHARES = [(0, 0, None), (9, 9, None), (0, 10, 0.0), (1, 10, 10.0), (2, 30, 6.7), (30, 30, 100.0)]


@pytest.mark.parametrize(("part", "whole", "expected"), SHARES)
def test_a_percentage_needs_ten_cases(part, whole, expected):
    assert percent(part, whole) == expected


def test_percentages_are_of_texts_or_of_appointments(clinic):
    clinic.import_rows(*(row(number, DUE) for number in range(10)))
    deliver(clinic, clinic.send()[:9])
    reply(clinic, 3, "confirmed", NOW + timedelta(hours=1))
    (group,) = rates(clinic)["batches"]
    assert group["percent"] == {"delivered": 90.0, "confirmed": 10.0, "change": 0.0}


def test_attendance_is_counted_by_reply(clinic_on_each_database):
    clinic = clinic_on_each_database
    clinic.import_rows(*(row(number, DUE) for number in range(1, 21)), row(30, at(30)), row(31, at(30)), row(32, DUE))
    clinic.send()
    later = NOW + timedelta(hours=1)
    for number in range(1, 13):
        reply(clinic, number, "confirmed", later)
    reply(clinic, 13, "change", later)
    with clinic.ledger.write() as connection:
        mark_wrong_number(connection, clinic.vault, "+16035550114", later)
    set_status(clinic, "attended", *(f"A{number}" for number in (*range(1, 12), 15, 30)))
    set_status(clinic, "missed", "A12", "A13", "A14", "A16", "A31")
    assert [
        (*counts(group, "answer", "visits", "attended", "missed"), group["percent"]["attended"])
        for group in rates(clinic)["attendance"]
    ] == [
        ("confirmed", 12, 11, 1, 91.7),
        ("change", 1, 0, 1, None),
        ("nothing", 2, 1, 1, None),
        ("not_hers", 1, 0, 1, None),
        ("no_text", 2, 1, 1, None),
    ]
    assert rates(clinic, 1)["attendance"] == rates(clinic)["attendance"]


def test_a_later_file_reports_attendance_and_keeps_replies(clinic_on_each_database):
    clinic = clinic_on_each_database
    clinic.import_rows(row(1, DUE), row(2, DUE))
    clinic.send()
    reply(clinic, 1, "confirmed", NOW + timedelta(hours=1))
    clinic.import_rows(row(1, DUE, status="attended"), row(2, DUE, status="missed"), now=NOW + timedelta(days=3))
    attendance = {group["answer"]: counts(group, "attended", "missed") for group in rates(clinic)["attendance"]}
    assert attendance == {"confirmed": (1, 0), "nothing": (0, 1)}


def test_an_unknown_batch_has_no_rates(clinic):
    with pytest.raises(NoSuchBatch, match="no batch 7"):
        rates(clinic, 7)


# The command


def run(*words):
    return CliRunner().invoke(main, ["reminders", "effect", *words])


def test_the_command_explains_that_there_is_nothing_yet(clinic_for_commands):
    assert run().output == "No text went out yet, and no file reported attendance.\n"
    missing = run("7")
    assert (missing.exit_code, missing.stderr) == (2, "There is no batch 7.\n")


def test_the_command_shows_counts_and_percentages_within_eighty_columns(clinic_for_commands):
    clinic_for_commands.import_rows(*(row(number, DUE) for number in range(12)))
    deliver(clinic_for_commands, clinic_for_commands.send())
    assert "Attendance is unknown" in run().output
    set_status(clinic_for_commands, "attended", "A1")
    output = run("1").output
    assert "12 (100%)" in output
    assert "2026-11-30" in output
    assert "24 to 48" in output
    assert "nothing" in output
    assert all(len(line) <= 80 for line in output.splitlines())
    assert json.loads(run("1", "--json").output) == rates(clinic_for_commands, 1)
