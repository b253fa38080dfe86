"""Made-up text messages to the line, and questions that it did not understand."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from ivr.ledger import Vault
from ivr.line.content.loader import Content
from ivr.people.inbound.incoming import AnsweredText, IncomingTextLog
from ivr.people.inbound.unanswered import UnansweredLog, UnansweredQuestion

UNANSWERED = (
    ("text", "en", "do you have wheelchairs at the door"),
    ("text", "en", "my mother wants to wait with me"),
    ("call", "en", "is there a bus from Concord"),
    ("text", "es", "hay guardería para mi hijo"),
    ("call", "es", "me puede esperar mi marido"),
)


class _TextRows(IncomingTextLog):
    """The rows of the log of texts, without a thread that writes them."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault


class _UnansweredRows(UnansweredLog):
    def __init__(self, vault: Vault) -> None:
        self._vault = vault


def text_rows(content: Content, vault: Vault, moments: list[datetime], dice: random.Random) -> Iterator[dict[str, Any]]:
    """One incoming text at each moment, with the line's reply, for the table of texts."""
    log, topics = _TextRows(vault), [subject.id for subject in content.config.subjects]
    for number, at in enumerate(moments):
        topic, phone = dice.choice(topics), f"+160355501{dice.randint(20, 99):02d}"
        texted = content.prompt(content.config.default_language, topic).texted
        yield log.row(
            AnsweredText(
                id=vault.hash(f"demo text {number} {at.isoformat()}")[:32],
                phone_hash=vault.hash(phone),
                at=at,
                body_hash=vault.hash(topic)[:32],
                outcome=topic[:20],
                replies=("\n".join(texted.paragraphs),) if texted else (),
            )
        )


def unanswered_rows(vault: Vault, moments: list[datetime]) -> Iterator[dict[str, Any]]:
    """One question at each of the first moments, for the table of unanswered questions."""
    log = _UnansweredRows(vault)
    for at, (source, language, words) in zip(moments, UNANSWERED, strict=False):
        yield log.row(UnansweredQuestion(at, "text" if source == "text" else "call", language, words))
