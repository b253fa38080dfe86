"""Alarms: problems that an operator must fix. Each is in the database once and logged once until it is cleared.

The history keeps when each began, was seen, and ended."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import ColumnElement, Connection, delete, insert, select, update

from ivr import clock, log
from ivr.i18n import N_, Sentence, filled, sentence
from ivr.ledger import Vault
from ivr.ledger.tables import alarm, alarm_event, mark


class Alarm(StrEnum):
    """The names of the alarms, as `reminders status`, /metrics and the log show them."""

    SENDING_STOPPED = "sending_stopped"  # the carrier refuses our account or sender
    DELIVERY_STOPPED = "delivery_stopped"  # the carrier accepts our texts, but the networks refuse our sender
    LEDGER_RESTORED = "ledger_restored"  # the database has fewer texts than were sent
    KEY_MISSING = "key_missing"  # a number is sealed with a key that PHONE_KEY does not list
    WORDS_MISSING = "words_missing"  # a release has no text for a step of the plan
    BACKLOG = "backlog"  # a text has waited for over ten minutes
    RECEIPTS_MISSING = "receipts_missing"  # most recent texts have no delivery receipt
    REQUESTED_TEXTS_CAPPED = "requested_texts_capped"  # callers ask for more texts than the limit for one hour
    ANSWERED_TEXTS_CAPPED = "answered_texts_capped"  # more texts come in than are answered in one hour
    CALLS_CAPPED = "calls_capped"  # calls are refused because of a limit
    TRANSFERS_CAPPED = "transfers_capped"  # calls are not transferred because of a limit
    CALLBACKS_CAPPED = "callbacks_capped"  # callers ask for more call-backs than the limit for one hour
    CLOCK_SILENT = "clock_silent"  # no clock process has run for a minute
    SIGNATURES_REFUSED = "signatures_refused"  # webhooks have wrong signatures, and none has a valid one
    HL7_UNREAD = "hl7_unread"  # messages of an HL7 feed could not be read, and wait for staff
    FHIR_REJECTED = "fhir_rejected"  # appointments of a FHIR server could not be imported, and wait for staff
    FILE_MISSING = "file_missing"  # no file came into the watched folder by the expected hour
    FILE_FAILED = "file_failed"  # a file of the watched folder was not imported, and no good one has come since
    FEED_SILENT = "feed_silent"  # the process of a feed that should run has not worked for ten minutes
    FHIR_PULL_FAILED = "fhir_pull_failed"  # a FHIR server refuses us, does not answer, or answers nonsense


MAX_RETRY_DELAY = timedelta(hours=1)
"""Upper bound of the back-off between two attempts to send a text."""
_PROBE = "probe"
_MISSING_KEY = N_(
    "A sealed value needs a key that PHONE_KEY does not list: add the old keys after the newest one."
    " Key ids in use: {ids}"
)


def raise_alarm(connection: Connection, name: Alarm, now: datetime, detail: Sentence | str, subject: str = "") -> None:
    """Raise an alarm unless it is active. detail: a string is in the words of another system.

    subject: the release or the keys at fault, for `clear_other_subjects`.
    """
    if not connection.execute(select(alarm.c.name).where(alarm.c.name == name)).first():
        explanation = detail if isinstance(detail, tuple) else sentence("{text}", text=detail)
        words = filled(explanation)
        connection.execute(insert(alarm).values(name=name, raised_at=now, detail=words, subject=subject))
        connection.execute(insert(alarm_event).values(name=name, raised_at=now, detail=json.dumps(explanation)))
        log.get_logger().error("alarm_raised", name=str(name), detail=words)


def clear_alarm(connection: Connection, name: Alarm, until: datetime) -> None:
    """Clear an alarm that was raised at `until` or earlier."""
    _clear(connection, name, alarm.c.raised_at <= until)


def clear_other_subjects(connection: Connection, name: Alarm, subject: str) -> None:
    """Clear an alarm unless it is about `subject`, which is what is in use now."""
    _clear(connection, name, alarm.c.subject != subject)


def clear_subject(connection: Connection, name: Alarm, subject: str) -> None:
    """Clear an alarm if it is about `subject`."""
    _clear(connection, name, alarm.c.subject == subject)


def _clear(connection: Connection, name: Alarm, condition: ColumnElement[bool]) -> None:
    if connection.execute(delete(alarm).where(alarm.c.name == name, condition)).rowcount:
        connection.execute(update(alarm_event).where(_is_active(name)).values(ended_at=clock.now()))
        log.get_logger().info("alarm_cleared", name=str(name))


def _is_active(name: str) -> ColumnElement[bool]:
    return (alarm_event.c.name == name) & alarm_event.c.ended_at.is_(None)


def mark_seen(connection: Connection, name: str, by: str, now: datetime) -> int | None:
    """Record who has seen an active alarm. Returns the id in the history; None if it is over, or was seen before."""
    unseen = _is_active(name) & alarm_event.c.seen_at.is_(None)
    event_id: int | None = connection.execute(select(alarm_event.c.id).where(unseen)).scalars().first()
    seen = update(alarm_event).where(alarm_event.c.id == event_id, alarm_event.c.seen_at.is_(None))
    return event_id if connection.execute(seen.values(seen_at=now, seen_by=by[:200])).rowcount else None


def raise_missing_key(connection: Connection, vault: Vault, now: datetime) -> None:
    """Raise KEY_MISSING, for a number that the vault cannot open."""
    detail = sentence(_MISSING_KEY, ids=vault.key_ids)
    raise_alarm(connection, Alarm.KEY_MISSING, now, detail, subject=vault.key_ids)


def raised(connection: Connection) -> dict[str, datetime]:
    """The active alarms by name, each with the time when it was raised."""
    return {row.name: row.raised_at for row in connection.execute(select(alarm.c.name, alarm.c.raised_at))}


@dataclass(frozen=True)
class ActiveAlarm:
    """detail: a sentence, as JSON. seen_by, seen_at: who has said in the console that they have seen it."""

    name: str
    raised_at: datetime
    detail: str
    seen_by: str | None
    seen_at: datetime | None


def active_alarms(connection: Connection) -> list[ActiveAlarm]:
    """The oldest first."""
    columns = [alarm_event.c[name] for name in ("name", "raised_at", "detail", "seen_by", "seen_at")]
    query = select(*columns).where(alarm_event.c.ended_at.is_(None))
    ordered = query.order_by(alarm_event.c.raised_at, alarm_event.c.name)
    return [ActiveAlarm(*row) for row in connection.execute(ordered)]


def last_probe(connection: Connection) -> datetime | None:
    """When a text was last sent as a probe while an alarm blocked sending; None if never."""
    return connection.execute(select(mark.c.at).where(mark.c.name == _PROBE)).scalar()


def record_probe(connection: Connection, stopped: Iterable[str], now: datetime) -> None:
    """Record a probe. Alarms keep the time when they were raised, so that even a late receipt for it clears them."""
    connection.execute(delete(mark).where(mark.c.name == _PROBE))
    connection.execute(insert(mark).values(name=_PROBE, value="", at=now))
    # A time in the future comes from a clock that was wrong.
    is_ahead = alarm.c.name.in_(list(stopped)), alarm.c.raised_at > now
    connection.execute(update(alarm).where(*is_ahead).values(raised_at=now))
    ahead = alarm_event.c.name.in_(list(stopped)), alarm_event.c.ended_at.is_(None), alarm_event.c.raised_at > now
    connection.execute(update(alarm_event).where(*ahead).values(raised_at=now))
