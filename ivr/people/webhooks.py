"""Events that are sent to other systems, and their outbox, written in the transaction of what happened.

An event carries ids only: of appointments as their system names them, of work items, and of call-back requests.
"""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, true, update

from ivr.ledger import Ledger, Vault
from ivr.ledger.prepared_sql import PreparedStatement
from ivr.ledger.tables import api_key, appointment, webhook, webhook_delivery

MAX_PER_KEY = 10
GIVEN_UP_AFTER = timedelta(hours=24)
# Delivered events are kept this long, so that an operator can see what was sent.
KEPT = timedelta(days=7)
# Who takes an event has this long to deliver it; then another worker tries.
LEASE = timedelta(minutes=2)
MAX_BACKOFF = timedelta(hours=1)
_MAX_LISTED = 50
_ACTIVE = PreparedStatement(
    select(webhook.c.id, webhook.c.kinds)
    .join(api_key)
    .where(webhook.c.ended_at.is_(None), api_key.c.revoked_at.is_(None))
)


class EventKind(StrEnum):
    CONFIRMED = "appointment.confirmed"
    CHANGE_ASKED = "appointment.change_asked"
    OPTED_OUT = "patient.opted_out"
    DELIVERED = "text.delivered"
    UNDELIVERED = "text.undelivered"
    CALLBACK_ASKED = "callback.asked"


Data = dict[str, Any]


class TooManyWebhooks(Exception):
    """A key has as many webhooks as it may."""


@dataclass(frozen=True)
class Webhook:
    """Where events of some kinds go."""

    id: int
    url: str
    kinds: tuple[EventKind, ...]
    created_at: datetime


@dataclass(frozen=True)
class Delivery:
    """An event on its way to a receiver. event: its id, the same in every attempt. secret: the signing key.

    leased_until: from then on, another worker may send it.
    """

    id: int
    url: str
    secret: bytes
    event: str
    kind: str
    data: Data
    created_at: datetime
    tries: int
    leased_until: datetime


def add_webhook(  # noqa: PLR0913 - one row's columns
    connection: Connection, vault: Vault, key_id: int, url: str, kinds: Sequence[EventKind], now: datetime
) -> tuple[Webhook, str]:
    """Add a webhook. Returns it with its secret, which is shown once. Raises TooManyWebhooks."""
    if len(webhooks(connection, key_id)) >= MAX_PER_KEY:
        raise TooManyWebhooks
    secret = base64.b64encode(secrets.token_bytes(32)).decode()
    listed = tuple(dict.fromkeys(kinds))
    values = {"key_id": key_id, "url": url, "kinds": " ".join(listed), "secret_sealed": vault.seal(secret)}
    row_id = connection.execute(insert(webhook).values(**values, created_at=now).returning(webhook.c.id)).scalar_one()
    return Webhook(row_id, url, listed, now), f"whsec_{secret}"


def webhooks(connection: Connection, key_id: int) -> list[Webhook]:
    """The webhooks of a key."""
    mine = select(webhook).where(webhook.c.key_id == key_id, webhook.c.ended_at.is_(None)).order_by(webhook.c.id)
    return [
        Webhook(row.id, row.url, tuple(map(EventKind, row.kinds.split())), row.created_at)
        for row in connection.execute(mine)
    ]


def end_webhook(connection: Connection, key_id: int, webhook_id: int, now: datetime) -> bool:
    """Send nothing more to a webhook. Returns False if the key has none with this id."""
    is_mine = (webhook.c.id == webhook_id) & (webhook.c.key_id == key_id) & webhook.c.ended_at.is_(None)
    ended = connection.execute(update(webhook).where(is_mine).values(ended_at=now)).rowcount
    waits = (webhook_delivery.c.webhook_id == webhook_id) & webhook_delivery.c.next_try_at.is_not(None)
    if ended:
        connection.execute(update(webhook_delivery).where(waits).values(next_try_at=None, outcome="ended"))
    return bool(ended)


