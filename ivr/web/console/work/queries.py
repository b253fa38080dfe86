"""What the work list reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    case,
    exists,
    func,
    literal,
    null,
    select,
    union_all,
)

from ivr.feeds.unread import is_unread
from ivr.ledger.tables import appointment, callback, console_user, hl7_message, person, todo
from ivr.line.content.keyword_rules import RED_FLAGS
from ivr.people.work_claims import UNDO_FOR, WorkList
from ivr.web.console.people.queries import MAX_ID
from ivr.web.console.work import message_queries

PER_PAGE = 25
MAX_COUNT = 1000
ITEM_KINDS = ("change", "cancel", "wrong-number")
# Of an item's own table; `by` is the name of the user who has taken it.
_OWN = ("id", "person_id", "claimed_by", "claimed_at", "done_at", "done_by", "note_sealed")
_BY = console_user.c.name.label("by")
_COLUMNS = {
    WorkList.CALLBACKS: [callback.c[name] for name in (*_OWN, "language", "entry", "topic", "wished", "asked_at")],
    WorkList.ITEMS: [
        *(todo.c[name] for name in (*_OWN, "kind", "at")),
        *(appointment.c[name] for name in ("appointment_id", "starts_at", "timezone")),
    ],
}
Rows = Sequence[Row[Any]]
Page = tuple[Rows, bool]


@dataclass(frozen=True)
class Counts:
    """How much waits on each list. landlines: at most one more than MAX_COUNT, so that no page counts for long."""

    callbacks: int
    items: dict[str, int]
    landlines: int
    messages: int


def counts(connection: Connection, now: datetime, landlines: int | None = None) -> Counts:
    """landlines: how many there are, if that is known."""
    by_kind = select(todo.c.kind, func.count()).where(todo.c.done_at.is_(None)).group_by(todo.c.kind)
    waiting = select(func.count()).select_from(callback).where(callback.c.done_at.is_(None))
    return Counts(
        callbacks=connection.execute(waiting).scalar_one(),
        items={kind: count for kind, count in connection.execute(by_kind)},
        landlines=count_landlines(connection, now) if landlines is None else landlines,
        messages=message_queries.count_pending(connection),
    )


def count_landlines(connection: Connection, now: datetime) -> int:
    """How many persons with a landline wait, at most MAX_COUNT + 1."""
    # Without grouping, the database stops at the limit.
    is_ahead = exists().where(appointment.c.person_id == person.c.id, *_to_call_about(now))
    found = select(person.c.id).where(person.c.landline, is_ahead).limit(MAX_COUNT + 1)
    return connection.execute(select(func.count()).select_from(found.subquery())).scalar_one()


def pending_callbacks(connection: Connection, page: int) -> Page:
    """Red flags first, then the oldest."""
    urgency = case((callback.c.topic.in_(RED_FLAGS), 0), else_=1)
    query = _items(WorkList.CALLBACKS).where(callback.c.done_at.is_(None))
    return page_of(connection, query.order_by(urgency, callback.c.asked_at, callback.c.id), page)


def pending_items(connection: Connection, kind: str, page: int) -> Page:
    """The items of one kind, oldest first."""
    query = _items(WorkList.ITEMS).where(todo.c.done_at.is_(None), todo.c.kind == kind)
    return page_of(connection, query.order_by(todo.c.at, todo.c.id), page)


def landlines(connection: Connection, now: datetime, page: int) -> Page:
    """The persons with a landline and an appointment ahead, soonest first: person_id, starts_at and count of it."""
    waiting = _of_landlines(now).subquery()
    query = (
        select(waiting, todo.c.id.label("id"), todo.c.claimed_by, todo.c.claimed_at, _BY)
        .select_from(waiting)
        .outerjoin(todo, and_(todo.c.person_id == waiting.c.person_id, _is_landline_item(), todo.c.done_at.is_(None)))
        .outerjoin(console_user, console_user.c.id == todo.c.claimed_by)
    )
    return page_of(connection, query.order_by(waiting.c.starts_at, waiting.c.person_id), page)


def done_items(connection: Connection, now: datetime, page: int) -> Page:
    """What was done lately, the latest first, whichever list it was on."""
    lists = [
        select(literal(work.value).label("work"), table.c.id, kind.label("kind"), table.c.done_at, table.c.done_by)
        .add_columns(table.c.person_id, person.c.phone_sealed)
        .join(person, person.c.id == table.c.person_id)
        .where(table.c.done_at > now - UNDO_FOR)
        for work, table, kind in (
            (WorkList.CALLBACKS, callback, literal("callback")),
            (WorkList.ITEMS, todo, todo.c.kind),
        )
    ]
    of_messages = (
        select(literal(WorkList.MESSAGES.value), hl7_message.c.id, literal("message"), hl7_message.c.done_at)
        .add_columns(hl7_message.c.done_by, null(), null())
        .where(is_unread(), hl7_message.c.done_at > now - UNDO_FOR)
    )
    every = union_all(*lists, of_messages).subquery()
    return page_of(connection, select(every).order_by(every.c.done_at.desc(), every.c.id.desc()), page)


def item(connection: Connection, work: WorkList, item_id: int) -> Row[Any] | None:
    """One item, pending or done; None if there is none, or if its number has been deleted."""
    if work is WorkList.MESSAGES:
        return message_queries.message(connection, item_id)
    if item_id > MAX_ID:
        return None
    return connection.execute(_items(work).where(work.table.c.id == item_id)).first()


def has_landline(connection: Connection, person_id: int) -> bool:
    """Whether a person exists whose number is a landline."""
    query = select(person.c.id).where(person.c.id == person_id, person.c.landline)
    return person_id <= MAX_ID and connection.execute(query).first() is not None


def _items(work: WorkList) -> Select[Any]:
    table = work.table
    query = (
        select(*_COLUMNS[work], person.c.phone_sealed, _BY)
        .select_from(table)
        .join(person, person.c.id == table.c.person_id)
        .outerjoin(console_user, console_user.c.id == table.c.claimed_by)
    )
    if work is WorkList.ITEMS:
        query = query.outerjoin(appointment, appointment.c.id == todo.c.appointment_id)
    return query


def _of_landlines(now: datetime) -> Select[Any]:
    """Persons, each with the next appointment that nobody has called them about."""
    return (
        select(person.c.id.label("person_id"), person.c.phone_sealed)
        .add_columns(func.min(appointment.c.starts_at).label("starts_at"), func.count().label("appointments"))
        .join(appointment, appointment.c.person_id == person.c.id)
        .where(person.c.landline, *_to_call_about(now))
        .group_by(person.c.id)
    )


def _to_call_about(now: datetime) -> list[ColumnElement[bool]]:
    """Conditions on appointments ahead that nobody has called their person about."""
    called = exists().where(
        todo.c.person_id == appointment.c.person_id, _is_landline_item(), todo.c.done_at >= appointment.c.updated_at
    )
    return [appointment.c.status == "booked", appointment.c.starts_at > now, ~called]


def _is_landline_item() -> Any:
    return todo.c.kind == "landline"


def page_of(connection: Connection, query: Select[Any], page: int) -> Page:
    """The rows of a page, and whether more follow."""
    rows = connection.execute(query.limit(PER_PAGE + 1).offset((page - 1) * PER_PAGE)).all()
    return rows[:PER_PAGE], len(rows) > PER_PAGE
