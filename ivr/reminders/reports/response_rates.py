"""How patients respond to reminders: texts delivered, replies, and attendance by reply.

A reply counts for one text: the last one sent before it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import BigInteger, Connection, FromClause, Row, case, cast, exists, extract, func, literal, select
from sqlalchemy.sql import ColumnElement

from ivr.ledger import Ledger
from ivr.ledger.tables import appointment, batch, text
from ivr.people.replies import WRONG_NUMBER
from ivr.reminders.outbox.text_states import ACCEPTED, TextState
from ivr.reminders.reports.status import NoSuchBatch, in_batch

# A percentage of fewer cases is meaningless, and may identify a patient.
MIN_CASES = 10
# Hours before the appointment; each bucket ends at the next.
BUCKETS = (0, 24, 48, 96, 168)
_FIRST_MONDAY = date(1970, 1, 5)
_DAY_SECONDS = 24 * 3600
_KNOWN = ("attended", "missed")
_MAX_AGE = timedelta(days=3653)
REPLIES = ("confirmed", "change", "nothing", WRONG_NUMBER, "no_text")


def response_rates(ledger: Ledger, zone: ZoneInfo, now: datetime, batch_id: int | None = None) -> dict[str, Any]:
    """Counts with percentages, None under 10 cases. batch_id: None for all batches. Raises NoSuchBatch.

    Of texts: "batches", "hours_before" (the appointment, in BUCKETS), and "weeks" (from Monday in `zone`). Of
    appointments with known attendance: "attendance". An appointment belongs to the last batch that listed it.
    """
    with ledger.read() as connection:
        if batch_id is not None and not connection.execute(select(batch.c.id).where(batch.c.id == batch_id)).first():
            raise NoSuchBatch(f"There is no batch {batch_id}.")
        texts = _accepted_texts(batch_id)
        seconds = _epoch(texts.c.starts_at) - _epoch(texts.c.claimed_at)
        bucket = case(*((seconds >= hours * 3600, hours) for hours in reversed(BUCKETS)), else_=0)
        return {
            "batch": batch_id,
            "batches": _counts(connection, texts, "batch", texts.c.batch_id, int),
            "hours_before": _counts(connection, texts, "hours", bucket, int),
            "weeks": _counts(connection, texts, "week_of", _week(texts.c.claimed_at, zone, now), _monday),
            "attendance": _attendance(connection, batch_id),
        }


def was_accepted() -> ColumnElement[bool]:
    """Whether the carrier accepted a text. A failed text that has a sid failed after that.

    Written so that the database can look up states and a range of `claimed_at` in the index on both.
    """
    return text.c.state.in_((*ACCEPTED, TextState.FAILED)) & (
        (text.c.state != TextState.FAILED) | text.c.sid.is_not(None)
    )


def weekly_rates(connection: Connection, zone: ZoneInfo, now: datetime, since: datetime) -> list[dict[str, Any]]:
    """The rates of the weeks in which texts went out since then, as in "weeks" of `response_rates`, with attendance.

    "known" is the number of appointments whose attendance a file has reported, and "attended" the part of them.
    """
    texts = _accepted_texts(None, since)
    week = _week(texts.c.claimed_at, zone, now).label("key")
    visits = func.count(texts.c.appointment_id.distinct())
    rows = connection.execute(
        select(
            week,
            visits.label("visits"),
            func.count().filter(texts.c.answer == "confirmed").label("confirmed"),
            visits.filter(texts.c.status.in_(_KNOWN)).label("known"),
            visits.filter(texts.c.status == "attended").label("attended"),
        )
        .group_by(week)
        .order_by(week)
    )
    return [_week_of(row) for row in rows]


def _week_of(row: Row[*tuple[Any, ...]]) -> dict[str, Any]:
    counts = {name: getattr(row, name) for name in ("visits", "confirmed", "known", "attended")}
    shares = {"confirmed": percent(row.confirmed, row.visits), "attended": percent(row.attended, row.known)}
    return {"week_of": _monday(row.key), **counts, "percent": shares}


def _accepted_texts(batch_id: int | None, since: datetime | None = None) -> FromClause:
    """Texts that the carrier accepted, each with the reply that counts for it, and the status of its appointment."""
    earlier = text.alias("earlier")
    # A failed text gets no reply.
    answered = (
        select(earlier.c.id)
        .where(
            earlier.c.appointment_id == appointment.c.id,
            earlier.c.starts_at == appointment.c.starts_at,
            earlier.c.state.in_(ACCEPTED),
            earlier.c.claimed_at <= appointment.c.answered_at,
        )
        .order_by(earlier.c.claimed_at.desc(), earlier.c.id.desc())
        .limit(1)
        .correlate(appointment)
        .scalar_subquery()
    )
    answer = case((appointment.c.answer.is_(None), None), (text.c.id == answered, appointment.c.answer))
    columns = (text.c.appointment_id, text.c.starts_at, text.c.claimed_at, text.c.state, appointment.c.batch_id)
    return (
        select(*columns, appointment.c.status, answer.label("answer"))
        .join(appointment, appointment.c.id == text.c.appointment_id)
        .where(was_accepted(), *in_batch(appointment.c.batch_id, batch_id))
        .where(*([] if since is None else [text.c.claimed_at >= since]))
        .subquery("handed")
    )


def _epoch(moment: ColumnElement[Any]) -> ColumnElement[int]:
    """Whole seconds since 1970, on SQLite and PostgreSQL."""
    return cast(extract("epoch", moment), BigInteger)


def _week(moment: ColumnElement[Any], zone: ZoneInfo, now: datetime) -> ColumnElement[int]:
    """Weeks since the first Monday of 1970, which start at midnight in a time zone."""
    monday = (_FIRST_MONDAY - date(1970, 1, 1)).days * _DAY_SECONDS
    return (_epoch(moment) + _utc_offset(moment, zone, now) - monday) // (7 * _DAY_SECONDS)


def _utc_offset(moment: ColumnElement[Any], zone: ZoneInfo, now: datetime) -> ColumnElement[int]:
    """A time zone's UTC offset in seconds, as SQLite has no time zones; on a day of change, the later offset."""
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    days = [today - timedelta(days=age) for age in range(_MAX_AGE.days, -2, -1)]
    spans = [(day + timedelta(hours=18)).astimezone(zone).utcoffset() or timedelta() for day in days]
    offsets = [int(span.total_seconds()) for span in spans]
    changes = [
        (int(day.timestamp()), after)
        for day, before, after in zip(days[1:], offsets, offsets[1:], strict=False)
        if before != after
    ]
    cases = [(_epoch(moment) >= start, offset) for start, offset in reversed(changes)]
    return case(*cases, else_=offsets[0]) if cases else literal(offsets[0])


