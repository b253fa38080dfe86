"""What happened to an appointment, and what is planned for it, in order of time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from ivr.line.content.config import Config
from ivr.people.replies import ANSWERED
from ivr.reminders.outbox.text_states import TextState
from ivr.reminders.reports.appointment_texts import TextReport
from ivr.web.console.people.words import (
    ANSWERS,
    CHANGED,
    WORK,
    is_by_staff,
    local_time,
    move_words,
    why,
)
from ivr.web.console.reminders.plan_drawing import step_words
from ivr.web.console.words import gettext

_TIME = "starts_at"


@dataclass(frozen=True)
class Event:
    """detail: why, and what to do. ahead: whether it is only planned."""

    at: datetime
    sentence: str
    detail: str = ""
    ahead: bool = False


@dataclass(frozen=True)
class History:
    """What the database has about an appointment: rows of appointment_change, text_move and todo."""

    changes: Sequence[Row[Any]]
    moves: Sequence[Row[Any]]
    work: Sequence[Row[Any]]


def timeline(
    row: Row[Any], history: History, texts: Iterable[TextReport], config: Config, now: datetime
) -> list[Event]:
    """The events of an appointment, oldest first. texts: its reminders."""
    events = [
        Event(row.created_at, gettext("The appointment was imported."), _source(row.created_from)),
        *_of_answers(row, history),
        *_of_changes(row, history),
        *_of_texts(row, history.moves, config),
        *_of_work(history.work),
    ]
    # Stable: what happened at the same time stays in the order of the database.
    return sorted(events, key=lambda event: event.at) + sorted(
        _planned(row, texts, config, now), key=lambda event: event.at
    )


def _of_answers(row: Row[Any], history: History) -> Iterator[Event]:
    """What the patient answered. Of answers that an earlier version of this program took, the database has the last
    one, and those that made work."""
    answers = {(item.at, item.kind) for item in history.work} | {(row.answered_at, row.answer)}
    answers |= {(change.at, change.what.removeprefix(ANSWERED)) for change in history.changes if _is_answer(change)}
    for at, answer in answers:
        if at is not None and answer in ANSWERS:
            yield Event(at, str(ANSWERS[answer]))


def _is_answer(change: Row[Any]) -> bool:
    return bool(change.what.startswith(ANSWERED))


def _of_changes(row: Row[Any], history: History) -> Iterator[Event]:
    times = _times_between(row, history)
    for change in history.changes:
        if _is_answer(change):
            continue
        columns = change.what.split(",")
        if _TIME in columns and (sentence := _moved(*times[change.id], row.timezone)):
            yield Event(change.at, sentence, _source(change.source))
            columns.remove(_TIME)
            if not columns:
                continue
        names = [str(CHANGED[name]) for name in columns if name in CHANGED]
        sentence = (
            gettext("An import changed the appointment: %(what)s.", what=", ".join(names))
            if names
            else gettext("An import changed the appointment.")
        )
        yield Event(change.at, sentence, _source(change.source))


def _times_between(row: Row[Any], history: History) -> dict[int, tuple[datetime | None, datetime | None]]:
    """When the appointment was before and after each change of its time, by the id of the change; None: not known.

    The database keeps the time of now, and with each text the time that the text was about.
    """
    changes = [change for change in history.changes if _TIME in change.what.split(",")]
    known: list[datetime | None] = [None] * len(changes) + [row.starts_at]
    for move in history.moves:
        # A text is about the time that its appointment has when it is claimed.
        if move.to_state == TextState.CLAIMED:
            known[sum(change.at <= move.at for change in changes)] = move.starts_at
    return {change.id: (known[n], known[n + 1]) for n, change in enumerate(changes)}


def _moved(before: datetime | None, after: datetime | None, zone: str) -> str:
    """From when to when an appointment was moved; empty if neither is known."""
    if before and after:
        values = {"before": local_time(before, zone), "after": local_time(after, zone)}
        return gettext("An import moved the appointment from %(before)s to %(after)s.", **values)
    if after:
        return gettext("An import moved the appointment to %(after)s.", after=local_time(after, zone))
    if before:
        return gettext(
            "An import moved the appointment from %(before)s to another time.", before=local_time(before, zone)
        )
    return ""


def _source(name: str | None) -> str:
    """From where something came; empty for what is older than these names."""
    return gettext("From: %(source)s", source=name) if name else ""


def _of_texts(row: Row[Any], moves: Iterable[Row[Any]], config: Config) -> Iterator[Event]:
    for move in moves:
        text = step_words(move.step, config.reminders)
        if move.starts_at != row.starts_at:
            earlier = local_time(move.starts_at, row.timezone)
            text = gettext("%(text)s, for the earlier time %(time)s", text=text, time=earlier)
        yield Event(move.at, move_words(text, move.to_state, move.reason), _detail(move.to_state, move.reason))


def _of_work(work: Iterable[Row[Any]]) -> Iterator[Event]:
    for item in work:
        kind = str(WORK.get(item.kind, item.kind))
        yield Event(item.at, gettext("Added to the work list: %(kind)s.", kind=kind))
        if item.done_at is not None:
            yield Event(item.done_at, gettext("Done on the work list: %(kind)s.", kind=kind))


def _planned(row: Row[Any], texts: Iterable[TextReport], config: Config, now: datetime) -> Iterator[Event]:
    for text in texts:
        if text.state is not TextState.PLANNED or text.due_at is None:
            continue
        name, detail = step_words(text.step, config.reminders), why(text.state, text.reason)
        if text.due_at > now:
            yield Event(text.due_at, gettext("%(text)s: planned.", text=name), detail, ahead=True)
        else:
            due = local_time(text.due_at, row.timezone)
            yield Event(now, gettext("%(text)s: due since %(time)s.", text=name, time=due), detail, ahead=True)
    if row.status == "booked" and row.starts_at > now:
        yield Event(row.starts_at, gettext("The appointment."), ahead=True)


def _detail(state: str, reason: str | None) -> str:
    """The reason in words; nothing for what the sentence says already."""
    return "" if is_by_staff(state, reason) else why(TextState(state), reason)
