"""The past and upcoming texts of an appointment, each with its state and reason."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Row, Select, func, select

from ivr.ledger.tables import appointment, batch, person, text, text_move
from ivr.line.content.config import ReminderRules
from ivr.people.replies import WRONG_NUMBER
from ivr.reminders.outbox.claims import recent_sends
from ivr.reminders.outbox.exclusive_claim import blocked_reason
from ivr.reminders.outbox.text_states import ACCEPTED, PLANNED_AGAIN, TextState
from ivr.reminders.schedule.plan import Decision, PlannedAppointment, decide, due_at, quiet_until, renamed_steps

StateAndReason = tuple[TextState, str | None]
_CACHE_SIZE = 10_000
_TEXTS: Select[Any] = select(
    *(text.c[name] for name in ("id", "appointment_id", "starts_at", "step", "state", "reason", "retry_at")),
    text.c.updated_at,
    select(func.min(text_move.c.at))
    .where(text_move.c.text_id == text.c.id, text_move.c.to_state.in_(ACCEPTED))
    .scalar_subquery()
    .label("handed_over"),
)

# Conditions that end the texts of an appointment; the first that holds decides.
_PERMANENT_BLOCKS: tuple[tuple[Callable[[Row[Any]], bool], StateAndReason], ...] = (
    (lambda row: row.status == "cancelled", (TextState.CANCELLED, "cancelled")),
    (lambda row: row.cancelled_at is not None, (TextState.CANCELLED, "batch_cancelled")),
    (lambda row: row.answer == WRONG_NUMBER, (TextState.CANCELLED, WRONG_NUMBER)),
    (lambda row: row.channel != "text", (TextState.SKIPPED, "not_by_text")),
    (lambda row: row.status != "booked", (TextState.SKIPPED, "visit_over")),
)


@dataclass(frozen=True)
class TextReport:
    """One text of an appointment.

    starts_at: of the appointment when the text was created. due_at: None if its step is no longer in the plan.
    reason: why a planned text waits: None (not due yet), `due` (waits for a worker), or what blocks it.
    """

    step: str
    starts_at: datetime
    due_at: datetime | None
    state: TextState
    reason: str | None
    handed_over_at: datetime | None = None
    changed_at: datetime | None = None

    def cells(self, zone: ZoneInfo) -> dict[str, str]:
        """The fields as text, with times in a time zone; None becomes empty."""
        times = ("starts_at", "due_at", "handed_over_at", "changed_at")
        fields = {"step": self.step, "state": self.state.value, "reason": self.reason or ""}
        return fields | {name: local_time(getattr(self, name), zone) for name in times}


def appointments_query(*columns: Any) -> Select[Any]:
    """Appointments (these columns, or all) with the columns of the person and the batch that affect their texts."""
    return (
        select(*(columns or (appointment,)), person.c.phone_sealed, person.c.opted_out_at, person.c.landline)
        .add_columns(batch.c.live_at, batch.c.paused, batch.c.cancelled_at)
        .join(person, person.c.id == appointment.c.person_id)
        .join(batch, batch.c.id == appointment.c.batch_id)
    )


def permanent_block(row: Row[Any]) -> StateAndReason | None:
    """Why an appointment gets no more texts, whatever its plan says; None if it may."""
    return next((block for holds, block in _PERMANENT_BLOCKS if holds(row)), None)


def temporary_block(row: Row[Any]) -> str | None:
    """Why an appointment gets no texts for now; None if it may."""
    reason = blocked_reason(row.opted_out_at, row.landline)
    if reason:
        return reason
    return "not_live" if row.live_at is None else "paused" if row.paused else None


@lru_cache(_CACHE_SIZE)
def local_time(moment: datetime | None, zone: ZoneInfo) -> str:
    """A time in a time zone with its UTC offset, such as 2026-12-08 10:00-05:00; empty for None."""
    return moment.astimezone(zone).isoformat(" ", "minutes") if moment else ""


class TextReporter:
    """Reports the texts of many appointments as of `now`."""

    def __init__(self, rules: ReminderRules, now: datetime) -> None:
        self.rules, self.now = rules, now
        self.steps = {step.id: step for step in rules.plan}
        # Many appointments start at the same time.
        self.due_at = lru_cache(_CACHE_SIZE)(self._due_at)

    def _due_at(self, step_id: str, starts_at: datetime, zone: ZoneInfo) -> datetime | None:
        step = self.steps.get(step_id)
        return due_at(step, PlannedAppointment(starts_at, zone), self.rules.quiet_hours) if step else None

    def report(self, connection: Connection, rows: Sequence[Row[Any]]) -> Iterator[tuple[Row[Any], list[TextReport]]]:
        """The texts of appointments (rows of `appointments_query`) in order of time, including steps without a row."""
        texts: dict[int, list[Row[Any]]] = defaultdict(list)
        for text_row in connection.execute(_TEXTS.where(text.c.appointment_id.in_([row.id for row in rows]))):
            texts[text_row.appointment_id].append(text_row)
        entries = [_AppointmentTexts(self, row, texts[row.id]) for row in rows]
        # A person's other texts are read only where they affect a decision.
        sent = recent_sends(connection, {entry.row.person_id for entry in entries if entry.is_due}, self.now)
        for entry in entries:
            yield entry.row, entry.report(sent.get(entry.row.person_id, ()))


class _AppointmentTexts:
    """The texts of one appointment. texts: its rows of _TEXTS."""

    def __init__(self, reporter: TextReporter, row: Row[Any], texts: list[Row[Any]]) -> None:
        self.row = row
        self._reporter, self._now, self._texts = reporter, reporter.now, texts
        self._zone = ZoneInfo(row.timezone)
        current = [text_row for text_row in texts if text_row.starts_at == row.starts_at]
        self._planned = {text_row.step: text_row for text_row in current if text_row.state == TextState.PLANNED}
        sent_at = {text_row.step: text_row.handed_over for text_row in current if text_row.handed_over}
        self._appointment = PlannedAppointment(row.starts_at, self._zone, row.answer)
        self._done = renamed_steps(self._appointment, reporter.rules, sent_at)
        self._done |= {text_row.step for text_row in current} - self._planned.keys()
        self._steps_left = [step_id for step_id in reporter.steps if step_id not in self._done]
        self._block = permanent_block(row)

    @property
    def is_due(self) -> bool:
        """Whether a text may be sent or skipped now."""
        if self._block or not self._steps_left:
            return False
        return any(text_row.retry_at for text_row in self._planned.values()) or any(
            due is not None and due <= self._now for due in map(self._due_at, self._steps_left)
        )

    def report(self, sent: Sequence[datetime]) -> list[TextReport]:
        planned = self._planned.values()
        reports = [self._past(text_row) for text_row in self._texts if text_row not in planned]
        reports += self._upcoming(sent)
        return sorted(reports, key=lambda report: (report.starts_at, report.due_at or report.starts_at, report.step))

    def _past(self, text_row: Row[Any]) -> TextReport:
        state, reason = TextState(text_row.state), text_row.reason
        if state is TextState.PLANNED:
            # It waits for a retry, but its appointment has moved: the next claim cancels it.
            state, reason = TextState.CANCELLED, "moved"
        due = self._reporter.due_at(text_row.step, text_row.starts_at, self._zone)
        return TextReport(
            text_row.step, text_row.starts_at, due, state, reason, text_row.handed_over, text_row.updated_at
        )

    def _upcoming(self, sent: Sequence[datetime]) -> Iterator[TextReport]:
        decision = self._decide(sent) if self.is_due else Decision()
        for step_id in self._steps_left:
            text_row, due = self._planned.get(step_id), self._due_at(step_id)
            stored_reason, changed_at = (text_row.reason, text_row.updated_at) if text_row else (None, None)
            state, reason = self._block or self._upcoming_state(step_id, due, decision, stored_reason)
            yield TextReport(step_id, self.row.starts_at, due, state, reason, None, changed_at)

    def _decide(self, sent: Sequence[datetime]) -> Decision:
        retries = {step_id: text_row.retry_at for step_id, text_row in self._planned.items() if text_row.retry_at}
        return decide(
            self._appointment, self._reporter.rules, self._now, self._done, sent, retries, early=retries.keys()
        )

    def _upcoming_state(
        self, step_id: str, due: datetime | None, decision: Decision, stored_reason: str | None
    ) -> StateAndReason:
        for skipped, reason in decision.skips:
            if skipped.id == step_id:
                return TextState.SKIPPED, reason
        is_due = due is not None and due <= self._now
        waits_for = temporary_block(self.row) or (None if is_due and stored_reason == PLANNED_AGAIN else stored_reason)
        if waits_for is None and is_due:
            is_quiet = quiet_until(self._now, self._zone, self._reporter.rules.quiet_hours)
            is_next = decision.send and decision.send.id == step_id
            waits_for = "due" if is_next else "quiet_hours" if is_quiet else "limit"
        return TextState.PLANNED, waits_for

    def _due_at(self, step_id: str) -> datetime | None:
        return self._reporter.due_at(step_id, self.row.starts_at, self._zone)
