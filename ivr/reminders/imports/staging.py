"""What an import writes: new appointments in a batch that is not live yet, and changes to existing appointments, which
wait until the whole file is read. All transactions are short, so a STOP or a reply never waits for an import.

A batch that is not live may belong to an import that died or to one that still runs. Nothing can tell them apart, so
an import takes over rows of such a batch only when it goes live, and its undo deletes only what it staged itself.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from functools import lru_cache, partial
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Connection, delete, exists, func, insert, select, update
from sqlalchemy import Row as LedgerRow

from ivr.ledger import Ledger, Vault
from ivr.ledger.prepared_sql import BulkInsert, BulkLookup
from ivr.ledger.tables import (
    appointment,
    appointment_change,
    batch,
    callback,
    opt_out_event,
    person,
    staged_change,
    text,
    todo,
)
from ivr.line.content.config import Config, ReminderRules
from ivr.people.persons import PersonRegistry
from ivr.people.replies import WRONG_NUMBER
from ivr.reminders.imports.change_order import changed_at, is_older
from ivr.reminders.imports.errors import RowError, row_warning
from ivr.reminders.imports.row_changes import FROM_FILE, RowChanges, StagedCounts
from ivr.reminders.imports.rows import AppointmentRow, ValidRow
from ivr.reminders.outbox.restore_guard import send_count
from ivr.reminders.outbox.text_states import cancel_planned
from ivr.reminders.schedule.plan import PlannedAppointment, Reason, decide

# Rows changed or deleted in one transaction.
CHUNK_SIZE = 1000
_CACHE_SIZE = 10_000
_PAST_STATUSES = ("attended", "missed")
_VALUES = ("person_id", *FROM_FILE, "first_name_sealed")
_REFER_TO_PERSONS = (appointment, staged_change, text, callback, todo, opt_out_event)
# An import that has not gone live by then has died.
_ABANDONED_AFTER = timedelta(days=1)
# One that is live applies its changes at once.
_UNFINISHED_AFTER = timedelta(minutes=2)
_OF_PERSON = ("id", "appointment_id", "person_id")
_IS_EMPTY = ~exists().where(appointment.c.batch_id == batch.c.id) & ~exists().where(staged_change.c.into == batch.c.id)
_NEW = ("appointment_id", "batch_id", "next_due_at", "created_at", "updated_at", "as_of", "created_from", *_VALUES)


class ImportStage:
    """Stages one file in the ledger: call `add` for its rows, then `go_live` or `undo`."""

    def __init__(
        self,
        ledger: Ledger,
        vault: Vault,
        config: Config,
        filename: str,
        now: datetime,
        received_at: datetime | None = None,
    ) -> None:
        self._ledger, self._vault, self._now = ledger, vault, now
        self._received_at = received_at or now
        self._filename = filename[:200]
        self._batch: int | None = None
        self._has_older_changes = False
        # Appointments that are what the rows say, by the time of the row.
        self._confirmed: defaultdict[datetime, array[int]] = defaultdict(partial(array, "q"))
        dialect = ledger.engine.dialect
        self._persons = PersonRegistry(dialect, vault)
        self._find = BulkLookup(dialect, appointment.c.appointment_id, appointment.c.id)
        self._appointments = BulkInsert(dialect, appointment, _NEW)
        self._changes = BulkInsert(dialect, staged_change, ("into", "appointment", "as_of", *_VALUES))
        self._history = BulkInsert(dialect, appointment_change, ("appointment_id", "at", "source", "what"))
        # Many appointments start at the same time.
        self._next_due_at = lru_cache(_CACHE_SIZE)(partial(_next_due_at, config.reminders, now))

    def add(self, rows: list[ValidRow]) -> StagedCounts:
        """Stage rows. Commits, but the rows are on the disk only once the batch is live: until then nothing counts."""
        with self._ledger.write_unsynced() as connection:
            # A concurrent claim or import must not see half of these changes.
            self._ledger.exclusive_lock(connection)
            self._ledger.prepare_bulk_write(connection)
            persons, opted_out = self._persons.get_or_create(connection, _phones(rows), self._now)
            changes = RowChanges(self._vault, rows, persons, _existing(connection, self._find, rows), self._received_at)
            counts = changes.counts(opted_out, _alike_ids(connection, changes.added, persons))
            if changes.new or changes.staged:
                self._write(connection, changes, persons)
            for at, appointment_id in changes.confirmed:
                self._confirmed[at].append(appointment_id)
            return counts

    def _write(self, connection: Connection, rows: RowChanges, persons: dict[str, int]) -> None:
        into = self._batch = self._batch or self._open_batch(connection)
        if rows.new:
            self._appointments.execute_values(connection, self._new(rows.new, persons, into))
        if rows.staged:
            self._changes.execute(connection, (self._change(before, row, persons, into) for before, row in rows.staged))

    def _open_batch(self, connection: Connection) -> int:
        # Starts the send counter, so that even a backup from before the first text is recognized when restored.
        send_count(connection)
        opened = insert(batch).values(created_at=self._now, filename=self._filename).returning(batch.c.id)
        return int(connection.execute(opened).scalar_one())

    def _change(
        self, before: LedgerRow[Any], row: ValidRow | None, persons: dict[str, int], into: int
    ) -> dict[str, Any]:
        """A row of `staged_change`."""
        change = {
            "into": into,
            "appointment": before.id,
            "as_of": before.as_of,
            **{name: getattr(before, name) for name in _VALUES},
        }
        if row is not None:
            change["as_of"] = changed_at(row.sent_at, self._received_at)
        if isinstance(row, AppointmentRow):
            change |= {name: getattr(row, name) for name in FROM_FILE}
            change["person_id"] = persons[row.phone]
            change["first_name_sealed"] = self._vault.seal(row.first_name) if row.first_name else None
        elif row is not None:
            change[row.column] = row.value
        return change

    def _new(self, rows: list[AppointmentRow], persons: dict[str, int], into: int) -> Iterator[tuple[Any, ...]]:
        """The values of _NEW for each row."""
        now, next_due_at = self._now, self._next_due_at
        names = iter(self._vault.seal_all([row.first_name for row in rows if row.first_name]))
        for row in rows:
            _, appointment_id, phone, starts_at, first_name, timezone, site, language, channel, status, sent_at = row
            yield (
                *(appointment_id, into, next_due_at(starts_at, timezone, status, channel), now, now),
                *(changed_at(sent_at, self._received_at), self._filename),
                *(persons[phone], starts_at, timezone, site, language, channel, status),
                next(names) if first_name else None,
            )

    def go_live(self, on_live: Callable[[Connection, int], None] = lambda _connection, _batch: None) -> None:
        """Make the batch live with one update, then apply its changes. There is no batch if nothing was new or changed.

        on_live: called with the batch in the transaction that makes it live.
        """
        # First, because `finish_batch` knows only what is stored.
        self._confirm()
        if self._batch is None:
            return
        with self._ledger.write() as connection:
            connection.execute(update(batch).where(batch.c.id == self._batch).values(live_at=self._now))
            on_live(connection, self._batch)
        self._apply_all(self._batch)

    def _apply_all(self, into: int, should_stop: Callable[[], bool] = lambda: False) -> bool:
        """Apply the changes of a live batch. Returns whether all are applied: not if it should stop before."""
        with self._ledger.read() as connection:
            older = select(staged_change.c.id).where(staged_change.c.into < into).limit(1)
            self._has_older_changes = connection.execute(older).first() is not None
        while self._apply_some(into):
            if should_stop():
                return False
        with self._ledger.write() as connection:
            _delete_abandoned_batches(connection, self._now)
        return True

    def _apply_some(self, into: int) -> int:
        with self._ledger.write() as connection:
            self._ledger.exclusive_lock(connection)
            staged = select(staged_change).where(staged_change.c.into == into).order_by(staged_change.c.id)
            changes = connection.execute(staged.limit(CHUNK_SIZE)).all()
            existing = _appointments_by_id(connection, [change.appointment for change in changes])
            taken_over, applied = [], []
            for change in changes:
                before, values = existing[change.appointment], {name: getattr(change, name) for name in _VALUES}
                is_live = before.live_at is not None
                differs = any(getattr(before, name) != value for name, value in values.items())
                if differs and not (is_live and is_older(change.as_of or self._received_at, before.as_of)):
                    due = self._next_due_at(change.starts_at, change.timezone, change.status, change.channel)
                    _apply(connection, before, {**values, "batch_id": into, "as_of": change.as_of}, due, self._now)
                    if is_live:
                        applied.append((before.id, self._now, self._filename, _what_changed(before, values)))
                if not is_live:
                    taken_over.append(before.id)
            self._history.execute_values(connection, applied)
            if taken_over:
                self._take_over(connection, taken_over, into)
            done: ColumnElement[bool] = staged_change.c.id.in_([change.id for change in changes])
            if self._has_older_changes:
                # Changes to the same appointments by an import that died: this file is newer.
                done |= (staged_change.c.into < into) & staged_change.c.appointment.in_(existing)
            connection.execute(delete(staged_change).where(done))
            return len(changes)

    def _take_over(self, connection: Connection, ids: list[int], into: int) -> None:
        """Make appointments of an import that is not live the batch's own: they have never counted before."""
        origin = {"created_from": self._filename, "created_at": self._now, "updated_at": self._now}
        connection.execute(update(appointment).where(appointment.c.id.in_(ids)).values(batch_id=into, **origin))

    def _confirm(self) -> None:
        """Record when it was known that appointments are unchanged, so that an older change does not count later."""
        for group in self._confirmed_groups():
            with self._ledger.write() as connection:
                for at, ids in group:
                    older = appointment.c.as_of.is_(None) | (appointment.c.as_of < at)
                    known = appointment.c.id.in_(ids.tolist())
                    connection.execute(update(appointment).where(known, older).values(as_of=at))
        self._confirmed.clear()

    def _confirmed_groups(self) -> Iterator[list[tuple[datetime, array[int]]]]:
        """The unchanged appointments by time, a chunk of them in each group: a feed's rows have times of their own."""
        group: list[tuple[datetime, array[int]]] = []
        size = 0
        for at, ids in self._confirmed.items():
            for first in range(0, len(ids), CHUNK_SIZE):
                part = ids[first : first + CHUNK_SIZE]
                if size + len(part) > CHUNK_SIZE:
                    yield group
                    group, size = [], 0
                group.append((at, part))
                size += len(part)
        if group:
            yield group

    def undo(self) -> None:
        """Delete everything that was staged, and the persons that only this file named.

        An appointment that a concurrent import has staged a change to remains, and goes live with that import.
        """
        if self._batch is not None:
            in_batch = appointment.c.batch_id == self._batch
            is_wanted = exists().where(staged_change.c.appointment == appointment.c.id)
            staged = select(appointment.c.id).where(in_batch, ~is_wanted).limit(CHUNK_SIZE)
            self._delete(staged_change, staged_change.c.into == self._batch)
            while self._delete(appointment, appointment.c.id.in_(staged)):
                pass
            self._delete(batch, (batch.c.id == self._batch) & _IS_EMPTY)
        unused = [~exists().where(table.c.person_id == person.c.id) for table in _REFER_TO_PERSONS]
        created = select(person.c.id).where(person.c.created_at == self._now, *unused).limit(CHUNK_SIZE)
        while self._delete(person, person.c.id.in_(created)):
            pass

    def _delete(self, table: Any, where: Any) -> int:
        with self._ledger.write() as connection:
            self._ledger.exclusive_lock(connection)
            return int(connection.execute(delete(table).where(where)).rowcount)


