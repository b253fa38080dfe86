"""One person's texts by hand: what is known, stop, start, send a text now, leave one out.

A text that is asked for now becomes a planned row whose time has come; the worker claims it like any other, so that
opt-outs, limits and quiet hours are looked at once more, and it goes out once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Row, func, select, update

from ivr.ledger import Ledger, Vault
from ivr.ledger.tables import appointment, opt_out_event, person, text
from ivr.line.content.config import Config, ReminderRules, ReminderStep
from ivr.people.persons import opt_in, opt_out
from ivr.reminders.alarms import Alarm, raised
from ivr.reminders.outbox.states import TextState, create_texts, transition
from ivr.reminders.reports.export import (
    TextReport,
    appointments_query,
    local_time,
    permanent_block,
    recent_sends,
    temporary_block,
    texts_of_appointments,
)
from ivr.reminders.schedule.plan import PlannedAppointment, Reason, decide, quiet_until

MANUAL = "by_hand"
SHOWN_BACK = timedelta(days=30)

# What became of a wish, by its code.
RESULT_SENTENCES = {
    "due_now": "It goes out within moments; see it with `infoline reminders person`.",
    "waits_for_carrier": "It goes out as soon as the carrier takes our texts again: it refuses us now.",
    "already": "It is on its way out already; it goes out once.",
    "left_out": "It will not go out.",
    "written": "It is {state} already: a text goes out once, and cannot be taken back.",
    "cancelled": "The visit is cancelled: nothing goes out for it.",
    "batch_cancelled": "Its batch is cancelled: import its file anew to send again.",
    "not_hers": "Who has this number says that it is not the patient's: correct it in the file, and import that.",
    "not_by_text": "The file says that this patient gets no texts: correct the channel there, and import it.",
    "visit_over": "The visit is past: nothing more goes out for it.",
    "not_live": "Its file was not taken in to the end: import it anew.",
    "paused": "Its batch is paused: `infoline reminders resume {batch}` first.",
    "other_first": "Another text to this number is due now and goes out first: try again when the limit allows.",
    Reason.OPTED_OUT: "She asked for no texts. If she wants them again: `infoline reminders start NUMBER`.",
    Reason.LANDLINE: "The carrier says that this number is a landline: call instead.",
    Reason.CONFIRMED: "She has confirmed already, and this text asks for that.",
    Reason.LATE: "It is too late for this text to be of use.",
    Reason.QUIET: "These are quiet hours at her place: try again after {quiet_end}.",
    Reason.LIMIT: "This number had as many texts as it may: {day} a day, {week} in seven days. Call, or wait.",
}
GOOD = frozenset({"due_now", "waits_for_carrier", "already", "left_out"})


class UnknownAppointment(Exception):
    """There is no such appointment, or no such step; the message says what there is."""


@dataclass(frozen=True)
class ManualResult:
    """What became of a wish about one text. code: of SENTENCES; done: whether it is as it was wished."""

    appointment_id: str
    step: str
    code: str
    sentence: str

    @property
    def done(self) -> bool:
        return self.code in GOOD

    def as_json(self) -> dict[str, object]:
        told = {name: getattr(self, name) for name in ("appointment_id", "step", "done", "code")}
        return {**told, "message": self.sentence}


class ManualActions:
    """What staff do about one person or one visit."""

    def __init__(self, ledger: Ledger, vault: Vault, config: Config) -> None:
        self._ledger, self._vault, self._config = ledger, vault, config
        self._rules = config.reminders

    def person(self, phone: str, now: datetime) -> dict[str, Any]:
        """What is known about a number (E.164): opted out since when and how, visits from 30 days ago on, their texts.

        Moments are local, with their distance from UTC; "known" is False when nothing is.
        """
        with self._ledger.read() as connection:
            columns = (person.c[name] for name in ("id", "opted_out_at", "landline", "language"))
            one = connection.execute(select(*columns).where(person.c.phone_hash == self._vault.hash(phone))).first()
            if one is None:
                return {"known": False, "opted_out": None, "landline": False, "language": None, "appointments": []}
            hers = appointments_query().where(
                appointment.c.person_id == one.id, appointment.c.starts_at > now - SHOWN_BACK
            )
            rows = connection.execute(hers.order_by(appointment.c.starts_at, appointment.c.id)).all()
            return {
                "known": True,
                "opted_out": self._opted_out(connection, one),
                "landline": one.landline,
                "language": one.language,
                "appointments": [
                    _visit_told(row, lines) for row, lines in texts_of_appointments(connection, rows, self._rules, now)
                ],
            }

    def _opted_out(self, connection: Connection, one: Row[Any]) -> dict[str, str] | None:
        if one.opted_out_at is None:
            return None
        source = _last_stop(connection, opt_out_event.c.person_id == one.id)
        return {"since": local_time(one.opted_out_at, self._config.zone), "source": source or "unknown"}

    def stop(self, phone: str, because: str, now: datetime) -> bool:
        """Never again begin a text to this number (E.164). because: kept, sealed. False: it was so already."""
        with self._ledger.write() as connection:
            # A claim under way goes on or sees it, but never meets half of it.
            self._ledger.exclusive_lock(connection)
            return opt_out(connection, self._vault, phone, now, "staff", because)

    def start(self, phone: str, because: str, now: datetime) -> str | None:
        """Take an opt-out back. Returns where it had come from; None: there was none."""
        with self._ledger.write() as connection:
            self._ledger.exclusive_lock(connection)
            hers = select(person.c.id).where(person.c.phone_hash == self._vault.hash(phone)).scalar_subquery()
            source = _last_stop(connection, opt_out_event.c.person_id == hers)
            changed = opt_in(connection, self._vault, phone, now, "staff", because)
            return (source or "unknown") if changed else None

    def send(self, name: str, step_id: str, now: datetime) -> ManualResult:
        """Make a text that is still to come due now. Raises NotKnown."""
        with self._ledger.write() as connection:
            self._ledger.exclusive_lock(connection)
            visit = _VisitByHand(connection, self._rules, name, now)
            return visit.send(visit.step(step_id))

    def skip(self, name: str, step_id: str | None, now: datetime) -> list[ManualResult]:
        """Leave out one text of a visit, or all that are still to come. Raises NotKnown."""
        with self._ledger.write() as connection:
            self._ledger.exclusive_lock(connection)
            visit = _VisitByHand(connection, self._rules, name, now)
            return visit.skip([visit.step(step_id)] if step_id else self._rules.plan)


def _last_stop(connection: Connection, whose: Any) -> str | None:
    """Through which door the last opt-out came."""
    stops = select(opt_out_event.c.source).where(whose, opt_out_event.c.kind == "stop")
    newest = stops.order_by(opt_out_event.c.at.desc(), opt_out_event.c.id.desc()).limit(1)
    source: str | None = connection.execute(newest).scalar_one_or_none()
    return source


def _visit_told(row: Row[Any], lines: list[TextReport]) -> dict[str, Any]:
    zone = ZoneInfo(row.timezone)
    return {
        **{name: getattr(row, name) for name in ("appointment_id", "site", "status", "answer")},
        "batch": row.batch_id,
        "starts_at": local_time(row.starts_at, zone),
        "answered_at": local_time(row.answered_at, zone) or None,
        "texts": [_text_told(line, zone) for line in lines],
    }


def _text_told(line: TextReport, zone: ZoneInfo) -> dict[str, str | None]:
    moments = ("starts_at", "due_at", "handed_over_at", "changed_at")
    told = {"step": line.step, "state": line.state.value, "reason": line.reason}
    return {**told, **{name: local_time(getattr(line, name), zone) or None for name in moments}}


class _VisitByHand:
    """One visit in the hand of somebody, within one transaction."""

    def __init__(self, connection: Connection, rules: ReminderRules, name: str, now: datetime) -> None:
        self._connection, self._rules, self._now = connection, rules, now
        row = connection.execute(appointments_query().where(appointment.c.appointment_id == name)).first()
        if row is None:
            raise UnknownAppointment(f"There is no appointment {name}: write its appointment_id as the file has it.")
        self._row = row
        self._visit = PlannedAppointment(row.starts_at, ZoneInfo(row.timezone), row.answer)
        mine = (text.c.appointment_id == row.id) & (text.c.starts_at == row.starts_at)
        self._texts = {one.step: one for one in connection.execute(select(text).where(mine))}

    def step(self, step_id: str) -> ReminderStep:
        for step in self._rules.plan:
            if step.id == step_id:
                return step
        known = ", ".join(step.id for step in self._rules.plan)
        raise UnknownAppointment(f"There is no step {step_id} in the plan: use one of {known}.")

    def send(self, step: ReminderStep) -> ManualResult:
        left_out = self._texts.get(step.id)
        if left_out and (left_out.state, left_out.reason) == (TextState.SKIPPED, MANUAL):
            # As though it had never been written.
            del self._texts[step.id]
        else:
            left_out = None
        reason = self._done(step) or self._ended() or temporary_block(self._row)
        if reason:
            return self._outcome(step, reason)
        if step.id in self._texts:
            return self._outcome(step, "already")
        reason = self._not_now(step)
        if reason:
            return self._outcome(step, reason)
        if left_out:
            transition(self._connection, [left_out.id], TextState.PLANNED, self._now, MANUAL, retry_at=self._now)
        else:
            self._begin(step, TextState.PLANNED, retry_at=self._now)
        self._look_again(self._now)
        refused = raised(self._connection).keys() & {Alarm.SENDING_STOPPED, Alarm.DELIVERY_STOPPED}
        return self._outcome(step, "waits_for_carrier" if refused else "due_now")

    def skip(self, steps: Iterable[ReminderStep]) -> list[ManualResult]:
        outcomes = [self._skip(step) for step in steps]
        left_out = {outcome.step for outcome in outcomes if outcome.done}
        if left_out and self._row.next_due_at is not None:
            waiting = {name: one for name, one in self._waiting().items() if name not in left_out}
            done = (self._texts.keys() | left_out) - waiting.keys()
            decision = decide(
                self._visit, self._rules, self._now, frozenset(done), self._sent(), waiting, waiting.keys()
            )
            self._look_again(self._now if decision.send or decision.skips else decision.next_at)
        return outcomes

    def _skip(self, step: ReminderStep) -> ManualResult:
        reason = self._done(step) or ("visit_over" if self._row.starts_at <= self._now else None)
        if reason:
            return self._outcome(step, reason)
        waiting = self._texts.get(step.id)
        if waiting:
            transition(self._connection, [waiting.id], TextState.SKIPPED, self._now, MANUAL)
        else:
            self._begin(step, TextState.SKIPPED)
        return self._outcome(step, "left_out")

    def _done(self, step: ReminderStep) -> str | None:
        one = self._texts.get(step.id)
        return "written" if one and one.state != TextState.PLANNED else None

    def _ended(self) -> str | None:
        ends = permanent_block(self._row)
        if ends:
            return ends[1]
        return "visit_over" if self._row.starts_at <= self._now else None

    def _not_now(self, step: ReminderStep) -> str | None:
        """What the plan's own rules say against this text at this moment."""
        waiting = self._waiting()
        done = frozenset(self._texts.keys() - waiting.keys())
        sent = self._sent() + [self._now] * self._about_to_go()
        asked = {**waiting, step.id: self._now}
        decision = decide(self._visit, self._rules, self._now, done, sent, asked, asked.keys())
        if decision.send and decision.send.id == step.id:
            return None
        for skipped, reason in decision.skips:
            if skipped.id == step.id:
                return reason
        if quiet_until(self._now, self._visit.zone, self._rules.quiet_hours):
            return Reason.QUIET
        return "other_first" if decision.send else Reason.LIMIT

    def _waiting(self) -> dict[str, datetime]:
        """From when on the texts are tried that wait."""
        return {
            name: one.retry_at for name, one in self._texts.items() if one.state == TextState.PLANNED and one.retry_at
        }

    def _sent(self) -> list[datetime]:
        return recent_sends(self._connection, {self._row.person_id}, self._now)[self._row.person_id]

    def _about_to_go(self) -> int:
        """Texts about her other visits that wait for nothing but a worker: each will take its place in the limits."""
        theirs = (text.c.person_id == self._row.person_id) & (text.c.appointment_id != self._row.id)
        waits = (text.c.state == TextState.PLANNED) & (text.c.retry_at <= self._now)
        return int(self._connection.execute(select(func.count()).select_from(text).where(theirs, waits)).scalar_one())

    def _begin(self, step: ReminderStep, state: TextState, **values: Any) -> None:
        row = self._row
        identity = {name: getattr(row, name) for name in ("person_id", "batch_id", "starts_at")}
        identity["appointment_id"] = row.id
        create_texts(
            self._connection, [{**identity, "step": step.id, "state": state, "reason": MANUAL, **values}], self._now
        )

    def _look_again(self, at: datetime | None) -> None:
        mine = appointment.c.id == self._row.id
        self._connection.execute(update(appointment).where(mine).values(next_due_at=at))

    def _outcome(self, step: ReminderStep, code: str) -> ManualResult:
        one, limits = self._texts.get(step.id), self._rules.per_number
        sentence = RESULT_SENTENCES[code].format(
            state=one.state.replace("_", " ") if one else "",
            batch=self._row.batch_id,
            quiet_end=self._rules.quiet_hours.end.strftime("%H:%M"),
            day=limits.day,
            week=limits.week,
        )
        return ManualResult(self._row.appointment_id, step.id, str(code), sentence)
