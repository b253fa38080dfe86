"""Manual actions on one person or appointment: look up, opt out, opt in, send a text now, skip one, plan it again.

A text that staff send becomes a planned row that is due now. A worker claims it like any other, so opt-outs, limits
and quiet hours are checked again, and it goes out once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Row, func, select, update

from ivr.ledger import Ledger, Vault
from ivr.ledger.tables import appointment, opt_out_event, person, text
from ivr.line.content.config import Config, ReminderRules, ReminderStep
from ivr.people.persons import opt_in, opt_out
from ivr.reminders.alarms import Alarm, raised
from ivr.reminders.outbox.claims import recent_sends
from ivr.reminders.outbox.text_states import (
    PLANNED_AGAIN,
    TextState,
    create_texts,
    make_due,
    reminder_row,
    transition,
)
from ivr.reminders.reports.appointment_texts import (
    TextReport,
    TextReporter,
    appointments_query,
    local_time,
    permanent_block,
    temporary_block,
)
from ivr.reminders.schedule.plan import PlannedAppointment, Reason, decide, due_at, quiet_until

MANUAL = "by_hand"
SHOWN_FOR = timedelta(days=30)

# Printed after an action, by the code of its outcome.
RESULT_SENTENCES = {
    "due_now": "It goes out within moments; see `infoline reminders person`.",
    "waits_for_carrier": "The carrier refuses our texts now: it goes out as soon as the carrier accepts them again.",
    "already": "It is being sent already; it goes out once.",
    "left_out": "It will not go out.",
    "planned_again": "It is planned again, and goes out at its time.",
    "not_left_out": "Nobody left it out by hand, so there is nothing to take back.",
    "time_passed": "Its time has passed: `infoline reminders send` sends it now.",
    "written": "It is {state} already: a text goes out once and cannot be recalled.",
    "cancelled": "The appointment is cancelled: nothing is sent for it.",
    "batch_cancelled": "Its batch is cancelled: import its file again to send its texts.",
    "not_hers": "A reply from this number says that it is not the patient's: correct the file and import it again.",
    "not_by_text": "The file says that this patient gets no texts: correct the channel and import it again.",
    "visit_over": "The appointment is over: nothing more is sent for it.",
    "not_live": "The import of its file did not finish: import it again.",
    "paused": "Its batch is paused: run `infoline reminders resume {batch}` first.",
    "other_first": "Another text to this number is due now and goes out first: try again when the limits allow.",
    Reason.OPTED_OUT: "The patient opted out. If they want texts again: `infoline reminders start NUMBER`.",
    Reason.LANDLINE: "The carrier reports that this number is a landline: call instead.",
    Reason.CONFIRMED: "The patient has confirmed already, and this text asks for that.",
    Reason.LATE: "It is too late for this text to be useful.",
    Reason.QUIET: "It is in the patient's quiet hours: try again after {quiet_end}.",
    Reason.LIMIT: "This number has reached its limit of texts, {day} a day and {week} in seven days: call, or wait.",
}
_SUCCESSES = frozenset({"due_now", "waits_for_carrier", "already", "left_out", "planned_again"})
Record = Callable[[Connection], None]
"""Adds an entry to the audit log, in the transaction of an action."""


def _no_record(_connection: Connection) -> None:
    """For commands, which record after the action."""


class UnknownAppointment(Exception):
    """The appointment or step does not exist; the message explains what to use."""


@dataclass(frozen=True)
class ManualResult:
    """The outcome of an action on one text. code: a key of RESULT_SENTENCES. values: what its sentence names."""

    appointment_id: str
    step: str
    code: str
    values: Mapping[str, object] = field(default_factory=dict)

    @property
    def done(self) -> bool:
        return self.code in _SUCCESSES

    @property
    def sentence(self) -> str:
        """What a command prints."""
        return RESULT_SENTENCES[self.code].format(**self.values)

    def as_json(self) -> dict[str, object]:
        fields = {name: getattr(self, name) for name in ("appointment_id", "step", "done", "code")}
        return {**fields, "message": self.sentence}


class ManualActions:
    """What staff can do for one person or one appointment. record: called in the transaction of each action."""

    def __init__(self, ledger: Ledger, vault: Vault, config: Config, record: Record = _no_record) -> None:
        self._ledger, self._vault, self._config, self._record = ledger, vault, config, record
        self._rules = config.reminders

    @contextmanager
    def _action(self) -> Iterator[Connection]:
        """A transaction that holds the lock, under which a claim sees all of an action or none of it."""
        with self._ledger.write() as connection:
            self._ledger.exclusive_lock(connection)
            yield connection
            self._record(connection)

    def person(self, phone: str, now: datetime) -> dict[str, Any]:
        """All data on a number (E.164): opt-out, appointments since 30 days ago, and their texts. Times are local.

        "known" is False if there is nothing.
        """
        with self._ledger.read() as connection:
            columns = (person.c[name] for name in ("id", "opted_out_at", "landline", "language"))
            row = connection.execute(select(*columns).where(person.c.phone_hash == self._vault.hash(phone))).first()
            if row is None:
                return {"known": False, "opted_out": None, "landline": False, "language": None, "appointments": []}
            recent = appointments_query().where(
                appointment.c.person_id == row.id, appointment.c.starts_at > now - SHOWN_FOR
            )
            appointments = connection.execute(recent.order_by(appointment.c.starts_at, appointment.c.id)).all()
            return {
                "known": True,
                "opted_out": opt_out_of(connection, row.id, self._config.zone),
                "landline": row.landline,
                "language": row.language,
                "appointments": [
                    _appointment_json(*report)
                    for report in TextReporter(self._rules, now).report(connection, appointments)
                ],
            }

    def stop(self, phone: str, reason: str, now: datetime) -> bool:
        """Opt a number (E.164) out of reminders. reason: stored sealed. Returns False if it was opted out already."""
        with self._action() as connection:
            return opt_out(connection, self._vault, phone, now, "staff", reason)

    def start(self, phone: str, reason: str, now: datetime) -> str | None:
        """Revoke an opt-out. Returns the source of the opt-out; None if there was none."""
        with self._action() as connection:
            person_id = select(person.c.id).where(person.c.phone_hash == self._vault.hash(phone)).scalar_subquery()
            source = _opt_out_source(connection, opt_out_event.c.person_id == person_id)
            changed = opt_in(connection, self._vault, phone, now, "staff", reason)
            return (source or "unknown") if changed else None

    def send(self, appointment_id: str, step_id: str, now: datetime) -> ManualResult:
        """Make an upcoming text due now. Raises UnknownAppointment."""
        with self._action() as connection:
            actions = _AppointmentActions(connection, self._rules, appointment_id, now)
            return actions.send(actions.step(step_id))

    def skip(self, appointment_id: str, step_id: str | None, now: datetime) -> list[ManualResult]:
        """Skip one upcoming text of an appointment, or all of them. Raises UnknownAppointment."""
        with self._action() as connection:
            actions = _AppointmentActions(connection, self._rules, appointment_id, now)
            return actions.skip([actions.step(step_id)] if step_id else self._rules.plan)

    def unskip(self, appointment_id: str, step_id: str | None, now: datetime) -> list[ManualResult]:
        """Plan one skipped text of an appointment again, or all of them whose time is ahead. Raises
        UnknownAppointment."""
        with self._action() as connection:
            actions = _AppointmentActions(connection, self._rules, appointment_id, now)
            return actions.unskip([actions.step(step_id)] if step_id else self._rules.plan)


def opt_out_of(connection: Connection, person_id: int, zone: ZoneInfo) -> dict[str, str] | None:
    """Since when a person is opted out, and by what; None if they are not."""
    opted_out_at = connection.execute(select(person.c.opted_out_at).where(person.c.id == person_id)).scalar_one()
    if opted_out_at is None:
        return None
    source = _opt_out_source(connection, opt_out_event.c.person_id == person_id)
    return {"since": local_time(opted_out_at, zone), "source": source or "unknown"}


def _opt_out_source(connection: Connection, is_person: Any) -> str | None:
    """The source of a person's last opt-out."""
    stops = select(opt_out_event.c.source).where(is_person, opt_out_event.c.kind == "stop")
    newest = stops.order_by(opt_out_event.c.at.desc(), opt_out_event.c.id.desc()).limit(1)
    source: str | None = connection.execute(newest).scalar_one_or_none()
    return source