def unfinished_batches(ledger: Ledger, now: datetime) -> list[int]:
    """The live batches whose imports have probably died before their last change, in the order in which they went live.

    If one still runs, `finish_batch` does no harm.
    """
    staged: list[int] = []
    with ledger.read() as connection:
        # One look at the index for each batch: a large file has many changes.
        following = select(func.min(staged_change.c.into))
        while last := connection.execute(following.where(staged_change.c.into > (staged or [0])[-1])).scalar():
            staged.append(last)
        if not staged:
            return []
        live = select(batch.c.id).where(batch.c.id.in_(staged), batch.c.live_at < now - _UNFINISHED_AFTER)
        return list(connection.execute(live.order_by(batch.c.live_at, batch.c.id)).scalars())


def finish_batch(
    ledger: Ledger,
    vault: Vault,
    config: Config,
    batch_id: int,
    now: datetime,
    should_stop: Callable[[], bool] = lambda: False,
) -> bool:
    """Apply the remaining changes of a live batch, whose import may have died, or may do the same at this moment.

    Returns whether all are applied: not if it should stop before.
    """
    with ledger.read() as connection:
        row = connection.execute(select(batch.c.filename, batch.c.created_at).where(batch.c.id == batch_id)).one()
    return ImportStage(ledger, vault, config, row.filename, now, row.created_at)._apply_all(batch_id, should_stop)


