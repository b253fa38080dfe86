"""The log of incoming texts, for redelivery and loop protection: the latest in memory, all in the database."""

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

# How much of the log the rules take into account: its age, and how many texts and answered texts of each sender.
LOOK_BACK = timedelta(hours=2)
MAX_TEXTS = 60
MAX_SENDERS = 5_000


@dataclass(frozen=True)
class AnsweredText:
    """One text and its replies, if any. id, phone_hash, body_hash: keyed hashes."""

    id: str
    phone_hash: str
    at: datetime
    body_hash: str
    outcome: str
    replies: tuple[str, ...]


class IncomingTextLog(BackgroundWriter[AnsweredText]):
    """The texts of one web process."""

    name = "incoming_texts"
    table = incoming_text

    def __init__(self, ledger: Ledger, vault: Vault) -> None:
        self._latest: OrderedDict[str, tuple[AnsweredText, ...]] = OrderedDict()
        super().__init__(ledger, vault)

    def remember(self, text: AnsweredText) -> None:
        """Add a text and its replies."""
        texts = (text, *self._latest.pop(text.phone_hash, ()))
        older = [old for old in texts[MAX_TEXTS:] if old.replies and old.at > text.at - LOOK_BACK]
        self._latest[text.phone_hash] = (*texts[:MAX_TEXTS], *older[:MAX_TEXTS])
        while len(self._latest) > MAX_SENDERS:
            self._latest.popitem(last=False)
        self.add(text)

    def row(self, note: AnsweredText) -> dict[str, Any]:
        return {
            "id": note.id,
            "phone_hash": note.phone_hash,
            "at": note.at,
            "asked": note.body_hash,
            "outcome": note.outcome,
            "replies_sealed": self._vault.seal(json.dumps(note.replies)) if note.replies else None,
        }

    def recent(self, phone_hash: str, rows: Iterable[Any], now: datetime, text_id: str = "") -> list[AnsweredText]:
        """Return a number's texts within LOOK_BACK, newest first. rows: its texts in the database.

        text_id: also returned if it is older. Who recorded a START could otherwise send it again after a STOP.
        """
        since = now - LOOK_BACK
        remembered = self._latest.get(phone_hash, ())
        texts = {text.id: text for text in remembered if text.at > since or text.id == text_id}
        texts |= {
            row.id: self._read(phone_hash, row)
            for row in rows
            if row.id not in texts and (row.at > since or row.id == text_id)
        }
        return sorted(texts.values(), key=lambda text: text.at, reverse=True)

    def _read(self, phone_hash: str, row: Any) -> AnsweredText:
        replies = json.loads(self._vault.open(row.replies_sealed)) if row.replies_sealed else ()
        return AnsweredText(row.id, phone_hash, row.at, row.asked, row.outcome, tuple(replies))
