"""Questions that matched nothing, stored without their sender so that operators can add phrases."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, select, update

from ivr.ledger import Vault
from ivr.ledger.background_writer import BackgroundWriter
from ivr.ledger.tables import unanswered
from ivr.line.text.normalize import normalize

MAX_LENGTH = 500
# Of the ids in a statement.
_AT_ONCE = 500


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
            "ignored_at": None,
        }


@dataclass(frozen=True)
class StoredQuestion(UnansweredQuestion):
    """A question in the database. is_ignored: an operator said that these words are no question for the line."""

    id: str
    is_ignored: bool


def unanswered_questions(connection: Connection, vault: Vault, since: datetime) -> list[StoredQuestion]:
    """Return the questions since then, newest first.

    A question is ignored with all that are worded alike, also those that came later.
    """
    query = select(unanswered).where(unanswered.c.at > since).order_by(unanswered.c.at.desc())
    rows = [(row, vault.open(row.words_sealed)) for row in connection.execute(query)]
    ignored = {_wording(row.language, words) for row, words in rows if row.ignored_at is not None}
    return [
        StoredQuestion(row.at, row.source, row.language, words, row.id, _wording(row.language, words) in ignored)
        for row, words in rows
    ]


def ignore_questions(
    connection: Connection,
    questions: Iterable[StoredQuestion],
    language: str,
    wordings: Iterable[str],
    at: datetime | None,
) -> int:
    """Ignore the questions with these wordings from now on; without a time, list them again. Returns how many."""
    wanted = {_wording(language, words) for words in wordings}
    ids = [item.id for item in questions if _wording(item.language, item.words) in wanted]
    for start in range(0, len(ids), _AT_ONCE):
        some = unanswered.c.id.in_(ids[start : start + _AT_ONCE])
        connection.execute(update(unanswered).where(some).values(ignored_at=at))
    return len(ids)


def _wording(language: str, words: str) -> tuple[str, str]:
    return language, normalize(words) or words
