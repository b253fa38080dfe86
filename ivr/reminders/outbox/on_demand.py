"""Texts that a caller asked for on a call: a topic, to her own number, once for each call and topic.

They answer her, so neither quiet hours nor limits hold them back; else they go out like reminders, each once.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, func, select, update

from ivr.ledger import Ledger, Vault
from ivr.ledger.tables import person, text
from ivr.line.content.loader import Content
from ivr.line.text.gsm7 import count_segments
from ivr.people.persons import get_or_create_persons
from ivr.reminders.alarms import raise_missing_key
from ivr.reminders.outbox.claims import (
    HELD_UP,
    PROBE_AFTER,
    ClaimedText,
    blocked_reason,
    claim_exclusively,
    claim_values,
)
from ivr.reminders.outbox.restore_guard import RestoreGuard
from ivr.reminders.outbox.states import TextState, create_texts, transition
from ivr.reminders.schedule.message import MissingText, reminder_text
from ivr.reminders.schedule.plan import Reason

USEFUL_FOR = timedelta(hours=4)


class OnDemandResult(StrEnum):
    """What a caller is told who asks for a text. sent: it is kept and will go out. Else nothing was written."""

    SENT = "sent"
    ALREADY = "already"
    LANDLINE = Reason.LANDLINE.value
    OPTED_OUT = Reason.OPTED_OUT.value


@dataclass(frozen=True)
class TextRequest:
    """A text as a caller asks for it.

    phone: the caller's own, E.164. topic: a topic's id. call: the carrier's id of the call; request: its token
    for this request. Both are kept as keyed hashes only.
    """

    phone: str
    topic: str
    language: str
    call: str
    request: str | None = None


def request_text(connection: Connection, vault: Vault, wish: TextRequest, now: datetime) -> OnDemandResult:
    """Keep a text that goes out as soon as a worker is free. The same request once more has the same answer."""
    someone = get_or_create_persons(connection, vault, [wish.phone], now)[wish.phone]
    # Locked: two requests of one call must see each other's text.
    her = select(person.c.opted_out_at, person.c.landline).where(person.c.id == someone)
    she = connection.execute(her.with_for_update(key_share=True)).one()
    call, request = vault.hash(wish.call), vault.hash(wish.request) if wish.request else None
    before = connection.execute(
        select(text.c.request).where(text.c.asked_in == call, text.c.step == wish.topic)
    ).one_or_none()
    if before and request and before.request == request:
        return OnDemandResult.SENT
    reason = blocked_reason(she.opted_out_at, she.landline)
    if reason:
        return OnDemandResult(reason)
    if before:
        return OnDemandResult.ALREADY
    identity = {"person_id": someone, "asked_in": call, "step": wish.topic, "request": request}
    values = {"state": TextState.PLANNED, "retry_at": now, "asked_at": now, "asked_language": wish.language}
    create_texts(connection, [{**identity, **values}], now)
    return OnDemandResult.SENT


def on_demand_count(ledger: Ledger, now: datetime) -> int:
    """How many texts that were asked for may go out at `now`."""
    with ledger.read() as connection:
        return int(connection.execute(select(func.count()).select_from(text).where(*_waits(now))).scalar_one())


def _waits(now: datetime) -> tuple[Any, ...]:
    return text.c.asked_in.is_not(None), text.c.state == TextState.PLANNED, text.c.retry_at <= now


def claim_on_demand(
    ledger: Ledger,
    vault: Vault,
    content: Content,
    now: datetime,
    limit: int,
    probe_after: timedelta = PROBE_AFTER,
    water: RestoreGuard | None = None,
) -> list[ClaimedText]:
    """Claim up to `limit` segments of texts that were asked for, oldest first, and write down what will not be sent.

    Opt-outs are looked at again here, and the words are those that are live now. While the carrier refuses us,
    one text goes out each `probe_after`, as with reminders.
    """

    def take(connection: Connection, most: int) -> list[ClaimedText]:
        rows = connection.execute(
            select(text, person.c.phone_sealed, person.c.opted_out_at, person.c.landline)
            .join(person, person.c.id == text.c.person_id)
            .where(*_waits(now))
            # Fewest tries first: one that was refused is not the one by which we find out whether we still are.
            .order_by(text.c.tries, text.c.asked_at, text.c.id)
            .limit(limit)
        ).all()
        claimed: list[ClaimedText] = []
        left = most
        for row in rows:
            if left <= 0:
                break
            try:
                worded = _word(row, vault, content, now)
            except KeyError:
                raise_missing_key(connection, vault, now)
                connection.execute(update(text).where(text.c.id == row.id).values(retry_at=now + HELD_UP))
                continue
            if isinstance(worded, Reason):
                transition(connection, [row.id], TextState.SKIPPED, now, worded)
                continue
            values = {**claim_values(vault, content, worded, now), "tries": row.tries + 1}
            transition(connection, [row.id], TextState.CLAIMED, now, **values)
            claimed.append(worded)
            left -= worded.segments
        return claimed

    return claim_exclusively(ledger, now, limit, probe_after, take, water)


def _word(row: Row[Any], vault: Vault, content: Content, now: datetime) -> ClaimedText | Reason:
    """The text as it goes out, or why it does not."""
    until = row.asked_at + USEFUL_FOR
    reason = blocked_reason(row.opted_out_at, row.landline) or (Reason.LATE if now >= until else None)
    if reason:
        return reason
    languages = content.config.languages
    language = row.asked_language if row.asked_language in languages else content.config.default_language
    try:
        body = reminder_text(content, row.step, language, {})
    except MissingText:
        return Reason.WITHDRAWN
    return ClaimedText(
        attempt=secrets.token_hex(16),
        phone=vault.open(row.phone_sealed),
        body=body,
        segments=count_segments(body).segments,
        claimed_at=now,
        until=until,
    )