def preview_staging(ledger: Ledger, vault: Vault, rows: list[ValidRow], received_at: datetime) -> StagedCounts:
    """How rows would be staged. Writes nothing."""
    dialect = ledger.engine.dialect
    find = BulkLookup(dialect, appointment.c.appointment_id, appointment.c.id)
    with ledger.read() as connection:
        persons, opted_out = PersonRegistry(dialect, vault).find(connection, _phones(rows))
        changes = RowChanges(vault, rows, persons, _existing(connection, find, rows), received_at)
        return changes.counts(opted_out, _alike_ids(connection, changes.added, persons))


def _phones(rows: list[ValidRow]) -> list[str]:
    return [row.phone for row in rows if isinstance(row, AppointmentRow)]


def _alike_ids(connection: Connection, new: list[AppointmentRow], persons: dict[str, int]) -> list[RowError]:
    """Warnings about new ids that differ only in leading zeros from the id of a booked appointment of the same person
    at the same time: a spreadsheet turns 0012345 into 12345."""
    rows = {}
    for row in new:
        if row.appointment_id.isdecimal() and row.phone in persons:
            rows[persons[row.phone], row.appointment_id.lstrip("0")] = row
    if not rows:
        return []
    find = BulkLookup(connection.dialect, appointment.c.person_id, *(appointment.c[n] for n in _OF_PERSON))
    stored = find.among(connection, list({person_id for person_id, _ in rows}))
    ids = [match.id for match in stored if (match.person_id, match.appointment_id.lstrip("0")) in rows]
    warnings = []
    for before in _appointments_by_id(connection, ids).values() if ids else ():
        row = rows[before.person_id, before.appointment_id.lstrip("0")]
        # One that is not live may be the row's own.
        if before.live_at and before.starts_at == row.starts_at and before.status == "booked":
            warnings.append(row_warning(row.number, "appointment_id", "id_alike", before.appointment_id))
    return warnings


