"""Claiming texts, one transaction at a time: the rules that reminders and requested texts share.

A claim is committed, with a random attempt id, before any request is made: whatever fails later, the database knows
which texts may have gone out.
"""

from __future__ import annotations

import secrets
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row

from ivr.i18n import sentence
from ivr.ledger import Ledger, Vault
from ivr.ledger.vault import UnknownKey
from ivr.line.content.loader import Content
from ivr.line.text.gsm7 import count_segments
from ivr.people.phones import is_reachable
from ivr.reminders.alarms import Alarm, last_probe, raise_alarm, raise_missing_key, raised, record_probe
from ivr.reminders.outbox.restore_guard import RESTORED, RestoreGuard, increase_send_count, send_count
from ivr.reminders.schedule.message import reminder_text
from ivr.reminders.schedule.plan import Reason

PROBE_AFTER = timedelta(minutes=5)
# A receipt shows within seconds whether the networks accept our texts again, so probes are this much more frequent.
_DELIVERY_PROBE_FACTOR = 10
# When a text that cannot be rendered, or whose number cannot be opened, is tried again.
RETRY_UNREADY = timedelta(minutes=5)


@dataclass(frozen=True)
class ClaimedText:
    """A text that this process may hand over once. claimed_at: before the wait for the lock. until: must arrive by."""

    attempt: str
    phone: str
    body: str
    segments: int
    claimed_at: datetime
    until: datetime


class PendingTexts(ABC):
    """Pending texts of one kind, within one claim transaction."""

    @classmethod
    def claim_exclusively(
        cls,
        ledger: Ledger,
        vault: Vault,
        content: Content,
        now: datetime,
        limit: int,
        probe_after: timedelta = PROBE_AFTER,
        guard: RestoreGuard | None = None,
    ) -> list[ClaimedText]:
        """Claim up to `limit` segments under the exclusive lock, and commit.

        Texts that must not be sent are recorded as skipped. While the carrier refuses our texts, one is claimed every
        `probe_after`. If `guard` remembers more claims than the database has, nothing is claimed.
        """
        remembered = guard.read() if guard else {}
        with ledger.write() as connection:
            ledger.exclusive_lock(connection)
            counted = send_count(connection)
            if remembered.get(counted.epoch, 0) > counted.count:
                raise_alarm(connection, Alarm.LEDGER_RESTORED, now, sentence(RESTORED))
            claimed = cls(connection, vault, content, now)._claim_unless_stopped(limit, probe_after)
            increased = increase_send_count(connection, counted, len(claimed)) if claimed else None
        if guard and increased:
            guard.remember(increased)
        return claimed

    def __init__(self, connection: Connection, vault: Vault, content: Content, now: datetime) -> None:
        self.connection, self.vault, self.content, self.now = connection, vault, content, now

    @abstractmethod
    def due(self, limit: int) -> Sequence[Row[Any]]:
        """Up to `limit` rows that are due, in the order in which they are claimed."""

    @abstractmethod
    def claim_row(self, row: Row[Any]) -> ClaimedText | None:
        """Claim or skip the text of a row. Raises UnknownKey."""

    @abstractmethod
    def postpone(self, row: Row[Any]) -> None:
        """Leave the text of a row planned until RETRY_UNREADY has passed."""

    def _claim_unless_stopped(self, limit: int, probe_after: timedelta) -> list[ClaimedText]:
        alarms = raised(self.connection)
        if Alarm.LEDGER_RESTORED in alarms:
            return []
        delays = {Alarm.SENDING_STOPPED: probe_after, Alarm.DELIVERY_STOPPED: probe_after / _DELIVERY_PROBE_FACTOR}
        stopped = {name: delay for name, delay in delays.items() if name in alarms}
        if not stopped:
            return self.claim(limit, limit)
        now, probed_at = self.now, last_probe(self.connection)
        # A time in the future comes from a clock that was wrong, and must not delay probes until then.
        times = [(at, delay) for name, delay in stopped.items() for at in (alarms[name], probed_at) if at]
        if any(now - delay < at <= now + delay for at, delay in times):
            return []
        claimed = self.claim(limit, 1)
        if claimed:
            record_probe(self.connection, stopped, now)
        return claimed

    def claim(self, limit: int, segments: int) -> list[ClaimedText]:
        """Claim texts of up to `limit` rows until `segments` segments are claimed."""
        claimed: list[ClaimedText] = []
        for row in self.due(limit):
            if segments <= 0:
                break
            try:
                text = self.claim_row(row)
            except UnknownKey:
                raise_missing_key(self.connection, self.vault, self.now)
                self.postpone(row)
                continue
            if text:
                claimed.append(text)
                segments -= text.segments
        return claimed

    def blocked(self, row: Row[Any], opted_out_at: datetime | None) -> Reason | None:
        """Why the person of a row cannot be texted now; None if they can. Raises UnknownKey.

        `countries` may have changed since the number was imported.
        """
        reason = blocked_reason(opted_out_at, row.landline)
        if reason:
            return reason
        is_allowed = is_reachable(self.vault.open(row.phone_sealed), self.content.config.reminders.countries)
        return None if is_allowed else Reason.NOT_ALLOWED

    def render(
        self, row: Row[Any], prompt: str, language: str, values: Mapping[str, str], until: datetime
    ) -> ClaimedText:
        """Render a prompt for the person of a row. Raises MissingText and UnknownKey."""
        body = reminder_text(self.content, prompt, language, dict(values))
        phone, segments = self.vault.open(row.phone_sealed), count_segments(body).segments
        return ClaimedText(secrets.token_hex(16), phone, body, segments, self.now, until)

    def claim_values(self, claimed: ClaimedText) -> dict[str, Any]:
        """The columns of `text` that a claim writes, except `tries`."""
        return {
            **dict.fromkeys(("sid", "error_code", "retry_at", "looked_at")),
            "looks": 0,
            "attempt": claimed.attempt,
            "claimed_at": self.now,
            "release": self.content.digest,
            "body_hash": self.vault.hash(claimed.body),
        }


def blocked_reason(opted_out_at: datetime | None, landline: bool) -> Reason | None:
    """Why a person cannot be texted, whatever the number; None if they can."""
    return Reason.OPTED_OUT if opted_out_at else Reason.LANDLINE if landline else None
