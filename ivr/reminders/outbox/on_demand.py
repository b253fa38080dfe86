"""Topics that callers request as texts to their own number: each is sent once per call, within limits.

An opt-out on a call is confirmed by one such text. They are answers, so quiet hours and the limits of reminders do not
apply. Otherwise they are sent like reminders.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, func, select, update

from ivr.ledger import Ledger, Vault
from ivr.ledger.tables import person, text
from ivr.people.persons import get_or_create_persons
from ivr.reminders.outbox.exclusive_claim import RETRY_UNREADY, ClaimedText, PendingTexts, blocked_reason
from ivr.reminders.outbox.text_states import TextState, create_texts, transition
from ivr.reminders.schedule.message import MissingText
from ivr.reminders.schedule.plan import Reason

USEFUL_FOR = timedelta(hours=4)
_DAY, _HOUR = timedelta(days=1), timedelta(hours=1)
# The prompt that confirms an opt-out, the only text to a person who has opted out.
OPT_OUT_CONFIRMATION = "stop"


class OnDemandResult(StrEnum):
    """The outcome of a request. SENT: the text is stored and will go out; otherwise nothing was written."""

    SENT = "sent"
    ALREADY = "already"
    LANDLINE = Reason.LANDLINE.value
    OPTED_OUT = Reason.OPTED_OUT.value
    NUMBER_CAPPED = "number_capped"
    HOUR_CAPPED = "hour_capped"


@dataclass(frozen=True)
class RequestLimits:
    """The most requested texts to one number in 24 hours, and to all numbers in an hour, over all calls.

    The caller ID of a call can be forged, so that the owner of the number gets the texts, and the hospital the bill.
    """

    per_number: int
    per_hour: int


@dataclass(frozen=True)
class TextRequest:
    """A caller's request for a text.

    phone: the caller's own, E.164. topic: its id. call: the carrier's id of the call. token: the idempotency token of
    the HTTP request. call and token are stored as keyed hashes only.
    """

    phone: str
    topic: str
    language: str
    call: str
    token: str | None = None


def request_text(
    connection: Connection, vault: Vault, request: TextRequest, now: datetime, limits: RequestLimits
) -> OnDemandResult:
    """Store a text that goes out as soon as a worker is free. A repeated request gets the same answer."""
    person_id = get_or_create_persons(connection, vault, [request.phone], now)[request.phone]
    # Lock the person, so that concurrent requests from one call see each other's text.
    columns = select(person.c.opted_out_at, person.c.landline).where(person.c.id == person_id)
    caller = connection.execute(columns.with_for_update(key_share=True)).one()
    call, token = vault.hash(request.call), vault.hash(request.token) if request.token else None
    earlier = connection.execute(
        select(text.c.request).where(text.c.asked_in == call, text.c.step == request.topic)
    ).one_or_none()
    if earlier and token and earlier.request == token:
        return OnDemandResult.SENT
    reason = blocked_reason(caller.opted_out_at, caller.landline)
    if reason:
        return OnDemandResult(reason)
    if earlier:
        return OnDemandResult.ALREADY
    # Concurrent requests of other numbers may exceed the limit of the hour by a few.
    if _requests_since(connection, now - _DAY, text.c.person_id == person_id) >= limits.per_number:
        return OnDemandResult.NUMBER_CAPPED
    if _requests_since(connection, now - _HOUR) >= limits.per_hour:
        return OnDemandResult.HOUR_CAPPED
    identity = {"person_id": person_id, "asked_in": call, "step": request.topic, "request": token}
    values = {"state": TextState.PLANNED, "retry_at": now, "asked_at": now, "asked_language": request.language}
    create_texts(connection, [{**identity, **values}], now)
    return OnDemandResult.SENT


def confirm_opt_out(connection: Connection, vault: Vault, phone: str, language: str, call: str, now: datetime) -> None:
    """Store a text that confirms an opt-out on a call, once per call. Call it only if the opt-out is new."""
    person_id, call_hash = get_or_create_persons(connection, vault, [phone], now)[phone], vault.hash(call)
    identity = {"person_id": person_id, "asked_in": call_hash, "step": OPT_OUT_CONFIRMATION}
    if not connection.execute(select(text.c.id).filter_by(**identity)).first():
        values = {"state": TextState.PLANNED, "retry_at": now, "asked_at": now, "asked_language": language}
        create_texts(connection, [{**identity, **values}], now)


def _requests_since(connection: Connection, since: datetime, *where: ColumnElement[bool]) -> int:
    count = select(func.count()).select_from(text).where(text.c.asked_in.is_not(None), text.c.asked_at > since, *where)
    return int(connection.execute(count).scalar_one())


def on_demand_count(ledger: Ledger, now: datetime) -> int:
    """How many requested texts are due at `now`."""
    with ledger.read() as connection:
        return int(connection.execute(select(func.count()).select_from(text).where(*_due(now))).scalar_one())


def _due(now: datetime) -> tuple[Any, ...]:
    return text.c.asked_in.is_not(None), text.c.state == TextState.PLANNED, text.c.retry_at <= now


class RequestedTexts(PendingTexts):
    """Requested texts, oldest first. Opt-outs are checked again; the words are those of the live release."""

    def due(self, limit: int) -> Sequence[Row[Any]]:
        due = (
            select(text, person.c.phone_sealed, person.c.opted_out_at, person.c.landline)
            .join(person, person.c.id == text.c.person_id)
            .where(*_due(self.now))
            # Fewest tries first: a text that the carrier has refused is a poor probe.
            .order_by(text.c.tries, text.c.asked_at, text.c.id)
            .limit(limit)
        )
        return self.connection.execute(due).all()

    def claim_row(self, row: Row[Any]) -> ClaimedText | None:
        claimed = self._render_or_reason(row)
        if isinstance(claimed, Reason):
            transition(self.connection, [row.id], TextState.SKIPPED, self.now, claimed)
            return None
        values = {**self.claim_values(claimed), "tries": row.tries + 1}
        transition(self.connection, [row.id], TextState.CLAIMED, self.now, **values)
        return claimed

    def postpone(self, row: Row[Any]) -> None:
        retry_at = self.now + RETRY_UNREADY
        self.connection.execute(update(text).where(text.c.id == row.id).values(retry_at=retry_at))

    def _render_or_reason(self, row: Row[Any]) -> ClaimedText | Reason:
        """The text, or the reason not to send it."""
        until = row.asked_at + USEFUL_FOR
        opted_out_at = None if row.step == OPT_OUT_CONFIRMATION else row.opted_out_at
        reason = self.blocked(row, opted_out_at) or (Reason.LATE if self.now >= until else None)
        if reason:
            return reason
        config = self.content.config
        language = row.asked_language if row.asked_language in config.languages else config.default_language
        try:
            return self.render(row, row.step, language, {}, until)
        except MissingText:
            return Reason.WITHDRAWN


claim_on_demand = RequestedTexts.claim_exclusively