def publish(connection: Connection, kind: EventKind, now: datetime, events: Callable[[], Iterable[Data]]) -> None:
    """Add events of one kind to the outbox. events: their data, which is only looked up if somebody wants it."""
    wanted = [row.id for row in _ACTIVE.rows(connection) if kind in row.kinds.split()]
    if not wanted:
        return
    rows = [
        {"webhook_id": webhook_id, "event": secrets.token_hex(16), "kind": kind, "data": json.dumps(data)}
        for data in events()
        for webhook_id in wanted
    ]
    if rows:
        connection.execute(insert(webhook_delivery), [{**row, "created_at": now, "next_try_at": now} for row in rows])


def appointments_ahead(connection: Connection, person_id: int, now: datetime) -> list[str]:
    """The ids of a person's appointments ahead, as their systems name them."""
    ahead = (appointment.c.person_id == person_id) & (appointment.c.starts_at > now)
    query = select(appointment.c.appointment_id).where(ahead).order_by(appointment.c.starts_at).limit(_MAX_LISTED)
    return list(connection.execute(query).scalars())


def due_deliveries(ledger: Ledger, now: datetime) -> int:
    """How many events wait to be sent."""
    is_due = webhook_delivery.c.next_try_at <= now
    with ledger.read() as connection:
        return int(connection.execute(select(func.count()).select_from(webhook_delivery).where(is_due)).scalar_one())


def claim_deliveries(ledger: Ledger, vault: Vault, now: datetime, limit: int) -> list[Delivery]:
    """Take events that are due, oldest first: no other worker takes them before the lease ends."""
    due = (
        select(webhook_delivery, webhook.c.url, webhook.c.secret_sealed)
        .join(webhook)
        .where(webhook_delivery.c.next_try_at <= now)
        .order_by(webhook_delivery.c.next_try_at, webhook_delivery.c.id)
        .limit(limit)
    )
    with ledger.write() as connection:
        rows = connection.execute(due.with_for_update(of=webhook_delivery, skip_locked=True)).all()
        taken = webhook_delivery.c.id.in_([row.id for row in rows])
        values = {"next_try_at": now + LEASE, "tries": webhook_delivery.c.tries + 1}
        connection.execute(update(webhook_delivery).where(taken).values(values))
        old = (webhook_delivery.c.created_at < now - KEPT) & webhook_delivery.c.next_try_at.is_(None)
        connection.execute(delete(webhook_delivery).where(old))
    return [
        Delivery(
            row.id,
            row.url,
            base64.b64decode(vault.open(row.secret_sealed)),
            row.event,
            row.kind,
            json.loads(row.data),
            row.created_at,
            row.tries + 1,
            now + LEASE,
        )
        for row in rows
    ]


def record_delivery(
    ledger: Ledger, delivery: Delivery, outcome: str, now: datetime, *, delivered: bool, first_wait: timedelta
) -> None:
    """Record an attempt. An event that was not delivered is tried again, ever later, for GIVEN_UP_AFTER.

    A delivery counts even if the lease has ended. A failure then does not: another worker may be sending the event by
    then, and a third would join it.
    """
    wait = min(first_wait * 2 ** min(delivery.tries - 1, 16), MAX_BACKOFF)
    next_try_at = None if delivered or now + wait > delivery.created_at + GIVEN_UP_AFTER else now + wait
    values = {"next_try_at": next_try_at, "outcome": outcome[:40], "delivered_at": now if delivered else None}
    is_open = webhook_delivery.c.delivered_at.is_(None)
    is_ours = webhook_delivery.c.next_try_at.is_not(None) & (webhook_delivery.c.tries == delivery.tries)
    counts = (webhook_delivery.c.id == delivery.id) & is_open & (true() if delivered else is_ours)
    with ledger.write() as connection:
        connection.execute(update(webhook_delivery).where(counts).values(values))
