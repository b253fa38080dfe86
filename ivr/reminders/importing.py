"""Take a scheduler's file in: one row an appointment, staged in short transactions, live with one update.

Nothing of a batch is sent before it is live, so an import that dies half-way has sent nothing, and running
it again finishes it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, insert, select, update
from sqlalchemy import Row as LedgerRow

from ivr.ledger import Ledger, Vault
from ivr.ledger.tables import appointment, batch, person
from ivr.line.config import Config
from ivr.people.persons import meet
from ivr.people.replies import NOT_HERS
from ivr.reminders.faults import Fault, warning
from ivr.reminders.files import UnreadableFile, read_rows
from ivr.reminders.plan import Reason, Visit, decide
from ivr.reminders.rows import Row, RowReader
from ivr.reminders.texts import cancel_planned

CHUNK = 1000
# What a newer file may change; the rest of an appointment is the line's own.
_FROM_FILE = ("person_id", "starts_at", "timezone", "site", "language", "channel", "status")


@dataclass
class ImportReport:
    """What became of a file. The four counts add up to rows; cancelled rows count as updated."""

    batch: int | None = None
    rows: int = 0
    accepted: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: int = 0
    warnings: list[Fault] = field(default_factory=list)
    errors: list[Fault] = field(default_factory=list)

    def as_json(self) -> dict[str, object]:
        return {
            **{name: getattr(self, name) for name in ("batch", "rows", "accepted", "updated", "unchanged", "rejected")},
            "warnings": [item.as_json() for item in self.warnings],
            "errors": [item.as_json() for item in self.errors],
        }


class Importer:
    """Imports files into a ledger. progress: called with the number of rows read so far."""

    def __init__(
        self,
        ledger: Ledger,
        vault: Vault,
        config: Config,
        progress: Callable[[int], None] = lambda _rows: None,
    ) -> None:
        self._ledger = ledger
        self._vault = vault
        self._config = config
        self._progress = progress

    def run(self, path: Path, now: datetime) -> ImportReport:
        """Import a file. A file that cannot be read at all gives rows 0 and one error with row 0."""
        report = ImportReport()
        good = self._good_rows(path, now, report)
        try:
            chunk = list(islice(good, CHUNK))
            if chunk:
                report.batch = self._open_batch(path.name, now)
            while chunk:
                self._stage(chunk, report, now)
                chunk = list(islice(good, CHUNK))
        except UnreadableFile as broken:
            return ImportReport(errors=[broken.fault])
        if report.batch is not None:
            with self._ledger.write() as connection:
                connection.execute(update(batch).where(batch.c.id == report.batch).values(live_at=now))
        if report.rows:
            report.warnings.append(warning(0, "", "absent_rows"))
        return report

    def _good_rows(self, path: Path, now: datetime, report: ImportReport) -> Iterator[Row]:
        reader = RowReader(self._config, now)
        for number, cells in read_rows(path):
            report.rows += 1
            read = reader.read(number, cells)
            if isinstance(read, Row):
                yield read
            else:
                report.rejected += 1
                report.errors += read
            if report.rows % CHUNK == 0:
                self._progress(report.rows)

    def _open_batch(self, filename: str, now: datetime) -> int:
        with self._ledger.write() as connection:
            opened: int = connection.execute(
                insert(batch).values(created_at=now, filename=filename[:200]).returning(batch.c.id)
            ).scalar_one()
            return opened

    def _stage(self, rows: list[Row], report: ImportReport, now: datetime) -> None:
        with self._ledger.write() as connection:
            # A claim under way, or another import, must not meet half of what is changed here.
            self._ledger.turnstile(connection)
            persons = meet(connection, self._vault, list(dict.fromkeys(row.phone for row in rows)), now)
            known = _known(connection, rows)
            new = []
            for row in rows:
                values = self._values(row, persons[row.phone], report.batch, now)
                before = known.get(row.appointment_id)
                if before is None:
                    report.accepted += 1
                    new.append({**values, "answer": None, "answered_at": None, "created_at": now})
                elif self._is_unchanged(before, values, row):
                    report.unchanged += 1
                    self._finish(connection, before, values)
                else:
                    report.updated += 1
                    _update(connection, before, values, now)
            if new:
                connection.execute(insert(appointment), new)
            report.warnings += _opted_out(connection, rows, persons)

    def _values(self, row: Row, person_id: int, batch_id: int | None, now: datetime) -> dict[str, Any]:
        return {
            "appointment_id": row.appointment_id,
            "person_id": person_id,
            "batch_id": batch_id,
            "starts_at": row.starts_at,
            "timezone": row.timezone,
            "site": row.site,
            "language": row.language,
            "first_name_sealed": self._vault.seal(row.first_name) if row.first_name else None,
            "channel": row.channel,
            "status": row.status,
            "next_due_at": self._next_due_at(row, now),
            "updated_at": now,
        }

    def _next_due_at(self, row: Row, now: datetime) -> datetime | None:
        """When to look at an appointment first: now, when something of its plan may be due or late already."""
        if row.status != "booked" or row.channel != "text":
            return None
        decision = decide(Visit(row.starts_at, ZoneInfo(row.timezone)), self._config.reminders, now)
        return now if decision.send or decision.skips else decision.next_at

    def _is_unchanged(self, before: LedgerRow[Any], values: dict[str, Any], row: Row) -> bool:
        name = self._vault.open(before.first_name_sealed) if before.first_name_sealed else ""
        return name == row.first_name and all(getattr(before, key) == values[key] for key in _FROM_FILE)

    def _finish(self, connection: Connection, before: LedgerRow[Any], values: dict[str, Any]) -> None:
        """An unchanged row of an import that died before its batch was live belongs to this one now."""
        if before.live_at is None:
            connection.execute(
                update(appointment).where(appointment.c.id == before.id).values(batch_id=values["batch_id"])
            )


def _known(connection: Connection, rows: Iterable[Row]) -> dict[str, LedgerRow[Any]]:
    found = connection.execute(
        select(appointment, batch.c.live_at, batch.c.paused)
        .join(batch, batch.c.id == appointment.c.batch_id)
        .where(appointment.c.appointment_id.in_([row.appointment_id for row in rows]))
    )
    return {row.appointment_id: row for row in found}


def _update(connection: Connection, before: LedgerRow[Any], values: dict[str, Any], now: datetime) -> None:
    """A moved appointment gets its remaining texts by the new time, and loses its answer."""
    given_on = before.person_id != values["person_id"]
    moved = given_on or (before.starts_at != values["starts_at"] and before.answer != NOT_HERS)
    answer = {"answer": None, "answered_at": None} if moved else {}
    if before.paused:
        # What a scheduler paused does not go on because a newer file moved it.
        values = {**values, "batch_id": before.batch_id}
    if before.starts_at != values["starts_at"]:
        cancel_planned(connection, [before.id], now, Reason.MOVED)
    elif values["next_due_at"] is None:
        cancel_planned(connection, [before.id], now, Reason.CANCELLED)
    due = now if values["next_due_at"] is not None else None
    connection.execute(
        update(appointment).where(appointment.c.id == before.id).values({**values, **answer, "next_due_at": due})
    )


def _opted_out(connection: Connection, rows: Iterable[Row], persons: dict[str, int]) -> Iterator[Fault]:
    out = select(person.c.id).where(person.c.id.in_(persons.values()), person.c.opted_out_at.is_not(None))
    silent = set(connection.execute(out).scalars())
    for row in rows:
        if persons[row.phone] in silent:
            yield warning(row.number, "phone", "opted_out")
