"""Recovers from a restored backup: records the texts and opt-outs that are in the carrier's log but not the database.

Texts that went out since the backup are matched by number and body. Nothing is sent before that.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select, update

from ivr.carrier.twilio.client import INBOUND, Carrier, LoggedMessage
from ivr.ledger import Ledger, Vault
from ivr.ledger.tables import appointment, person, text
from ivr.line.content.loader import Content
from ivr.people.keywords import carrier_keyword
from ivr.people.persons import consent_changed_since, opt_in, opt_out
from ivr.reminders.alarms import Alarm, clear_alarm
from ivr.reminders.outbox.reconcile import CLOCK_TOLERANCE
from ivr.reminders.outbox.restore_guard import begin_epoch
from ivr.reminders.outbox.text_states import (
    TextState,
    create_texts,
    record_sids,
    reminder_row,
    state_at_carrier,
    transition,
)
from ivr.reminders.schedule.message import MissingText, appointment_values, reminder_text

_RESTORED = "restored"
_UNFINISHED = (TextState.PLANNED, TextState.CLAIMED, TextState.UNCERTAIN)


@dataclass
class RestoreReport:
    """Counts of messages in the carrier's log.

    texts: all that went out. known: already in the database. answers: topics that callers requested after the backup,
    which are never sent again. restored: recorded now. unmatched: to known persons, but about none of their
    appointments. strangers: to unknown numbers. sending: whether sending resumes.
    """

    texts: int = 0
    known: int = 0
    answers: int = 0
    restored: int = 0
    unmatched: int = 0
    strangers: int = 0
    opt_outs: int = 0
    opt_ins: int = 0
    sending: bool = False

    def as_json(self) -> dict[str, int | bool]:
        return asdict(self)


class Restorer:
    """Reads the carrier's log into the database.

    contents: releases that may have been live since the backup, newest first. is_stop: whether free words opt out.
    """

    def __init__(
        self, ledger: Ledger, vault: Vault, carrier: Carrier, contents: list[Content], is_stop: Callable[[str], bool]
    ) -> None:
        self._ledger, self._vault, self._carrier = ledger, vault, carrier
        self._contents, self._is_stop = contents, is_stop
        self._senders_seen: set[str] = set()
        self._topics_by_body: dict[str, set[str]] = defaultdict(set)
        for content in contents:
            for topic, body in _topic_texts(content):
                self._topics_by_body[body].add(topic)

    def run(
        self, since: datetime, now: datetime, *, go_on: bool = False, progress: Callable[[int], None] = lambda _n: None
    ) -> RestoreReport:
        """Record the messages since a moment. Safe to repeat. Raises one of UNREACHABLE.

        Sending resumes if all texts match, or with `go_on`. progress: called with the number of messages read.
        """
        report = RestoreReport()
        self._senders_seen.clear()
        for count, message in enumerate(self._carrier.log(since), start=1):
            progress(count)
            with self._ledger.write() as connection:
                self._ledger.exclusive_lock(connection)
                self._record(connection, message, now, report)
        if go_on or not (report.unmatched or report.strangers):
            with self._ledger.write() as connection:
                self._ledger.exclusive_lock(connection)
                begin_epoch(connection)
                clear_alarm(connection, Alarm.LEDGER_RESTORED, now)
            report.sending = True
        return report

    def _record(self, connection: Connection, message: LoggedMessage, now: datetime, report: RestoreReport) -> None:
        if message.direction == INBOUND:
            self._record_consent(connection, message, report)
        elif self._carrier.is_ours(message):
            report.texts += 1
            counter = self._record_text(connection, message, now)
            setattr(report, counter, getattr(report, counter) + 1)

    def _record_consent(self, connection: Connection, message: LoggedMessage, report: RestoreReport) -> None:
        """Record an opt-out or opt-in. The log is newest first, so only the first one of each sender counts."""
        keyword = carrier_keyword(message.body)
        stops = keyword == "stop" or (keyword is None and self._is_stop(message.body))
        if not (stops or keyword == "start") or message.sender in self._senders_seen:
            return
        self._senders_seen.add(message.sender)
        if consent_changed_since(connection, self._vault, message.sender, message.created_at):
            return
        record = opt_out if stops else opt_in
        if record(connection, self._vault, message.sender, message.created_at, "text", message.body):
            report.opt_outs += stops
            report.opt_ins += not stops

    def _record_text(self, connection: Connection, message: LoggedMessage, now: datetime) -> str:
        """Record one text. Returns the name of the RestoreReport field that counts it."""
        if connection.execute(select(text.c.id).where(text.c.sid == message.sid)).first():
            return "known"
        phone_hash = self._vault.hash(message.to)
        person_id = connection.execute(select(person.c.id).where(person.c.phone_hash == phone_hash)).scalar()
        if person_id is not None and (
            self._settle_unfinished(connection, person_id, message, now)
            or self._settle_requested(connection, person_id, message, now)
            or self._create_missing(connection, person_id, message, now)
        ):
            return "restored"
        if message.body in self._topics_by_body:
            return "answers"
        return "strangers" if person_id is None else "unmatched"

    def _settle_unfinished(self, connection: Connection, person_id: int, message: LoggedMessage, now: datetime) -> bool:
        """Match a text that was unfinished when the backup was made."""
        unfinished = select(text.c.id).where(
            text.c.person_id == person_id,
            text.c.sid.is_(None),
            text.c.state.in_(_UNFINISHED),
            text.c.body_hash == self._vault.hash(message.body),
        )
        text_id = connection.execute(unfinished.order_by(text.c.claimed_at.desc()).limit(1)).scalar()
        if text_id is None:
            return False
        state = state_at_carrier(message.status)
        transition(connection, [text_id], state, now, _RESTORED, error_code=message.error_code)
        record_sids(connection, {text_id: message.sid})
        return True

    def _settle_requested(self, connection: Connection, person_id: int, message: LoggedMessage, now: datetime) -> bool:
        """Match a topic that a caller had requested, and that no worker had claimed, when the backup was made."""
        requested = select(text.c.id).where(
            text.c.person_id == person_id,
            text.c.asked_in.is_not(None),
            text.c.state == TextState.PLANNED,
            text.c.step.in_(self._topics_by_body.get(message.body, ())),
            text.c.asked_at <= message.created_at + CLOCK_TOLERANCE,
        )
        text_id = connection.execute(requested.order_by(text.c.asked_at, text.c.id).limit(1)).scalar()
        if text_id is None:
            return False
        values = {"claimed_at": message.created_at, "body_hash": self._vault.hash(message.body)}
        state = state_at_carrier(message.status)
        transition(connection, [text_id], state, now, _RESTORED, error_code=message.error_code, **values)
        record_sids(connection, {text_id: message.sid})
        return True

    def _create_missing(self, connection: Connection, person_id: int, message: LoggedMessage, now: datetime) -> bool:
        """Match a text that the database lacks to an appointment and a step of its plan."""
        for row in connection.execute(select(appointment).where(appointment.c.person_id == person_id)).all():
            existing = select(text.c.step).where(text.c.appointment_id == row.id, text.c.starts_at == row.starts_at)
            steps = set(connection.execute(existing).scalars())
            for content, step, body in self._possible_texts(row):
                if body == message.body and step not in steps:
                    create_texts(connection, [self._text_row(row, content, step, message)], now)
                    has_texts_left = appointment.c.id == row.id, appointment.c.next_due_at.is_not(None)
                    connection.execute(update(appointment).where(*has_texts_left).values(next_due_at=now))
                    return True
        return False

    def _possible_texts(self, row: Row[Any]) -> Iterator[tuple[Content, str, str]]:
        """Every text that may have been sent for an appointment: (release, step, body)."""
        for content in self._contents:
            for language in content.config.languages:
                values = appointment_values(content, language, row.starts_at, row.timezone, row.site)
                for step in content.config.reminders.plan:
                    with suppress(MissingText):
                        yield content, step.id, reminder_text(content, step.wording, language, values)

    def _text_row(self, row: Row[Any], content: Content, step: str, message: LoggedMessage) -> dict[str, Any]:
        return reminder_row(
            row,
            step,
            state_at_carrier(message.status),
            reason=_RESTORED,
            sid=message.sid,
            tries=1,
            claimed_at=message.created_at,
            error_code=message.error_code,
            release=content.digest,
            body_hash=self._vault.hash(message.body),
        )


def _topic_texts(content: Content) -> Iterator[tuple[str, str]]:
    """The texts that callers may have requested: (topic, body)."""
    for language in content.config.languages:
        for topic in content.config.subjects:
            with suppress(MissingText):
                yield topic.id, reminder_text(content, topic.id, language, {})
