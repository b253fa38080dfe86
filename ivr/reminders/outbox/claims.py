"""Claims due reminders: only here does a step of an appointment's plan become a row of `text`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Row, bindparam, func, select, update

from ivr.i18n import N_, sentence
from ivr.ledger import Ledger, Vault
from ivr.ledger.tables import appointment, batch, person, text
from ivr.line.content.config import ReminderStep
from ivr.line.content.loader import Content
from ivr.people.replies import WRONG_NUMBER
from ivr.reminders.alarms import Alarm, clear_other_subjects, raise_alarm
from ivr.reminders.outbox.exclusive_claim import RETRY_UNREADY, ClaimedText, PendingTexts
from ivr.reminders.outbox.text_states import COUNTED, TextState, cancel_planned, create_texts, reminder_row, transition
from ivr.reminders.schedule.message import MissingText, appointment_values
from ivr.reminders.schedule.plan import (
    WEEK,
    Decision,
    PlannedAppointment,
    Reason,
    decide,
    renamed_steps,
    useful_until,
)


def due_count(ledger: Ledger, now: datetime, most: int) -> int:
    """How many appointments have something due at `now`, counted up to `most`."""
    with ledger.read() as connection:
        due = _due(now, appointment.c.id).limit(most).subquery()
        return int(connection.execute(select(func.count()).select_from(due)).scalar_one())


_WORDS_MISSING = N_("{missing} in release {release}: texts of step {step} wait until it is published.")
_APPOINTMENT_COLUMNS = [
    appointment.c[name]
    for name in ("id", "person_id", "batch_id", "starts_at", "timezone", "site", "language", "channel", "status")
] + [appointment.c.answer]
_PERSON_COLUMNS = [person.c.phone_sealed, person.c.opted_out_at, person.c.landline, person.c.language.label("chosen")]


def due_slice(connection: Connection, now: datetime, limit: int) -> list[Row[Any]]:
    """The appointments that have waited longest, with the columns of persons and batches that a claim needs."""
    due = _due(now, *_APPOINTMENT_COLUMNS, *_PERSON_COLUMNS, batch.c.cancelled_at)
    return list(connection.execute(due.order_by(appointment.c.next_due_at, appointment.c.id).limit(limit)).all())


def _due(now: datetime, *columns: Any) -> Any:
    return (
        select(*columns)
        .select_from(appointment)
        .join(batch, batch.c.id == appointment.c.batch_id)
        .join(person, person.c.id == appointment.c.person_id)
        .where(appointment.c.next_due_at <= now, batch.c.live_at.is_not(None), batch.c.paused.is_(False))
    )


def recent_sends(connection: Connection, persons: Collection[int], now: datetime) -> dict[int, list[datetime]]:
    """When each person was sent reminders that count toward the limits. Requested texts, being answers, do not."""
    # States are compared in Python: in the query, they make SQLite scan every text of the week.
    recent = select(text.c.person_id, text.c.claimed_at, text.c.state).where(
        text.c.person_id.in_(persons), text.c.asked_in.is_(None), text.c.claimed_at > now - WEEK - timedelta(days=1)
    )
    sent: dict[int, list[datetime]] = defaultdict(list)
    for row in connection.execute(recent):
        if row.state in COUNTED:
            sent[row.person_id].append(row.claimed_at)
    return sent


class DueReminders(PendingTexts):
    """Due reminders, read and written in bulk. Opt-outs, limits and quiet hours are checked again before a claim."""

    def __init__(self, connection: Connection, vault: Vault, content: Content, now: datetime) -> None:
        super().__init__(connection, vault, content, now)
        self._done: dict[int, set[str]] = defaultdict(set)
        self._sent_at: dict[int, dict[str, datetime]] = defaultdict(dict)
        self._planned: dict[int, dict[str, Row[Any]]] = defaultdict(dict)
        self._sent: dict[int, list[datetime]] = {}
        self._new: list[dict[str, Any]] = []
        self._next_due: dict[int, datetime | None] = {}

    def due(self, limit: int) -> list[Row[Any]]:
        clear_other_subjects(self.connection, Alarm.WORDS_MISSING, self.content.digest)
        clear_other_subjects(self.connection, Alarm.KEY_MISSING, self.vault.key_ids)
        rows = due_slice(self.connection, self.now, limit)
        if rows:
            self._load_texts({row.id: row.starts_at for row in rows})
            self._sent = recent_sends(self.connection, {row.person_id for row in rows}, self.now)
        return rows

    def _load_texts(self, starts: dict[int, datetime]) -> None:
        """Read the texts that already exist. starts: the start of each appointment by its id."""
        for row in self.connection.execute(select(text).where(text.c.appointment_id.in_(starts))).all():
            if row.starts_at != starts[row.appointment_id]:
                if row.state == TextState.PLANNED:
                    transition(self.connection, [row.id], TextState.CANCELLED, self.now, Reason.MOVED)
            elif row.state in (TextState.PLANNED, TextState.CANCELLED):
                # A cancelled text did not go out; its appointment was booked again.
                self._planned[row.appointment_id][row.step] = row
            else:
                self._done[row.appointment_id].add(row.step)
                if row.state in COUNTED:
                    self._sent_at[row.appointment_id][row.step] = row.claimed_at

    def claim_row(self, row: Row[Any]) -> ClaimedText | None:
        planned = PlannedAppointment(row.starts_at, ZoneInfo(row.timezone), row.answer)
        decision = self._decide(row, planned)
        self._next_due[row.id] = decision.next_at
        for skipped, reason in decision.skips:
            self._write(row, skipped, TextState.SKIPPED, {"reason": str(reason)})
        step = decision.send
        if step is None:
            return None
        try:
            claimed = self._render_step(row, step, planned)
        except MissingText as missing:
            detail = sentence(_WORDS_MISSING, missing=str(missing), release=self.content.digest, step=step.id)
            raise_alarm(self.connection, Alarm.WORDS_MISSING, self.now, detail, subject=self.content.digest)
            self.postpone(row)
            return None
        self._write(row, step, TextState.CLAIMED, self.claim_values(claimed))
        self._sent.setdefault(row.person_id, []).append(self.now)
        return claimed

    def postpone(self, row: Row[Any]) -> None:
        self._next_due[row.id] = self.now + RETRY_UNREADY

    def claim(self, limit: int, segments: int) -> list[ClaimedText]:
        claimed = super().claim(limit, segments)
        create_texts(self.connection, self._new, self.now)
        if self._next_due:
            due = update(appointment).where(appointment.c.id == bindparam("key")).values(next_due_at=bindparam("at"))
            self.connection.execute(due, [{"key": key, "at": at} for key, at in self._next_due.items()])
        return claimed

    def _decide(self, row: Row[Any], planned: PlannedAppointment) -> Decision:
        unwanted = row.status != "booked" or row.channel != "text" or row.answer == WRONG_NUMBER
        if unwanted or row.cancelled_at is not None:
            cancel_planned(self.connection, [row.id], self.now, Reason.CANCELLED)
            return Decision()
        rows, rules = self._planned[row.id], self.content.config.reminders
        decision = decide(
            planned,
            rules,
            self.now,
            renamed_steps(planned, rules, self._sent_at[row.id]) | self._done[row.id],
            self._sent.get(row.person_id, ()),
            {step: row.retry_at for step, row in rows.items() if row.retry_at},
            # A step with a time to retry was due before, or staff made it due.
            early={step for step, row in rows.items() if row.retry_at},
        )
        reason = self.blocked(row, row.opted_out_at) if decision.send else None
        if decision.send and reason:
            decision.skips.append((decision.send, reason))
            decision.send = None
        return decision

    def _write(self, row: Row[Any], step: ReminderStep, state: TextState, values: dict[str, Any]) -> None:
        planned = self._planned[row.id].get(step.id)
        if planned:
            values = {**values, "tries": planned.tries + 1, "person_id": row.person_id}
            transition(self.connection, [planned.id], state, self.now, values.pop("reason", None), **values)
        else:
            self._new.append(reminder_row(row, step.id, state, **{**_EMPTY, **values}))

    def _render_step(self, row: Row[Any], step: ReminderStep, planned: PlannedAppointment) -> ClaimedText:
        config = self.content.config
        # The line promised people who chose a language that it would keep to it.
        preferred = (row.chosen, row.language, config.default_language)
        language = next(code for code in preferred if code in config.languages)
        values = appointment_values(self.content, language, row.starts_at, row.timezone, row.site)
        until = useful_until(planned, self.now, config.reminders.quiet_hours)
        return self.render(row, step.wording, language, values, until)


_NULLS = ("reason", "attempt", "sid", "error_code", "claimed_at", "retry_at", "looked_at", "release", "body_hash")
# Rows that are inserted together need the same columns.
_EMPTY: dict[str, Any] = {**dict.fromkeys(_NULLS), "looks": 0, "tries": 1}

claim_reminders = DueReminders.claim_exclusively
