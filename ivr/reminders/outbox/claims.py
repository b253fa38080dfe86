"""Claim what is due: the one place where a planned text becomes a row, before any request is made.

The claim is committed first and carries an attempt id of 128 random bits, so that whatever breaks later
the ledger knows which texts may have gone out.
"""

from __future__ import annotations

import secrets
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Row, bindparam, func, select, update

from ivr.ledger import Ledger, Vault
from ivr.ledger.tables import appointment, batch, person, text
from ivr.line.content.config import ReminderStep
from ivr.line.content.loader import Content
from ivr.line.text.gsm7 import count_segments
from ivr.people.replies import WRONG_NUMBER
from ivr.reminders.alarms import Alarm, clear_for_others, note_probe, probed, raise_alarm, raise_missing_key, raised
from ivr.reminders.outbox.restore_guard import RestoreGuard, increase_send_count, send_count
from ivr.reminders.outbox.states import SPENT, TextState, cancel_planned, create_texts, transition
from ivr.reminders.schedule.message import MissingText, appointment_values, reminder_text
from ivr.reminders.schedule.plan import WEEK, Decision, PlannedAppointment, Reason, decide, useful_until

PROBE_AFTER = timedelta(minutes=5)
# Whether the networks take our texts again is seen from a receipt, within seconds: it is tried this much sooner.
SOONER = 10
# A text for which there are no words, or no key to its number, is looked at again after a while.
HELD_UP = timedelta(minutes=5)
RESTORED = (
    "A backup of the ledger was put back: it does not know what went out since. Nothing is sent until"
    " `infoline reminders reconcile --since` with the time of the backup."
)


@dataclass(frozen=True)
class ClaimedText:
    """A text that is ours to hand over, once, and that must have arrived by `until`.

    claimed_at: as the ledger has it, from before the claim waited for its turn.
    """

    attempt: str
    phone: str
    body: str
    segments: int
    claimed_at: datetime
    until: datetime


def due_count(ledger: Ledger, now: datetime, most: int) -> int:
    """How many appointments have something due at `now`, counted up to `most`."""
    with ledger.read() as connection:
        some = _due(now, appointment.c.id).limit(most).subquery()
        return int(connection.execute(select(func.count()).select_from(some)).scalar_one())


def claim_reminders(
    ledger: Ledger,
    vault: Vault,
    content: Content,
    now: datetime,
    limit: int,
    probe_after: timedelta = PROBE_AFTER,
    water: RestoreGuard | None = None,
) -> list[ClaimedText]:
    """Claim up to `limit` segments of texts that are due, and write down the texts that will never be sent.

    Opt-outs, the appointment, limits and quiet hours are looked at again here, at the last moment. While the
    carrier refuses us, one text goes out each `probe_after`, to find out whether it still does. water: what is known
    outside the ledger of how many were claimed; a ledger that knows of fewer claims nothing.
    """

    def take(connection: Connection, most: int) -> list[ClaimedText]:
        clear_for_others(connection, Alarm.WORDS_MISSING, content.digest)
        clear_for_others(connection, Alarm.KEY_MISSING, vault.key_ids)
        rows = due_slice(connection, now, limit)
        return _Slice(connection, vault, content, now).claim(rows, most) if rows else []

    return claim_exclusively(ledger, now, limit, probe_after, take, water)


def claim_exclusively(
    ledger: Ledger,
    now: datetime,
    limit: int,
    probe_after: timedelta,
    take: Callable[[Connection, int], list[ClaimedText]],
    water: RestoreGuard | None = None,
) -> list[ClaimedText]:
    """Claim through `take`, which is told how many segments it may, while nobody else does. Commits."""
    seen = water.read() if water else {}
    with ledger.write() as connection:
        ledger.exclusive_lock(connection)
        counted = send_count(connection)
        if seen.get(counted.epoch, 0) > counted.count:
            raise_alarm(connection, Alarm.LEDGER_RESTORED, now, RESTORED)
        claimed = _take(connection, now, limit, probe_after, take)
        reached = increase_send_count(connection, counted, len(claimed)) if claimed else None
    if water and reached:
        water.note(reached)
    return claimed


