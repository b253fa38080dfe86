"""Rows that are written in the background: one that the database refuses does not take the others along."""

from __future__ import annotations

from ivr.ledger import Ledger, Vault
from ivr.people.inbound.unanswered import UnansweredLog, UnansweredQuestion, unanswered_questions
from tests.support.clinic import NOW


class Faulty(UnansweredLog):
    """Fails for the question "bad"."""

    def row(self, note: UnansweredQuestion) -> dict[str, object]:
        return {**super().row(note), "source": None if note.words == "bad" else note.source}


def test_a_row_that_the_database_refuses_is_dropped_alone(ledger: Ledger, vault: Vault) -> None:
    log = Faulty(ledger, vault)
    words = ["one", "bad", "two", "three"]
    for word in words:
        log.add(UnansweredQuestion(NOW, "text", "en", word))
    log.flush()
    with ledger.read() as connection:
        stored = {question.words for question in unanswered_questions(connection, vault, NOW.replace(year=2025))}
    assert (stored, log.dropped) == ({"one", "two", "three"}, 1)
    log.close()
