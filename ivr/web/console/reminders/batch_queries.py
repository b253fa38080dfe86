"""What the pages of batches read from the ledger."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, func, select

from ivr.ledger.tables import appointment, batch, text
from ivr.line.content.config import ReminderRules
from ivr.reminders.outbox.text_states import TextState
from ivr.reminders.reports.status import counts_of_batches
from ivr.web.console.reminders.state_words import mode

BATCHES_ON_A_PAGE, TEXTS_ON_A_PAGE = 10, 50


@dataclass(frozen=True)
class ListedBatch:
    """A batch in the list. mode: the class of a badge, and a word. texts: by state."""

    row: Row[Any]
    mode: tuple[str, str]
    appointments: int
    texts: dict[str, int]


@dataclass(frozen=True)
class Wanted:
    """Which batches are looked for. file: a part of the file name. created: from when until before when."""

    file: str = ""
    created: tuple[datetime, datetime] | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        found = [batch.c.filename.icontains(self.file, autoescape=True)] if self.file else []
        if self.created:
            found += [batch.c.created_at >= self.created[0], batch.c.created_at < self.created[1]]
        return found


def batches_page(connection: Connection, wanted: Wanted, page: int) -> tuple[list[ListedBatch], int]:
    """A page of batches, newest first, and how many there are on all pages."""
    conditions = wanted.conditions()
    count = connection.execute(select(func.count()).select_from(batch).where(*conditions)).scalar_one()
    query = select(batch).where(*conditions).order_by(batch.c.id.desc())
    rows = connection.execute(query.limit(BATCHES_ON_A_PAGE).offset((page - 1) * BATCHES_ON_A_PAGE)).all()
    counts = counts_of_batches(connection, [row.id for row in rows])
    return [ListedBatch(row, mode(row), counts[row.id]["appointments"], counts[row.id]["texts"]) for row in rows], count


def batch_row(connection: Connection, batch_id: int) -> Row[Any] | None:
    """A batch; None if there is none."""
    return connection.execute(select(batch).where(batch.c.id == batch_id)).first()


@dataclass(frozen=True)
class Ahead:
    """What a cancellation would stop. texts: at most so many, because some may be left out anyway."""

    appointments: int
    texts: int


def ahead(connection: Connection, batch_id: int, rules: ReminderRules) -> Ahead:
    """The appointments of a batch with upcoming texts, and how many texts these are."""
    has_texts = (appointment.c.batch_id == batch_id) & appointment.c.next_due_at.is_not(None)
    appointments = connection.execute(select(func.count()).select_from(appointment).where(has_texts)).scalar_one()
    steps = [step.id for step in rules.plan]
    settled = (
        select(func.count())
        .select_from(text.join(appointment, appointment.c.id == text.c.appointment_id))
        .where(has_texts, text.c.starts_at == appointment.c.starts_at, text.c.step.in_(steps))
        .where(text.c.state.not_in((TextState.PLANNED, TextState.CANCELLED)))
    )
    texts = appointments * len(steps) - connection.execute(settled).scalar_one()
    return Ahead(appointments, max(0, texts))


def find_appointment(connection: Connection, batch_id: int, appointment_id: str) -> int | None:
    """The row id of an appointment of a batch."""
    found: int | None = connection.execute(
        select(appointment.c.id).where(
            appointment.c.appointment_id == appointment_id, appointment.c.batch_id == batch_id
        )
    ).scalar_one_or_none()
    return found


def texts_for_reason(connection: Connection, batch_id: int, reason: str, page: int) -> tuple[list[Row[Any]], bool]:
    """A page of the texts of a batch whose state has a reason, and whether there are more.

    These are the texts that `counts_of_batches` counts for the reason.
    """
    states = [state for state in TextState if state is not TextState.PLANNED]
    query: Select[Any] = (
        select(appointment.c.appointment_id, text.c.starts_at, text.c.step, text.c.state)
        .select_from(text.join(appointment, appointment.c.id == text.c.appointment_id))
        .where(text.c.batch_id == batch_id, text.c.state.in_(states), text.c.reason == reason)
        .order_by(text.c.id)
    )
    rows = connection.execute(query.limit(TEXTS_ON_A_PAGE + 1).offset((page - 1) * TEXTS_ON_A_PAGE)).all()
    return list(rows[:TEXTS_ON_A_PAGE]), len(rows) > TEXTS_ON_A_PAGE
