"""Wordings that nobody understood, in texts and on calls, without who said them: operators learn from them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, select

from ivr.ledger import Vault
from ivr.ledger.background_writer import BackgroundWriter
from ivr.ledger.tables import unanswered

LONGEST = 500


@dataclass(frozen=True)
class UnansweredQuestion:
    """What somebody said or texted, and in which language the line took it."""

    at: datetime
    source: Literal["text", "call"]
    language: str
    words: str


class UnansweredLog(BackgroundWriter[UnansweredQuestion]):
    """The wordings of one web process, on their way to the ledger."""

    name = "unanswered"
    table = unanswered

    def row(self, note: UnansweredQuestion) -> dict[str, Any]:
        words = note.words[:LONGEST]
        return {
            "id": self._vault.hash(f"{note.at.isoformat()} {words}")[:32],
            "at": note.at,
            "source": note.source,
            "language": note.language,
            "words_sealed": self._vault.seal(words),
        }


def unanswered_questions(connection: Connection, vault: Vault, since: datetime) -> list[UnansweredQuestion]:
    """What nobody understood since a moment, newest first."""
    rows = connection.execute(select(unanswered).where(unanswered.c.at > since).order_by(unanswered.c.at.desc()))
    return [UnansweredQuestion(row.at, row.source, row.language, vault.open(row.words_sealed)) for row in rows]