def _appointment_json(row: Row[Any], texts: list[TextReport]) -> dict[str, Any]:
    zone = ZoneInfo(row.timezone)
    return {
        **{name: getattr(row, name) for name in ("appointment_id", "site", "status", "answer")},
        "batch": row.batch_id,
        "starts_at": local_time(row.starts_at, zone),
        "answered_at": local_time(row.answered_at, zone) or None,
        "texts": [{name: cell or None for name, cell in report.cells(zone).items()} for report in texts],
    }


def _is_left_out(row: Row[Any]) -> bool:
    """Whether staff skipped a text."""
    return bool(row.state == TextState.SKIPPED and row.reason == MANUAL)


def _follows_plan(row: Row[Any]) -> bool:
    """Whether a text that was planned again waits for its time in the plan."""
    return bool(row.state == TextState.PLANNED and row.retry_at is None)


class _AppointmentActions:
    """Actions on the texts of one appointment, within one transaction that holds the exclusive lock."""

    def __init__(self, connection: Connection, rules: ReminderRules, appointment_id: str, now: datetime) -> None:
        self._connection, self._rules, self._now = connection, rules, now
        row = connection.execute(appointments_query().where(appointment.c.appointment_id == appointment_id)).first()
        if row is None:
            raise UnknownAppointment(
                f"There is no appointment {appointment_id}: use its appointment_id as it is in the file."
            )
        self._row = row
        self._appointment = PlannedAppointment(row.starts_at, ZoneInfo(row.timezone), row.answer)
        current = (text.c.appointment_id == row.id) & (text.c.starts_at == row.starts_at)
        self._texts = {text_row.step: text_row for text_row in connection.execute(select(text).where(current))}

    def step(self, step_id: str) -> ReminderStep:
        steps = {step.id: step for step in self._rules.plan}
        if step_id not in steps:
            raise UnknownAppointment(f"There is no step {step_id} in the plan: use one of {', '.join(steps)}.")
        return steps[step_id]

    def send(self, step: ReminderStep) -> ManualResult:
        row = self._texts.get(step.id)
        if row and (_is_left_out(row) or _follows_plan(row)):
            # Decide as if it had never been skipped.
            del self._texts[step.id]
        else:
            row = None
        reason = (
            self._sent_reason(step)
            or self._end_reason()
            or temporary_block(self._row)
            or ("already" if step.id in self._texts else self._plan_reason(step))
        )
        if reason:
            return self._result(step, reason)
        if row is None:
            self._create(step, TextState.PLANNED, retry_at=self._now)
        elif _is_left_out(row):
            transition(self._connection, [row.id], TextState.PLANNED, self._now, MANUAL, retry_at=self._now)
        else:
            make_due(self._connection, row.id, self._now, MANUAL)
        self._set_next_due(self._now)
        stopped = raised(self._connection).keys() & {Alarm.SENDING_STOPPED, Alarm.DELIVERY_STOPPED}
        return self._result(step, "waits_for_carrier" if stopped else "due_now")

    def skip(self, steps: Iterable[ReminderStep]) -> list[ManualResult]:
        results = [self._skip(step) for step in steps]
        skipped = {result.step for result in results if result.done}
        if skipped and self._row.next_due_at is not None:
            retries = {step: retry_at for step, retry_at in self._retries().items() if step not in skipped}
            done = self._done() | skipped
            decision = decide(self._appointment, self._rules, self._now, done, self._sent(), retries, retries.keys())
            self._set_next_due(self._now if decision.send or decision.skips else decision.next_at)
        return results

    def _skip(self, step: ReminderStep) -> ManualResult:
        reason = self._sent_reason(step) or ("visit_over" if self._row.starts_at <= self._now else None)
        if reason:
            return self._result(step, reason)
        planned = self._texts.get(step.id)
        if planned:
            transition(self._connection, [planned.id], TextState.SKIPPED, self._now, MANUAL)
        else:
            self._create(step, TextState.SKIPPED)
        return self._result(step, "left_out")

    def unskip(self, steps: Iterable[ReminderStep]) -> list[ManualResult]:
        results, dues = list[ManualResult](), [self._row.next_due_at]
        for step in steps:
            due = due_at(step, self._appointment, self._rules.quiet_hours)
            results.append(self._unskip(step, due))
            if results[-1].done:
                dues.append(due)
        if len(dues) > 1:
            self._set_next_due(min(filter(None, dues)))
        return results

    def _unskip(self, step: ReminderStep, due: datetime) -> ManualResult:
        row = self._texts.get(step.id)
        if row is None or not _is_left_out(row):
            return self._result(step, "not_left_out")
        reason = self._end_reason() or ("time_passed" if due <= self._now else None)
        if reason:
            return self._result(step, reason)
        transition(self._connection, [row.id], TextState.PLANNED, self._now, PLANNED_AGAIN, retry_at=None)
        return self._result(step, "planned_again")

    def _sent_reason(self, step: ReminderStep) -> str | None:
        row = self._texts.get(step.id)
        return "written" if row and row.state != TextState.PLANNED else None

    def _end_reason(self) -> str | None:
        block = permanent_block(self._row)
        if block:
            return block[1]
        return "visit_over" if self._row.starts_at <= self._now else None

    def _plan_reason(self, step: ReminderStep) -> str | None:
        """Why the rules of the plan forbid this text now; None if they allow it."""
        retries = self._retries()
        done = self._done()
        sent = self._sent() + [self._now] * self._about_to_send()
        with_step = {**retries, step.id: self._now}
        decision = decide(self._appointment, self._rules, self._now, done, sent, with_step, with_step.keys())
        if decision.send and decision.send.id == step.id:
            return None
        for skipped, reason in decision.skips:
            if skipped.id == step.id:
                return reason
        if quiet_until(self._now, self._appointment.zone, self._rules.quiet_hours):
            return Reason.QUIET
        return "other_first" if decision.send else Reason.LIMIT

    def _done(self) -> frozenset[str]:
        """The steps that are not to come."""
        return frozenset(step for step, row in self._texts.items() if row.state != TextState.PLANNED)

    def _retries(self) -> dict[str, datetime]:
        """When the planned texts may be tried, by step."""
        return {
            step: row.retry_at for step, row in self._texts.items() if row.state == TextState.PLANNED and row.retry_at
        }

    def _sent(self) -> list[datetime]:
        return recent_sends(self._connection, {self._row.person_id}, self._now)[self._row.person_id]

    def _about_to_send(self) -> int:
        """How many texts about the patient's other appointments wait for a worker. They count toward the limits."""
        others = (text.c.person_id == self._row.person_id) & (text.c.appointment_id != self._row.id)
        due = (text.c.state == TextState.PLANNED) & (text.c.retry_at <= self._now)
        return int(self._connection.execute(select(func.count()).select_from(text).where(others, due)).scalar_one())

    def _create(self, step: ReminderStep, state: TextState, **values: Any) -> None:
        create_texts(self._connection, [reminder_row(self._row, step.id, state, reason=MANUAL, **values)], self._now)

    def _set_next_due(self, next_due_at: datetime | None) -> None:
        is_appointment = appointment.c.id == self._row.id
        self._connection.execute(update(appointment).where(is_appointment).values(next_due_at=next_due_at))

    def _result(self, step: ReminderStep, code: str) -> ManualResult:
        row, limits = self._texts.get(step.id), self._rules.per_number
        values = {
            "state": row.state.replace("_", " ") if row else "",
            "batch": self._row.batch_id,
            "quiet_end": self._rules.quiet_hours.end.strftime("%H:%M"),
            "day": limits.day,
            "week": limits.week,
        }
        return ManualResult(self._row.appointment_id, step.id, str(code), values)
