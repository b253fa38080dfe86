"""What the pages of reminders read, on each database."""

from __future__ import annotations

from datetime import date, timedelta
from zoneinfo import ZoneInfo

from ivr.web.console.reminders.appointment_queries import count_days, next_day, of_day
from ivr.web.console.reminders.batch_queries import (
    Ahead,
    Wanted,
    ahead,
    batches_page,
    find_appointment,
    texts_for_reason,
)
from tests.support.clinic import NOW, at, row

ZONE = ZoneInfo("America/New_York")


def test_days_are_counted_in_the_zone_of_the_hospital(clinic_on_each_database):
    clinic = clinic_on_each_database
    # 11:00 p.m. on Dec 3, and 00:30 a.m. on Dec 4.
    late, early = "2026-12-03T23:00:00-05:00", "2026-12-04T00:30:00-05:00"
    clinic.import_rows(row(1, late), row(2, early), row(3, at(3)), row(4, at(3), status="cancelled"), row(5, at(90)))
    with clinic.ledger.read() as connection:
        days = {day.day: day.appointments for day in count_days(connection, date(2026, 12, 1), ZONE, NOW)}
        assert (len(days), days[date(2026, 12, 3)], days[date(2026, 12, 4)]) == (14, 1, 2)
        rows, more = of_day(connection, date(2026, 12, 4), ZONE, 1)
        assert ([found.appointment_id for found in rows], more) == (["A2", "A3"], False)
        assert next_day(connection, date(2026, 12, 14), ZONE) == (NOW + timedelta(days=90)).date()
        assert next_day(connection, date(2027, 12, 14), ZONE) is None


def test_a_batch_is_listed_found_and_counted(clinic_on_each_database):
    clinic = clinic_on_each_database
    clinic.import_rows(row(1, at(9)), row(2, at(1, 2)))
    clinic.send(NOW)
    with clinic.ledger.read() as connection:
        [listed], count = batches_page(connection, Wanted(), 1)
        assert (listed.appointments, count) == (2, 1)
        assert batches_page(connection, Wanted("nothing", (NOW, NOW)), 1) == ([], 0)
        assert texts_for_reason(connection, 1, "late", 1)[1] is False
        assert find_appointment(connection, 1, "A1") == clinic.appointment("A1").id
        assert find_appointment(connection, 2, "A1") is None
        left = ahead(connection, 1, clinic.content.config.reminders)
    assert isinstance(left, Ahead)
    assert left.appointments == 2
    # Six texts of the plan, without the one that went out and the one that was too late.
    assert left.texts == 4
