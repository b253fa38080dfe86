"""Questions that matched nothing, stored without their sender so that operators can add phrases."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, select

from ivr.ledger import Vault
from ivr.ledger.background_writer import BackgroundWriter
from ivr.ledger.tables import unanswered

MAX_LENGTH = 500


@dataclass(frozen=True)
class UnansweredQuestion:
    """A question as texted or transcribed. language: the one the line assumed."""

    at: datetime
    source: Literal["text", "call"]
    language: str
    words: str


class UnansweredLog(BackgroundWriter[UnansweredQuestion]):
    """The unanswered questions of one web process."""

    name = "unanswered"
    table = unanswered

    def row(self, note: UnansweredQuestion) -> dict[str, Any]:
        words = note.words[:MAX_LENGTH]
        return {
            "id": self._vault.hash(f"{note.at.isoformat()} {words}")[:32],
            "at": note.at,
            "source": note.source,
            "language": note.language,
            "words_sealed": self._vault.seal(words),
        }


def unanswered_questions(connection: Connection, vault: Vault, since: datetime) -> list[UnansweredQuestion]:
    """Return the questions since then, newest first."""
    rows = connection.execute(select(unanswered).where(unanswered.c.at > since).order_by(unanswered.c.at.desc()))
    return [UnansweredQuestion(row.at, row.source, row.language, vault.open(row.words_sealed)) for row in rows]
