"""What expires when: one rule for each kind of data, used both to count and to delete.

A rule takes earlier rules into account, so that a count without deleting is what a run would delete.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, delete, exists, select, update

from ivr.ledger import Vault
from ivr.ledger.tables import (
    alarm_event,
    appointment,
    batch,
    call_turn,
    callback,
    hl7_message,
    incoming_text,
    offered_choice,
    opt_out_event,
    person,
    staged_change,
    text,
    text_move,
    todo,
    unanswered,
)
from ivr.people.persons import erased_values
from ivr.reminders.outbox.text_states import TextState
from ivr.settings import Settings

_IN_PROGRESS = (TextState.PLANNED, TextState.CLAIMED, TextState.UNCERTAIN)
_UNSETTLED = (TextState.CLAIMED, TextState.UNCERTAIN)


@dataclass(frozen=True)
class Cutoffs:
    """What is older is deleted. numbers: also for appointments and their texts."""

    questions: datetime
    calls: datetime
    numbers: datetime
    evidence: datetime

    @classmethod
    def of(cls, settings: Settings, now: datetime) -> Cutoffs:
        return cls(
            now - timedelta(days=settings.keep_questions_days),
            now - timedelta(days=settings.keep_calls_days),
            now - timedelta(days=settings.keep_numbers_days),
            now - timedelta(days=settings.keep_evidence_days),
        )


Condition = Callable[[Cutoffs], ColumnElement[bool]]
Apply = Callable[[Connection, Vault, Sequence[Any], datetime], None]


@dataclass(frozen=True)
class Rule:
    """name: as reports and the audit log show it. expired: which rows of the table. apply: deletes rows, given ids.

    exclusive: whether it needs the exclusive lock, which imports and claims hold too.
    """

    name: str
    table: Table
    expired: Condition
    apply: Apply
    exclusive: bool = False


def _appointment_expired(cutoffs: Cutoffs) -> ColumnElement[bool]:
    """An appointment with open work stays, and so does one whose text may be on its way."""
    pending = exists().where(todo.c.appointment_id == appointment.c.id, todo.c.done_at.is_(None))
    staged = exists().where(staged_change.c.appointment == appointment.c.id)
    unsettled = exists().where(text.c.appointment_id == appointment.c.id, text.c.state.in_(_UNSETTLED))
    return (appointment.c.starts_at < cutoffs.numbers) & ~pending & ~staged & ~unsettled


def _request_expired(cutoffs: Cutoffs) -> ColumnElement[bool]:
    return text.c.asked_in.is_not(None) & (text.c.asked_at < cutoffs.numbers) & text.c.state.not_in(_IN_PROGRESS)


def _item_expired(cutoffs: Cutoffs) -> ColumnElement[bool]:
    return todo.c.appointment_id.is_(None) & (todo.c.done_at < cutoffs.numbers)


def _keeps_appointment(cutoffs: Cutoffs, column: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether a row belongs to an appointment that stays."""
    return exists().where(appointment.c.id == column, ~_appointment_expired(cutoffs)).correlate_except(appointment)


def _person_unused(cutoffs: Cutoffs) -> ColumnElement[bool]:
    """A person whom nothing needs that stays."""
    stays = (
        exists().where(appointment.c.person_id == person.c.id, ~_appointment_expired(cutoffs)),
        exists().where(staged_change.c.person_id == person.c.id),
        exists().where(callback.c.person_id == person.c.id),
        exists().where(offered_choice.c.person_id == person.c.id, offered_choice.c.at >= cutoffs.questions),
        exists().where(
            text.c.person_id == person.c.id,
            (text.c.asked_in.is_not(None) & ~_request_expired(cutoffs))
            | _keeps_appointment(cutoffs, text.c.appointment_id),
        ),
        exists().where(
            todo.c.person_id == person.c.id,
            (todo.c.appointment_id.is_(None) & (todo.c.done_at.is_(None) | (todo.c.done_at >= cutoffs.numbers)))
            | _keeps_appointment(cutoffs, todo.c.appointment_id),
        ),
    )
    unused = person.c.created_at < cutoffs.numbers
    for reference in stays:
        unused &= ~reference
    return unused


