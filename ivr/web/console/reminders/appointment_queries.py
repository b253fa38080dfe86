"""Appointments ahead by day, read from an index on their start."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, func, literal, select, union_all

from ivr.ledger.tables import appointment, batch

DAYS_ON_A_PAGE = 14
APPOINTMENTS_ON_A_PAGE = 50


@dataclass(frozen=True)
class DayCount:
    """How many booked appointments a day has, and how many of them get texts."""

    day: date
    appointments: int


def _booked(start: datetime, end: datetime) -> list[ColumnElement[bool]]:
    unfinished = select(batch.c.id).where(batch.c.live_at.is_(None))
    return [
        appointment.c.starts_at >= start,
        appointment.c.starts_at < end,
        appointment.c.status == "booked",
        appointment.c.batch_id.not_in(unfinished),
    ]


def day_bounds(day: date, zone: tzinfo) -> tuple[datetime, datetime]:
    """When a day begins and ends in a zone."""
    return datetime.combine(day, time(), zone), datetime.combine(day + timedelta(days=1), time(), zone)


def count_days(connection: Connection, first: date, zone: tzinfo, now: datetime) -> list[DayCount]:
    """The appointments from now on of DAYS_ON_A_PAGE days."""
    days = [first + timedelta(days=number) for number in range(DAYS_ON_A_PAGE)]
    counts = []
    for number, day in enumerate(days):
        start, end = day_bounds(day, zone)
        counted = select(literal(number).label("number"), func.count().label("appointments"))
        counts.append(counted.select_from(appointment).where(*_booked(max(start, now), end)))
    found = {row.number: row.appointments for row in connection.execute(union_all(*counts))}
    return [DayCount(day, found[number]) for number, day in enumerate(days)]


def next_day(connection: Connection, after: date, zone: tzinfo) -> date | None:
    """The first day after a day that has an appointment."""
    _, end = day_bounds(after, zone)
    query = select(func.min(appointment.c.starts_at)).where(appointment.c.starts_at >= end)
    found: datetime | None = connection.execute(query).scalar_one_or_none()
    return found.astimezone(zone).date() if found else None


def of_day(connection: Connection, day: date, zone: tzinfo, page: int) -> tuple[list[Row[Any]], bool]:
    """A page of the booked appointments of a day, in order of time, and whether there are more."""
    query = (
        select(
            *(appointment.c[name] for name in ("id", "appointment_id", "starts_at", "timezone", "site", "channel")),
            *(appointment.c[name] for name in ("answer", "batch_id", "next_due_at", "language")),
        )
        .where(*_booked(*day_bounds(day, zone)))
        .order_by(appointment.c.starts_at, appointment.c.id)
    )
    rows = connection.execute(query.limit(APPOINTMENTS_ON_A_PAGE + 1).offset((page - 1) * APPOINTMENTS_ON_A_PAGE)).all()
    return list(rows[:APPOINTMENTS_ON_A_PAGE]), len(rows) > APPOINTMENTS_ON_A_PAGE
