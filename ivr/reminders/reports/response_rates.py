"""What the reminders bring about: delivered, confirmed, asked to change; and who came, by what she had answered.

An answer counts for one text: the last one that she had when she answered.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import (
    BigInteger,
    Connection,
    FromClause,
    Row,
    and_,
    case,
    cast,
    exists,
    extract,
    func,
    literal,
    or_,
    select,
)
from sqlalchemy.sql import ColumnElement

from ivr.ledger import Ledger
from ivr.ledger.tables import appointment, batch, text
from ivr.people.replies import WRONG_NUMBER
from ivr.reminders.outbox.states import TextState
from ivr.reminders.reports.status import NoSuchBatch

# A share of fewer says nothing, and may tell who somebody is.
FEWEST = 10
# Hours before the visit, each up to the next.
BUCKETS = (0, 24, 48, 96, 168)
_FIRST_MONDAY = date(1970, 1, 5)
_DAY = 24 * 3600
_LOOKED_BACK = timedelta(days=3653)
_TAKEN = (TextState.HANDED_OVER, TextState.DELIVERED, TextState.UNDELIVERED, TextState.NO_RECEIPT)
REPLIES = ("confirmed", "change", "nothing", WRONG_NUMBER, "no_text")


def response_rates(ledger: Ledger, zone: ZoneInfo, now: datetime, number: int | None = None) -> dict[str, Any]:
    """Counts with shares in percent, None under 10 cases. number: a batch; None: all. Raises NoSuchBatch.

    Of texts: "batches", "hours_before" (the visit, in BUCKETS), "weeks" (from Monday by a zone's clock). Of visits
    of which a later file says who came: "attendance". A visit belongs to the batch that named it last.
    """
    with ledger.read() as connection:
        if number is not None and not connection.execute(select(batch.c.id).where(batch.c.id == number)).first():
            raise NoSuchBatch(f"There is no batch {number}.")
        handed = _handed_over(number)
        left = _epoch(handed.c.starts_at) - _epoch(handed.c.claimed_at)
        bucket = case(*((left >= hours * 3600, hours) for hours in reversed(BUCKETS)), else_=0)
        return {
            "batch": number,
            "batches": _counts(connection, handed, "batch", handed.c.batch_id, int),
            "hours_before": _counts(connection, handed, "hours", bucket, int),
            "weeks": _counts(connection, handed, "week_of", _week(handed.c.claimed_at, zone, now), _monday),
            "attendance": _attendance(connection, number),
        }


def _was_taken() -> ColumnElement[bool]:
    """The carrier took the text. One that failed and has the carrier's id did so after it was taken."""
    return or_(text.c.state.in_(_TAKEN), and_(text.c.state == TextState.FAILED, text.c.sid.is_not(None)))


def _handed_over(number: int | None) -> FromClause:
    """Texts that were handed over, each with the answer that it brought."""
    earlier = text.alias("earlier")
    # Failed texts bring no answer.
    answered = (
        select(earlier.c.id)
        .where(
            earlier.c.appointment_id == appointment.c.id,
            earlier.c.starts_at == appointment.c.starts_at,
            earlier.c.state.in_(_TAKEN),
            earlier.c.claimed_at <= appointment.c.answered_at,
        )
        .order_by(earlier.c.claimed_at.desc(), earlier.c.id.desc())
        .limit(1)
        .correlate(appointment)
        .scalar_subquery()
    )
    brought = case((appointment.c.answer.is_(None), None), (text.c.id == answered, appointment.c.answer))
    columns = (text.c.appointment_id, text.c.starts_at, text.c.claimed_at, text.c.state, appointment.c.batch_id)
    return (
        select(*columns, brought.label("answer"))
        .join(appointment, appointment.c.id == text.c.appointment_id)
        .where(_was_taken(), *_of_batch(number))
        .subquery("handed")
    )


def _of_batch(number: int | None) -> list[ColumnElement[bool]]:
    return [] if number is None else [appointment.c.batch_id == number]


def _epoch(moment: ColumnElement[Any]) -> ColumnElement[int]:
    """Whole seconds since 1970, on both stores."""
    return cast(extract("epoch", moment), BigInteger)


def _week(moment: ColumnElement[Any], zone: ZoneInfo, now: datetime) -> ColumnElement[int]:
    """Weeks since the first Monday of 1970, from midnight to midnight by a zone's clock."""
    monday = (_FIRST_MONDAY - date(1970, 1, 1)).days * _DAY
    return (_epoch(moment) + _east(moment, zone, now) - monday) // (7 * _DAY)


def _east(moment: ColumnElement[Any], zone: ZoneInfo, now: datetime) -> ColumnElement[int]:
    """A zone's distance from UTC in seconds, as SQLite knows no zones; on a day that changes it, the later one."""
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    days = [today - timedelta(days=ago) for ago in range(_LOOKED_BACK.days, -2, -1)]
    east = [_seconds((day + timedelta(hours=18)).astimezone(zone).utcoffset()) for day in days]
    changes = [
        (int(day.timestamp()), after)
        for day, before, after in zip(days[1:], east, east[1:], strict=False)
        if before != after
    ]
    since = [(_epoch(moment) >= at, after) for at, after in reversed(changes)]
    return case(*since, else_=east[0]) if since else literal(east[0])


def _seconds(span: timedelta | None) -> int:
    return int((span or timedelta()).total_seconds())


def _monday(week: int) -> str:
    return (_FIRST_MONDAY + timedelta(weeks=week)).isoformat()


def _counts(
    connection: Connection,
    handed: FromClause,
    name: str,
    key: ColumnElement[Any],
    read: Callable[[Any], int | str],
) -> list[dict[str, Any]]:
    key = key.label("key")
    rows = connection.execute(
        select(
            key,
            func.count().label("handed_over"),
            func.count().filter(handed.c.state == TextState.DELIVERED).label("delivered"),
            func.count(handed.c.appointment_id.distinct()).label("visits"),
            *(func.count().filter(handed.c.answer == answer).label(answer) for answer in ("confirmed", "change")),
        )
        .group_by(key)
        .order_by(key)
    )
    return [{name: read(row.key), **_with_shares(row)} for row in rows]


def _with_shares(row: Row[Any]) -> dict[str, Any]:
    counts = {name: getattr(row, name) for name in ("handed_over", "delivered", "visits", "confirmed", "change")}
    of = {"delivered": row.handed_over, "confirmed": row.visits, "change": row.visits}
    return {**counts, "percent": {name: percent(counts[name], whole) for name, whole in of.items()}}


def percent(part: int, whole: int) -> float | None:
    """A share to one decimal; None when there are too few cases to speak of one."""
    return round(100 * part / whole, 1) if whole >= FEWEST else None


def _attendance(connection: Connection, number: int | None) -> list[dict[str, Any]]:
    had_text = exists().where(
        text.c.appointment_id == appointment.c.id, text.c.starts_at == appointment.c.starts_at, _was_taken()
    )
    answer = case(
        (appointment.c.answer.is_not(None), appointment.c.answer), (had_text, "nothing"), else_="no_text"
    ).label("answered")
    rows = connection.execute(
        select(
            answer,
            func.count().label("visits"),
            func.count().filter(appointment.c.status == "attended").label("attended"),
        )
        .where(appointment.c.status.in_(("attended", "missed")), *_of_batch(number))
        .group_by(answer)
    ).all()
    return [
        {
            "answer": row.answered,
            "visits": row.visits,
            "attended": row.attended,
            "missed": row.visits - row.attended,
            "percent": {"attended": percent(row.attended, row.visits)},
        }
        for row in sorted(rows, key=lambda row: REPLIES.index(row.answered))
    ]