def _next_due_at(
    rules: ReminderRules, now: datetime, starts_at: datetime, zone: str, status: str, channel: str
) -> datetime | None:
    """When to decide next about an appointment: now if any of its texts is due or late already."""
    if status != "booked" or channel != "text":
        return None
    decision = decide(PlannedAppointment(starts_at, ZoneInfo(zone)), rules, now)
    return now if decision.send or decision.skips else decision.next_at


def _existing(connection: Connection, find: BulkLookup, rows: Iterable[ValidRow]) -> dict[str, LedgerRow[Any]]:
    ids = [match.id for match in find.among(connection, [row.appointment_id for row in rows])]
    return {row.appointment_id: row for row in _appointments_by_id(connection, ids).values()} if ids else {}


def _appointments_by_id(connection: Connection, ids: list[int]) -> dict[int, LedgerRow[Any]]:
    with_batch = select(appointment, batch.c.live_at, batch.c.paused, batch.c.cancelled_at).join(
        batch, batch.c.id == appointment.c.batch_id
    )
    return {row.id: row for row in connection.execute(with_batch.where(appointment.c.id.in_(ids)))}


def _what_changed(before: LedgerRow[Any], values: dict[str, Any]) -> str:
    """The columns that differ. A name is sealed anew each time, so it is what changed if nothing else has."""
    names = [name for name in ("person_id", *FROM_FILE) if getattr(before, name) != values[name]]
    return ",".join(names or ["first_name"])


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


def _delete_abandoned_batches(connection: Connection, now: datetime) -> None:
    """Delete the batches of imports that died, once newer batches have taken over all of their rows."""
    is_old = batch.c.created_at < now - _ABANDONED_AFTER
    connection.execute(delete(batch).where(batch.c.live_at.is_(None), is_old, _IS_EMPTY))
