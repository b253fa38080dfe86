"""Texts that came in: so that the same text again gets the same answer, and no two machines answer each other for ever.

What a process has just heard it remembers itself; the rest is in the ledger. With the ledger away, memory must do.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ivr.ledger import Ledger, Vault
from ivr.ledger.background_writer import BackgroundWriter
from ivr.ledger.tables import incoming_text

# The longest look back that any rule takes, in time and in texts.
REMEMBERED = timedelta(hours=2)
MOST = 60
MOST_SENDERS = 5_000


@dataclass(frozen=True)
class AnsweredText:
    """One text that was answered. id, phone_hash and asked are keyed hashes; no replies: it was left without answer."""

    id: str
    phone_hash: str
    at: datetime
    asked: str
    outcome: str
    replies: tuple[str, ...]


class IncomingTextLog(BackgroundWriter[AnsweredText]):
    """The texts that one web process heard, on their way to the ledger."""

    name = "incoming_texts"
    table = incoming_text

    def __init__(self, ledger: Ledger, vault: Vault) -> None:
        self._latest: OrderedDict[str, tuple[AnsweredText, ...]] = OrderedDict()
        super().__init__(ledger, vault)

    def received(self, received: AnsweredText) -> None:
        """Remember a text and its answer."""
        mine = self._latest.pop(received.phone_hash, ())
        self._latest[received.phone_hash] = (received, *mine)[:MOST]
        while len(self._latest) > MOST_SENDERS:
            self._latest.popitem(last=False)
        self.add(received)

    def row(self, note: AnsweredText) -> dict[str, Any]:
        return {
            "id": note.id,
            "phone_hash": note.phone_hash,
            "at": note.at,
            "asked": note.asked,
            "outcome": note.outcome,
            "replies_sealed": self._vault.seal(json.dumps(note.replies)) if note.replies else None,
        }

    def of(self, phone_hash: str, rows: Iterable[Any], now: datetime) -> list[AnsweredText]:
        """What a number texted lately, newest first. rows: what the ledger holds of it."""
        found = {row.id: self._read(phone_hash, row) for row in rows if row.at > now - REMEMBERED}
        found |= {one.id: one for one in self._latest.get(phone_hash, ()) if one.at > now - REMEMBERED}
        return sorted(found.values(), key=lambda one: one.at, reverse=True)

    def _read(self, phone_hash: str, row: Any) -> AnsweredText:
        replies = json.loads(self._vault.open(row.replies_sealed)) if row.replies_sealed else ()
        return AnsweredText(row.id, phone_hash, row.at, row.asked, row.outcome, tuple(replies))
