"""The numbers of the page Today and of the picture of the line, counted in the database."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Connection, Table, func, select

from ivr import clock
from ivr.ledger.tables import appointment, batch, call_turn, incoming_text, text
from ivr.line.content.loader import Content
from ivr.people.calls.branches import BranchCounts, count_branches
from ivr.people.calls.history import recent_calls, summarize_calls
from ivr.reminders.reports.response_rates import was_accepted, weekly_rates
from ivr.web.services import Services

DAYS = 30
WEEKS = 8
HOUR = timedelta(hours=1)
HANG_UP_DAYS = 7
# Their turns are read one by one, so their number is limited.
MOST_CALLS = 2_000


@dataclass(frozen=True)
class DayCounts:
    """What happened on one day of the hospital."""

    day: date
    calls: int
    texts: int
    reminders: int


@dataclass(frozen=True)
class HourCounts:
    """What happened in one hour. begin: in the zone of the hospital."""

    begin: datetime
    calls: int
    texts: int
    reminders: int


@dataclass(frozen=True)
class Numbers:
    """days: the last DAYS, ending today. hours: of today, without those to come.

    weeks: as `weekly_rates`, with weeks in which no text went out. due_today: reminders that are still to go out today.
    ended, gave_up_at: of the latest calls, as `infoline calls`.
    """

    days: tuple[DayCounts, ...]
    hours: tuple[HourCounts, ...]
    due_today: int
    weeks: tuple[dict[str, Any], ...]
    calls: int
    ended: dict[str, int]
    gave_up_at: dict[str, int]

    @property
    def today(self) -> DayCounts:
        return self.days[-1]


def count_numbers(services: Services) -> Numbers:
    """Count everything on the page Today."""
    content = services.releases.live.content if services.releases.live else None
    zone = content.config.zone if content else ZoneInfo("UTC")
    now = clock.now()
    today = now.astimezone(zone).date()
    with services.ledger.read() as connection:
        summary = _summarize(connection, content, now)
        return Numbers(
            days=tuple(_day(connection, today - timedelta(days=age), zone) for age in reversed(range(DAYS))),
            hours=tuple(_hours(connection, _midnight(today, zone), now, zone)),
            due_today=_due_before(connection, _midnight(today + timedelta(days=1), zone)),
            weeks=_weeks(connection, zone, now),
            calls=summary["calls"],
            ended=summary["ended"],
            gave_up_at=summary["gave_up_at"],
        )


def count_line(services: Services, days: int) -> BranchCounts:
    """Count the callers on the branches of the live line."""
    line = services.releases.live
    content = line.content if line else None
    menus = list(content.config.menus) if content else []
    topics = [subject.id for subject in content.config.subjects] if content else []
    with services.ledger.read() as connection:
        return count_branches(connection, clock.now() - timedelta(days=days), menus, topics)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)


def _day(connection: Connection, day: date, zone: ZoneInfo) -> DayCounts:
    return DayCounts(day, **_between(connection, _midnight(day, zone), _midnight(day + timedelta(days=1), zone)))


def _hours(connection: Connection, midnight: datetime, now: datetime, zone: ZoneInfo) -> Iterator[HourCounts]:
    """By elapsed time, so that a day on which the clocks change has 23 or 25."""
    for number in range(int((now - midnight) / HOUR) + 1):
        begin = midnight + number * HOUR
        yield HourCounts(begin.astimezone(zone), **_between(connection, begin, begin + HOUR))


def _between(connection: Connection, begin: datetime, end: datetime) -> dict[str, int]:
    def count(table: Table, moment: ColumnElement[Any], *conditions: ColumnElement[bool]) -> int:
        query = select(func.count()).select_from(table).where(moment >= begin, moment < end, *conditions)
        return connection.execute(query).scalar_one()

    return {
        "calls": count(call_turn, call_turn.c.at, call_turn.c.heard == "start"),
        "texts": count(incoming_text, incoming_text.c.at),
        "reminders": count(text, text.c.claimed_at, was_accepted(), text.c.appointment_id.is_not(None)),
    }


def _due_before(connection: Connection, end: datetime) -> int:
    can_go = batch.c.live_at.is_not(None) & batch.c.paused.is_(False)
    query = select(func.count()).select_from(appointment).join(batch, batch.c.id == appointment.c.batch_id)
    return connection.execute(query.where(appointment.c.next_due_at < end, can_go)).scalar_one()


def _weeks(connection: Connection, zone: ZoneInfo, now: datetime) -> tuple[dict[str, Any], ...]:
    today = now.astimezone(zone).date()
    this_monday = today - timedelta(days=today.weekday())
    mondays = [this_monday - timedelta(weeks=age) for age in reversed(range(WEEKS))]
    none = {"visits": 0, "confirmed": 0, "known": 0, "attended": 0, "percent": {"confirmed": None, "attended": None}}
    found = {week["week_of"]: week for week in weekly_rates(connection, zone, now, _midnight(mondays[0], zone))}
    weeks = (found.get(monday.isoformat(), none) for monday in mondays)
    return tuple({**week, "week_of": monday} for monday, week in zip(mondays, weeks, strict=True))


def _summarize(connection: Connection, content: Content | None, now: datetime) -> dict[str, Any]:
    since = now - timedelta(days=HANG_UP_DAYS)
    starts = select(call_turn.c.at).where(call_turn.c.at >= since, call_turn.c.heard == "start")
    oldest = connection.execute(starts.order_by(call_turn.c.at.desc()).offset(MOST_CALLS - 1).limit(1)).scalar()
    parts: dict[str, int] = {}
    if content:
        language = content.config.default_language
        parts = {subject.id: len(content.prompt(language, subject.id).spoken) for subject in content.config.subjects}
    return summarize_calls(recent_calls(connection, oldest or since, now, parts))
