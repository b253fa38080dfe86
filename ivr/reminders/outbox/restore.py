"""After a backup of the ledger was put back: what the carrier's log knows and the ledger does not is written down.

Each text that went out since is found by its number and words; who asked for no more texts since, or for them again,
is remembered again. Only then is anything sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select, update

from ivr.carrier.twilio.client import INBOUND, Carrier, LoggedMessage
from ivr.carrier.twilio.statuses import STATE_BY_STATUS
from ivr.ledger import Ledger, Vault
from ivr.ledger.tables import appointment, person, text
from ivr.line.content.loader import Content
from ivr.people.keywords import carrier_keyword
from ivr.people.persons import consent_changed_since, opt_in, opt_out
from ivr.reminders.alarms import Alarm, clear_alarm
from ivr.reminders.outbox.restore_guard import begin_epoch
from ivr.reminders.outbox.states import TextState, create_texts, record_sids, transition
from ivr.reminders.schedule.message import MissingText, appointment_values, reminder_text

RESTORED = "restored"
_OPEN = (TextState.PLANNED, TextState.CLAIMED, TextState.UNCERTAIN)


@dataclass
class RestoreReport:
    """What was found in the carrier's log.

    texts: all that went out. known: of which the ledger knew. answers: what callers had asked for, which nobody sends
    again by itself. restored: of which it knows now. unmatched: to persons of the ledger, but not the words of any
    visit of theirs. strangers: to numbers that the ledger does not know. sending: whether texts go out again.
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
    """Reads the carrier's log into the ledger. contents: the words that may have been live since, newest first.

    is_stop: whether words that are no keyword ask for no more texts.
    """

    def __init__(
        self, ledger: Ledger, vault: Vault, carrier: Carrier, contents: list[Content], is_stop: Callable[[str], bool]
    ) -> None:
        self._ledger, self._vault, self._carrier = ledger, vault, carrier
        self._contents, self._is_stop = contents, is_stop
        self._heeded: set[str] = set()
        self._answers = {body for content in contents for body in _answers(content)}

    def run(
        self, since: datetime, now: datetime, *, go_on: bool = False, seen: Callable[[int], None] = lambda _n: None
    ) -> RestoreReport:
        """Enter what went out and came in since a moment. Safe to run again. Raises one of UNREACHABLE.

        Sending begins again when all was matched; go_on: even when not. seen: told how many were looked at.
        """
        told = RestoreReport()
        self._heeded.clear()
        for number, found in enumerate(self._carrier.log(since), start=1):
            seen(number)
            with self._ledger.write() as connection:
                self._ledger.exclusive_lock(connection)
                self._enter(connection, found, now, told)
        if go_on or not (told.unmatched or told.strangers):
            with self._ledger.write() as connection:
                self._ledger.exclusive_lock(connection)
                begin_epoch(connection)
                clear_alarm(connection, Alarm.LEDGER_RESTORED, now)
            told.sending = True
        return told

    def _enter(self, connection: Connection, found: LoggedMessage, now: datetime, told: RestoreReport) -> None:
        if found.direction == INBOUND:
            self._heed(connection, found, told)
        elif self._carrier.is_ours(found):
            told.texts += 1
            what = self._place(connection, found, now)
            setattr(told, what, getattr(told, what) + 1)

    def _heed(self, connection: Connection, found: LoggedMessage, told: RestoreReport) -> None:
        """Newest first: what was said last is what holds."""
        keyword = carrier_keyword(found.body)
        stops = keyword == "stop" or (keyword is None and self._is_stop(found.body))
        if not (stops or keyword == "start") or found.sender in self._heeded:
            return
        self._heeded.add(found.sender)
        if consent_changed_since(connection, self._vault, found.sender, found.created_at):
            return
        record = opt_out if stops else opt_in
        if record(connection, self._vault, found.sender, found.created_at, "text", found.body):
            told.opt_outs += stops
            told.opt_ins += not stops

    def _place(self, connection: Connection, found: LoggedMessage, now: datetime) -> str:
        """Write one text down. Returns under which heading it counts."""
        if connection.execute(select(text.c.id).where(text.c.sid == found.sid)).first():
            return "known"
        hashed = self._vault.hash(found.to)
        her = connection.execute(select(person.c.id).where(person.c.phone_hash == hashed)).scalar()
        if her is not None and (self._settle(connection, her, found, now) or self._begin(connection, her, found, now)):
            return "restored"
        if found.body in self._answers:
            return "answers"
        return "strangers" if her is None else "unmatched"

    def _settle(self, connection: Connection, her: int, found: LoggedMessage, now: datetime) -> bool:
        """A text that was under way when the backup was made."""
        under_way = select(text.c.id).where(
            text.c.person_id == her,
            text.c.sid.is_(None),
            text.c.state.in_(_OPEN),
            text.c.body_hash == self._vault.hash(found.body),
        )
        number = connection.execute(under_way.order_by(text.c.claimed_at.desc()).limit(1)).scalar()
        if number is None:
            return False
        transition(connection, [number], _state(found), now, RESTORED, error_code=found.error_code)
        record_sids(connection, {number: found.sid})
        return True

    def _begin(self, connection: Connection, her: int, found: LoggedMessage, now: datetime) -> bool:
        """A text of which the ledger knows nothing: of which visit, and which step of the plan?"""
        for row in connection.execute(select(appointment).where(appointment.c.person_id == her)).all():
            written = select(text.c.step).where(text.c.appointment_id == row.id, text.c.starts_at == row.starts_at)
            steps = set(connection.execute(written).scalars())
            for content, step, body in self._bodies(row):
                if body == found.body and step not in steps:
                    create_texts(connection, [self._row(row, content, step, found)], now)
                    again = update(appointment).where(
                        appointment.c.id == row.id, appointment.c.next_due_at.is_not(None)
                    )
                    connection.execute(again.values(next_due_at=now))
                    return True
        return False

    def _bodies(self, row: Row[Any]) -> Iterator[tuple[Content, str, str]]:
        """All that may have been said of a visit: (release, step, words)."""
        for content in self._contents:
            for language in content.config.languages:
                values = appointment_values(content, language, row.starts_at, row.timezone, row.site)
                for step in content.config.reminders.plan:
                    try:
                        yield content, step.id, reminder_text(content, step.wording, language, values)
                    except MissingText:
                        continue

    def _row(self, row: Row[Any], content: Content, step: str, found: LoggedMessage) -> dict[str, Any]:
        return {
            "appointment_id": row.id,
            **{name: getattr(row, name) for name in ("person_id", "batch_id", "starts_at")},
            "step": step,
            "state": _state(found),
            "reason": RESTORED,
            "sid": found.sid,
            "tries": 1,
            "claimed_at": found.created_at,
            "error_code": found.error_code,
            "release": content.digest,
            "body_hash": self._vault.hash(found.body),
        }


def _answers(content: Content) -> Iterator[str]:
    """The topics as a caller may have had them sent to her."""
    for language in content.config.languages:
        for topic in content.config.topics:
            with suppress(MissingText):
                yield reminder_text(content, topic.id, language, {})


def _state(found: LoggedMessage) -> TextState:
    return TextState(STATE_BY_STATUS.get(found.status, "handed_over"))
