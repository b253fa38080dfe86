"""What an import writes: new appointments in a batch that is not live yet, and changes to existing appointments, which
wait until the whole file is read. All transactions are short, so a STOP or a reply never waits for an import."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache, partial
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Connection, delete, exists, insert, select, update
from sqlalchemy import Row as LedgerRow

from ivr.ledger import Ledger, Vault
from ivr.ledger.prepared_sql import BulkInsert, BulkLookup
from ivr.ledger.tables import appointment, batch, callback, opt_out_event, person, staged_change, text, todo
from ivr.line.content.config import Config, ReminderRules
from ivr.people.persons import PersonRegistry
from ivr.people.replies import WRONG_NUMBER
from ivr.reminders.imports.rows import AppointmentRow
from ivr.reminders.outbox.restore_guard import send_count
from ivr.reminders.outbox.text_states import cancel_planned
from ivr.reminders.schedule.plan import PlannedAppointment, Reason, decide

# Rows changed or deleted in one transaction.
CHUNK_SIZE = 1000
_CACHE_SIZE = 10_000
# Columns copied from the file.
_FROM_FILE = ("starts_at", "timezone", "site", "language", "channel", "status")
_PAST_STATUSES = ("attended", "missed")
_VALUES = ("person_id", *_FROM_FILE, "first_name_sealed")
_REFER_TO_PERSONS = (appointment, text, callback, todo, opt_out_event)
_NEW = ("appointment_id", "batch_id", "next_due_at", "created_at", "updated_at", *_VALUES)


@dataclass
class StagedCounts:
    """opted_out: row numbers of patients who opted out. in_cancelled: unchanged rows in cancelled batches."""

    accepted: int = 0
    updated: int = 0
    unchanged: int = 0
    in_cancelled: int = 0
    opted_out: list[int] = field(default_factory=list)


class ImportStage:
    """Stages one file in the ledger: call `add` for its rows, then `go_live` or `undo`."""

    def __init__(self, ledger: Ledger, vault: Vault, config: Config, filename: str, now: datetime) -> None:
        self._ledger, self._vault, self._now = ledger, vault, now
        self._filename = filename[:200]
        self._batch: int | None = None
        self._has_older_changes = False
        dialect = ledger.engine.dialect
        self._persons = PersonRegistry(dialect, vault)
        self._find = BulkLookup(dialect, appointment.c.appointment_id, appointment.c.id)
        self._appointments = BulkInsert(dialect, appointment, _NEW)
        self._changes = BulkInsert(dialect, staged_change, ("into", "appointment", *_VALUES))
        # Many appointments start at the same time.
        self._next_due_at = lru_cache(_CACHE_SIZE)(partial(_next_due_at, config.reminders, now))

    def add(self, rows: list[AppointmentRow]) -> StagedCounts:
        """Stage rows. Commits."""
        with self._ledger.write() as connection:
            # A concurrent claim or import must not see half of these changes.
            self._ledger.exclusive_lock(connection)
            self._ledger.prepare_bulk_write(connection)
            persons, opted_out = self._persons.get_or_create(connection, (row.phone for row in rows), self._now)
            changes = _RowChanges(self._vault, rows, persons, _existing(connection, self._find, rows))
            if changes.new or changes.changed or changes.orphans:
                self._write(connection, changes, persons)
            return changes.counts(opted_out)

    def _write(self, connection: Connection, rows: _RowChanges, persons: dict[str, int]) -> None:
        into = self._batch = self._batch or self._open_batch(connection)
        self._appointments.execute(connection, (self._new(row, persons[row.phone], into) for row in rows.new))
        changes = (
            {"into": into, "appointment": appointment_id, **self._values(row, persons[row.phone])}
            for appointment_id, row in rows.changed
        )
        self._changes.execute(connection, changes)
        if rows.orphans:
            connection.execute(update(appointment).where(appointment.c.id.in_(rows.orphans)).values(batch_id=into))

    def _open_batch(self, connection: Connection) -> int:
        # Starts the send counter, so that even a backup from before the first text is recognized when restored.
        send_count(connection)
        opened = insert(batch).values(created_at=self._now, filename=self._filename).returning(batch.c.id)
        return int(connection.execute(opened).scalar_one())

    def _values(self, row: AppointmentRow, person_id: int) -> dict[str, Any]:
        copied = {name: getattr(row, name) for name in _FROM_FILE}
        sealed = self._vault.seal(row.first_name) if row.first_name else None
        return {"person_id": person_id, **copied, "first_name_sealed": sealed}

    def _new(self, row: AppointmentRow, person_id: int, into: int) -> dict[str, Any]:
        return {
            **self._values(row, person_id),
            "appointment_id": row.appointment_id,
            "batch_id": into,
            "next_due_at": self._next_due_at(row.starts_at, row.timezone, row.status, row.channel),
            "created_at": self._now,
            "updated_at": self._now,
        }

    def go_live(self) -> int | None:
        """Make the batch live with one update, then apply its changes. Returns None if nothing was new or changed."""
        if self._batch is None:
            return None
        with self._ledger.write() as connection:
            connection.execute(update(batch).where(batch.c.id == self._batch).values(live_at=self._now))
            older = select(staged_change.c.id).where(staged_change.c.into < self._batch).limit(1)
            self._has_older_changes = connection.execute(older).first() is not None
        while self._apply_some():
            pass
        with self._ledger.write() as connection:
            _delete_empty_batches(connection, self._batch)
        return self._batch

    def _apply_some(self) -> int:
        with self._ledger.write() as connection:
            self._ledger.exclusive_lock(connection)
            staged = select(staged_change).where(staged_change.c.into == self._batch).order_by(staged_change.c.id)
            changes = connection.execute(staged.limit(CHUNK_SIZE)).all()
            existing = _appointments_by_id(connection, [change.appointment for change in changes])
            for change in changes:
                values = {name: getattr(change, name) for name in _VALUES}
                due = self._next_due_at(change.starts_at, change.timezone, change.status, change.channel)
                _apply(connection, existing[change.appointment], {**values, "batch_id": change.into}, due, self._now)
            done: ColumnElement[bool] = staged_change.c.id.in_([change.id for change in changes])
            if self._has_older_changes:
                # Changes to the same appointments by an import that died: this file is newer.
                done |= (staged_change.c.into < self._batch) & staged_change.c.appointment.in_(existing)
            connection.execute(delete(staged_change).where(done))
            return len(changes)

    def undo(self) -> None:
        """Delete everything that was staged, and the persons that only this file named."""
        if self._batch is not None:
            staged = select(appointment.c.id).where(appointment.c.batch_id == self._batch).limit(CHUNK_SIZE)
            self._delete(staged_change, staged_change.c.into == self._batch)
            while self._delete(appointment, appointment.c.id.in_(staged)):
                pass
            self._delete(batch, batch.c.id == self._batch)
        unused = [~exists().where(table.c.person_id == person.c.id) for table in _REFER_TO_PERSONS]
        created = select(person.c.id).where(person.c.created_at == self._now, *unused).limit(CHUNK_SIZE)
        while self._delete(person, person.c.id.in_(created)):
            pass

    def _delete(self, table: Any, where: Any) -> int:
        with self._ledger.write() as connection:
            return int(connection.execute(delete(table).where(where)).rowcount)


class _RowChanges:
    """Rows sorted into new, changed, and unchanged. known: appointments in the ledger, by appointment_id."""

    def __init__(
        self, vault: Vault, rows: list[AppointmentRow], persons: dict[str, int], known: dict[str, LedgerRow[Any]]
    ) -> None:
        self._rows = rows
        self.new: list[AppointmentRow] = []
        self.changed: list[tuple[int, AppointmentRow]] = []
        # Unchanged appointments of an import that died before its batch was live. They move to this batch.
        self.orphans: list[int] = []
        self._unchanged = self._in_cancelled = 0
        for row in rows:
            before = known.get(row.appointment_id)
            if before is None:
                self.new.append(row)
            elif not _is_unchanged(vault, before, row, persons.get(row.phone)):
                self.changed.append((before.id, row))
            else:
                self._unchanged += 1
                self._in_cancelled += before.cancelled_at is not None
                if before.live_at is None:
                    self.orphans.append(before.id)

    def counts(self, opted_out: set[str]) -> StagedCounts:
        """opted_out: phone numbers."""
        numbers = [row.number for row in self._rows if row.phone in opted_out] if opted_out else []
        return StagedCounts(len(self.new), len(self.changed), self._unchanged, self._in_cancelled, numbers)


def preview_staging(ledger: Ledger, vault: Vault, rows: list[AppointmentRow]) -> StagedCounts:
    """How rows would be staged. Writes nothing."""
    dialect = ledger.engine.dialect
    find = BulkLookup(dialect, appointment.c.appointment_id, appointment.c.id)
    with ledger.read() as connection:
        persons, opted_out = PersonRegistry(dialect, vault).find(connection, (row.phone for row in rows))
        return _RowChanges(vault, rows, persons, _existing(connection, find, rows)).counts(opted_out)


def _next_due_at(
    rules: ReminderRules, now: datetime, starts_at: datetime, zone: str, status: str, channel: str
) -> datetime | None:
    """When to decide next about an appointment: now if any of its texts is due or late already."""
    if status != "booked" or channel != "text":
        return None
    decision = decide(PlannedAppointment(starts_at, ZoneInfo(zone)), rules, now)
    return now if decision.send or decision.skips else decision.next_at


def _is_unchanged(vault: Vault, before: LedgerRow[Any], row: AppointmentRow, person_id: int | None) -> bool:
    name = vault.open(before.first_name_sealed) if before.first_name_sealed else ""
    same = all(getattr(before, key) == getattr(row, key) for key in _FROM_FILE)
    return same and name == row.first_name and before.person_id == person_id


def _existing(connection: Connection, find: BulkLookup, rows: Iterable[AppointmentRow]) -> dict[str, LedgerRow[Any]]:
    ids = [match.id for match in find.among(connection, [row.appointment_id for row in rows])]
    return {row.appointment_id: row for row in _appointments_by_id(connection, ids).values()} if ids else {}


def _appointments_by_id(connection: Connection, ids: list[int]) -> dict[int, LedgerRow[Any]]:
    with_batch = select(appointment, batch.c.live_at, batch.c.paused, batch.c.cancelled_at).join(
        batch, batch.c.id == appointment.c.batch_id
    )
    return {row.id: row for row in connection.execute(with_batch.where(appointment.c.id.in_(ids)))}


def _apply(
    connection: Connection, before: LedgerRow[Any], values: dict[str, Any], due: datetime | None, now: datetime
) -> None:
    """Change an appointment. If it moves, its remaining texts follow the new time, and its answer is cleared."""
    new_person = before.person_id != values["person_id"]
    moved = new_person or (before.starts_at != values["starts_at"] and before.answer != WRONG_NUMBER)
    answer = {"answer": None, "answered_at": None} if moved else {}
    if before.paused or values["status"] in _PAST_STATUSES:
        # A newer file must not resume a paused appointment, and attendance counts for the batch that sent the texts.
        values = {**values, "batch_id": before.batch_id}
    if before.starts_at != values["starts_at"]:
        cancel_planned(connection, [before.id], now, Reason.MOVED)
    elif due is None:
        cancel_planned(connection, [before.id], now, Reason.CANCELLED)
    if before.batch_id != values["batch_id"]:
        connection.execute(update(text).where(text.c.appointment_id == before.id).values(batch_id=values["batch_id"]))
    times = {"next_due_at": now if due is not None else None, "updated_at": now}
    connection.execute(update(appointment).where(appointment.c.id == before.id).values({**values, **answer, **times}))


def _delete_empty_batches(connection: Connection, newest: int) -> None:
    """Delete the batches of imports that died, once a newer batch has taken over all of their rows."""
    empty = ~exists().where(appointment.c.batch_id == batch.c.id) & ~exists().where(staged_change.c.into == batch.c.id)
    connection.execute(delete(batch).where(batch.c.id < newest, batch.c.live_at.is_(None), empty))