def _has_consent_record(cutoffs: Cutoffs) -> ColumnElement[bool]:
    event = exists().where(opt_out_event.c.person_id == person.c.id, opt_out_event.c.at >= cutoffs.evidence)
    return person.c.opted_out_at.is_not(None) | event


def _batch_empty(cutoffs: Cutoffs) -> ColumnElement[bool]:
    members = exists().where(appointment.c.batch_id == batch.c.id, ~_appointment_expired(cutoffs))
    texts = exists().where(text.c.batch_id == batch.c.id, _keeps_appointment(cutoffs, text.c.appointment_id))
    staged = exists().where(staged_change.c.into == batch.c.id)
    return (batch.c.created_at < cutoffs.numbers) & ~members & ~texts & ~staged


def _delete_from(table: Table) -> Apply:
    (key,) = table.primary_key

    def apply(connection: Connection, _vault: Vault, ids: Sequence[Any], _now: datetime) -> None:
        connection.execute(delete(table).where(key.in_(ids)))

    return apply


def _delete_texts(connection: Connection, _vault: Vault, ids: Sequence[Any], _now: datetime) -> None:
    connection.execute(delete(text_move).where(text_move.c.text_id.in_(ids)))
    connection.execute(delete(text).where(text.c.id.in_(ids)))


def delete_appointments(connection: Connection, vault: Vault, ids: Sequence[Any], now: datetime) -> None:
    """Delete appointments with their texts, and with their work items."""
    texts = connection.execute(select(text.c.id).where(text.c.appointment_id.in_(ids))).scalars().all()
    _delete_texts(connection, vault, texts, now)
    connection.execute(delete(todo).where(todo.c.appointment_id.in_(ids)))
    connection.execute(delete(appointment).where(appointment.c.id.in_(ids)))


def _erase_numbers(connection: Connection, vault: Vault, ids: Sequence[Any], now: datetime) -> None:
    connection.execute(update(person).where(person.c.id.in_(ids)).values(erased_values(vault, now)))


def _forget_evidence(connection: Connection, _vault: Vault, ids: Sequence[Any], _now: datetime) -> None:
    connection.execute(delete(opt_out_event).where(opt_out_event.c.id.in_(ids)))


RULES: tuple[Rule, ...] = (
    Rule(
        "incoming_texts",
        incoming_text,
        lambda cutoffs: incoming_text.c.at < cutoffs.questions,
        _delete_from(incoming_text),
    ),
    Rule("questions", unanswered, lambda cutoffs: unanswered.c.at < cutoffs.questions, _delete_from(unanswered)),
    Rule(
        "offered_choices",
        offered_choice,
        lambda cutoffs: offered_choice.c.at < cutoffs.questions,
        _delete_from(offered_choice),
    ),
    Rule("call_turns", call_turn, lambda cutoffs: call_turn.c.at < cutoffs.calls, _delete_from(call_turn)),
    Rule("appointments", appointment, _appointment_expired, delete_appointments, exclusive=True),
    Rule("requested_texts", text, _request_expired, _delete_texts, exclusive=True),
    Rule("work_items", todo, _item_expired, _delete_from(todo)),
    Rule("batches", batch, _batch_empty, _delete_from(batch), exclusive=True),
    Rule(
        "hl7_messages",
        hl7_message,
        lambda cutoffs: (hl7_message.c.received_at < cutoffs.numbers) & (hl7_message.c.state != "waiting"),
        _delete_from(hl7_message),
    ),
    Rule("alarms", alarm_event, lambda cutoffs: alarm_event.c.ended_at < cutoffs.evidence, _delete_from(alarm_event)),
    Rule("consent_records", opt_out_event, lambda cutoffs: opt_out_event.c.at < cutoffs.evidence, _forget_evidence),
    Rule(
        "numbers_kept_as_hash",
        person,
        lambda cutoffs: _person_unused(cutoffs) & person.c.erased_at.is_(None) & _has_consent_record(cutoffs),
        _erase_numbers,
        exclusive=True,
    ),
    Rule(
        "numbers",
        person,
        lambda cutoffs: _person_unused(cutoffs) & ~_has_consent_record(cutoffs),
        _delete_from(person),
        exclusive=True,
    ),
)