def _take(
    connection: Connection,
    now: datetime,
    limit: int,
    probe_after: timedelta,
    take: Callable[[Connection, int], list[ClaimedText]],
) -> list[ClaimedText]:
    """As many as the alarms that stand allow."""
    standing = raised(connection)
    if Alarm.LEDGER_RESTORED in standing:
        return []
    waits = {Alarm.SENDING_STOPPED: probe_after, Alarm.DELIVERY_STOPPED: probe_after / SOONER}
    stopped = {name: wait for name, wait in waits.items() if name in standing}
    if not stopped:
        return take(connection, limit)
    tried = probed(connection)
    # A moment ahead of us is of a clock that was wrong: it must not hold us up until then.
    if any(now - wait < at <= now + wait for name, wait in stopped.items() for at in (standing[name], tried) if at):
        return []
    claimed = take(connection, 1)
    if claimed:
        note_probe(connection, stopped, now)
    return claimed


def blocked_reason(opted_out_at: datetime | None, landline: bool) -> Reason | None:
    """Why a person cannot be texted."""
    return Reason.OPTED_OUT if opted_out_at else Reason.LANDLINE if landline else None


def claim_values(vault: Vault, content: Content, claimed: ClaimedText, now: datetime) -> dict[str, Any]:
    """The columns of `text` that a claim writes."""
    return {
        "attempt": claimed.attempt,
        "sid": None,
        "error_code": None,
        "claimed_at": now,
        "retry_at": None,
        "looks": 0,
        "looked_at": None,
        "release": content.digest,
        "body_hash": vault.hash(claimed.body),
    }


_OF_VISIT = ["id", "person_id", "batch_id", "starts_at", "timezone", "site", "language", "channel", "status", "answer"]


def due_slice(connection: Connection, now: datetime, limit: int) -> list[Row[Any]]:
    """The appointments that have waited longest, with what must be known of their persons and batches."""
    mine = [appointment.c[name] for name in _OF_VISIT]
    hers = (person.c.phone_sealed, person.c.opted_out_at, person.c.landline, person.c.language.label("spoken"))
    due = _due(now, *mine, *hers, batch.c.cancelled_at)
    return list(connection.execute(due.order_by(appointment.c.next_due_at, appointment.c.id).limit(limit)).all())


def _due(now: datetime, *columns: Any) -> Any:
    return (
        select(*columns)
        .select_from(appointment)
        .join(batch, batch.c.id == appointment.c.batch_id)
        .join(person, person.c.id == appointment.c.person_id)
        .where(
            appointment.c.next_due_at <= now,
            batch.c.live_at.is_not(None),
            batch.c.paused.is_(False),
        )
    )


