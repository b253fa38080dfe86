"""Applies what the inbox holds: the newest message about each appointment, through the import of files."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, literal_column, select, update

from ivr import log
from ivr.feeds.day_batch import merge_into_day
from ivr.feeds.hl7.inbox import MessageState, place_in_order
from ivr.feeds.unread import FeedKind, raise_unread
from ivr.ledger import Ledger, Vault
from ivr.ledger.tables import hl7_message
from ivr.line.content.loader import Content
from ivr.reminders.imports.change_order import changed_at
from ivr.reminders.imports.columns import SENT_AT
from ivr.reminders.imports.errors import RowError
from ivr.reminders.imports.importer import Importer, ImportReport

_COLUMNS = ("id", "sender", "appointment_id", "sent_at", "received_at", "row_sealed")

GROUP = 100
"""Messages that one import takes. Acknowledgments wait while it holds the lock of SQLite, which has one writer."""


@dataclass(frozen=True)
class Applier:
    """own_numbers: E.164 numbers of the line itself."""

    ledger: Ledger
    vault: Vault
    content: Content
    own_numbers: frozenset[str] = frozenset()

    def run(self, now: datetime, limit: int = GROUP) -> int:
        """Apply waiting messages, and return how many: `limit` if more may wait. Raises LedgerUnavailable."""
        with self.ledger.read() as connection:
            waiting = _waiting(connection, limit)
        return sum(self._apply(sender, messages, now) for sender, messages in waiting.items())

    def _apply(self, sender: str, waiting: Sequence[Row[Any]], now: datetime) -> int:
        chosen = _newest_of_each(waiting)
        name = f"HL7 {sender}".strip()
        importer = Importer(self.ledger, self.vault, self.content, own_numbers=self.own_numbers)
        report = importer.run_rows(self._rows(chosen), name, now)
        if any(error.row == 0 for error in report.errors):
            log.get_logger().error("hl7_messages_not_applied", reason=report.errors[0].code)
            return 0
        with self.ledger.write() as connection:
            self.ledger.exclusive_lock(connection)
            _record(connection, waiting, {row.id for row in chosen}, report, now)
            if report.batch is not None:
                merge_into_day(connection, report.batch, name, now)
        _log_warnings(report)
        return len(waiting)

    def _rows(self, chosen: Sequence[Row[Any]]) -> Iterator[tuple[int, dict[str, str]]]:
        """Each row under the id of its message."""
        for row in chosen:
            sent_at = changed_at(row.sent_at, row.received_at).isoformat()
            yield row.id, {**json.loads(self.vault.open(row.row_sealed)), SENT_AT: sent_at}


def _waiting(connection: Connection, limit: int) -> dict[str, list[Row[Any]]]:
    """The oldest waiting messages by sender."""
    columns = (hl7_message.c[name] for name in _COLUMNS)
    # Written out, so that both databases use the partial index.
    is_waiting = hl7_message.c.state == literal_column(f"'{MessageState.WAITING}'")
    by_sender: dict[str, list[Row[Any]]] = {}
    for row in connection.execute(select(*columns).where(is_waiting).order_by(hl7_message.c.id).limit(limit)):
        by_sender.setdefault(row.sender, []).append(row)
    return by_sender


def _newest_of_each(waiting: Sequence[Row[Any]]) -> list[Row[Any]]:
    """For each appointment the message that was sent last; of those sent at the same time, the one received last."""
    newest: dict[str, Row[Any]] = {}
    for row in sorted(waiting, key=lambda row: (*place_in_order(row.sent_at, row.received_at), row.id)):
        newest[row.appointment_id] = row
    return sorted(newest.values(), key=lambda row: row.id)


def _log_warnings(report: ImportReport) -> None:
    """Log the warnings about messages, with a line for each code: the words of a warning may name a patient's data."""
    messages: dict[str, list[int]] = {}
    for warning in report.warnings:
        # 0 is the import as a whole, and what is older is in the state of its message.
        if warning.row and warning.code != "older":
            messages.setdefault(warning.code, []).append(warning.row)
    for code, ids in messages.items():
        log.get_logger().warning("hl7_applied_with_warning", code=code, messages=ids)


def _record(
    connection: Connection, waiting: Sequence[Row[Any]], chosen: set[int], report: ImportReport, now: datetime
) -> None:
    errors: dict[int, RowError] = {error.row: error for error in report.errors}
    # A file, a request, or another feed may have said something newer.
    chosen = chosen - {warning.row for warning in report.warnings if warning.code == "older"}
    states: dict[MessageState, list[int]] = {}
    for row in waiting:
        if row.id not in errors:
            states.setdefault(MessageState.APPLIED if row.id in chosen else MessageState.STALE, []).append(row.id)
    for state, ids in states.items():
        connection.execute(update(hl7_message).where(hl7_message.c.id.in_(ids)).values(state=state, row_sealed=None))
    for message_id, error in errors.items():
        values = {"state": MessageState.UNREAD, "fault": error.code, "place": error.column}
        values["reason"] = json.dumps(error.sentences)
        connection.execute(update(hl7_message).where(hl7_message.c.id == message_id).values(values))
    if errors:
        raise_unread(connection, FeedKind.HL7, now)