def _monday(week: int) -> str:
    return (_FIRST_MONDAY + timedelta(weeks=week)).isoformat()


def _counts(
    connection: Connection, texts: FromClause, name: str, key: ColumnElement[Any], read: Callable[[Any], int | str]
) -> list[dict[str, Any]]:
    key = key.label("key")
    rows = connection.execute(
        select(
            key,
            func.count().label("handed_over"),
            func.count().filter(texts.c.state == TextState.DELIVERED).label("delivered"),
            func.count(texts.c.appointment_id.distinct()).label("visits"),
            *(func.count().filter(texts.c.answer == answer).label(answer) for answer in ("confirmed", "change")),
        )
        .group_by(key)
        .order_by(key)
    )
    return [{name: read(row.key), **_with_shares(row)} for row in rows]


def _with_shares(row: Row[Any]) -> dict[str, Any]:
    counts = {name: getattr(row, name) for name in ("handed_over", "delivered", "visits", "confirmed", "change")}
    wholes = {"delivered": row.handed_over, "confirmed": row.visits, "change": row.visits}
    return {**counts, "percent": {name: percent(counts[name], whole) for name, whole in wholes.items()}}


def percent(part: int, whole: int) -> float | None:
    """A percentage to one decimal; None for fewer than MIN_CASES cases."""
    return round(100 * part / whole, 1) if whole >= MIN_CASES else None


def _attendance(connection: Connection, batch_id: int | None) -> list[dict[str, Any]]:
    had_text = exists().where(
        text.c.appointment_id == appointment.c.id, text.c.starts_at == appointment.c.starts_at, was_accepted()
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
        .where(appointment.c.status.in_(_KNOWN), *in_batch(appointment.c.batch_id, batch_id))
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