class _Slice:
    """One claim under way: what is known about its appointments, and what is to be written."""

    def __init__(self, connection: Connection, vault: Vault, content: Content, now: datetime) -> None:
        self._connection, self._vault, self._content, self._now = connection, vault, content, now
        self._done: dict[int, set[str]] = defaultdict(set)
        self._waiting: dict[int, dict[str, Row[Any]]] = defaultdict(dict)
        self._sent: dict[int, list[datetime]] = defaultdict(list)
        self._new: list[dict[str, Any]] = []

    def claim(self, rows: list[Row[Any]], limit: int) -> list[ClaimedText]:
        self._look_up(rows)
        claimed: list[ClaimedText] = []
        later: list[dict[str, Any]] = []
        left = limit
        for row in rows:
            if left <= 0:
                break
            visit = PlannedAppointment(row.starts_at, ZoneInfo(row.timezone), row.answer)
            decision = self._decide(row, visit)
            text_of = self._worded(row, decision, visit)
            later.append({"key": row.id, "at": decision.next_at})
            for step, reason in decision.skips:
                self._write(row, step, TextState.SKIPPED, {"reason": str(reason)})
            if decision.send and text_of:
                values = claim_values(self._vault, self._content, text_of, self._now)
                self._write(row, decision.send, TextState.CLAIMED, values)
                self._sent[row.person_id].append(self._now)
                claimed.append(text_of)
                left -= text_of.segments
        create_texts(self._connection, self._new, self._now)
        due = update(appointment).where(appointment.c.id == bindparam("key"))
        self._connection.execute(due.values(next_due_at=bindparam("at")), later)
        return claimed

    def _look_up(self, rows: list[Row[Any]]) -> None:
        """Which texts of these visits exist, and when each person was last reminded: two queries for all."""
        starts = {row.id: row.starts_at for row in rows}
        for found in self._connection.execute(select(text).where(text.c.appointment_id.in_(starts))).all():
            if found.starts_at != starts[found.appointment_id]:
                if found.state == TextState.PLANNED:
                    transition(self._connection, [found.id], TextState.CANCELLED, self._now, Reason.MOVED)
            elif found.state in (TextState.PLANNED, TextState.CANCELLED):
                # Cancelled before it went out, and its visit is booked again.
                self._waiting[found.appointment_id][found.step] = found
            else:
                self._done[found.appointment_id].add(found.step)
        columns = (text.c.person_id, text.c.claimed_at, text.c.state)
        # States are picked here: with them in the question, SQLite goes through all that was sent lately.
        lately = select(*columns).where(
            text.c.person_id.in_({row.person_id for row in rows}),
            # The limits bind what the line begins; what was asked for is an answer.
            text.c.asked_in.is_(None),
            text.c.claimed_at > self._now - WEEK - timedelta(days=1),
        )
        for found in self._connection.execute(lately):
            if found.state in SPENT:
                self._sent[found.person_id].append(found.claimed_at)

    def _decide(self, row: Row[Any], visit: PlannedAppointment) -> Decision:
        unwanted = row.status != "booked" or row.channel != "text" or row.answer == WRONG_NUMBER
        if unwanted or row.cancelled_at is not None:
            cancel_planned(self._connection, [row.id], self._now, Reason.CANCELLED)
            return Decision()
        waiting = self._waiting[row.id]
        decision = decide(
            visit,
            self._content.config.reminders,
            self._now,
            frozenset(self._done[row.id]),
            self._sent[row.person_id],
            {step: found.retry_at for step, found in waiting.items() if found.retry_at},
            # What waits as a row was due once, or staff made it so.
            early=waiting.keys(),
        )
        reason = blocked_reason(row.opted_out_at, row.landline)
        if decision.send and reason:
            decision.skips.append((decision.send, reason))
            decision.send = None
        return decision

    def _write(self, row: Row[Any], step: ReminderStep, state: TextState, values: dict[str, Any]) -> None:
        waiting = self._waiting[row.id].get(step.id)
        if waiting:
            values = {**values, "tries": waiting.tries + 1, "person_id": row.person_id}
            transition(self._connection, [waiting.id], state, self._now, values.pop("reason", None), **values)
            return
        identity = {name: getattr(row, name) for name in ("person_id", "batch_id", "starts_at")}
        identity["appointment_id"] = row.id
        self._new.append({**_EMPTY, **identity, "step": step.id, "state": state, **values})

    def _worded(self, row: Row[Any], decision: Decision, visit: PlannedAppointment) -> ClaimedText | None:
        """The text that a decision sends. Without words, or a key to its number, it is looked at again later."""
        if decision.send is None:
            return None
        try:
            return self._word(row, decision.send, visit)
        except MissingText as missing:
            told = f"{missing} in release {self._content.digest}: texts of step {decision.send.id} wait for new words."
            raise_alarm(self._connection, Alarm.WORDS_MISSING, self._now, told)
        except KeyError:
            raise_missing_key(self._connection, self._vault, self._now)
        decision.next_at = self._now + HELD_UP
        return None

    def _word(self, row: Row[Any], step: ReminderStep, visit: PlannedAppointment) -> ClaimedText:
        config = self._content.config
        language = next(
            (name for name in (row.language, row.spoken) if name in config.languages), config.default_language
        )
        values = appointment_values(self._content, language, row.starts_at, row.timezone, row.site)
        body = reminder_text(self._content, step.wording, language, values)
        return ClaimedText(
            attempt=secrets.token_hex(16),
            phone=self._vault.open(row.phone_sealed),
            body=body,
            segments=count_segments(body).segments,
            claimed_at=self._now,
            until=useful_until(visit, self._now, config.reminders.quiet_hours),
        )


_OPEN = ("reason", "attempt", "sid", "error_code", "claimed_at", "retry_at", "looked_at", "release", "body_hash")
_EMPTY: dict[str, Any] = {
    **dict.fromkeys(_OPEN),
    "looks": 0,
    "tries": 1,
}
