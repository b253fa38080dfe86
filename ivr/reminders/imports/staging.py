"""What an import writes: new appointments in a batch that is not live yet, and changes to those that stand, put aside
until the whole file was read. All in short transactions: a STOP or a reply never waits for an import."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Connection, delete, exists, insert, select, update
from sqlalchemy import Row as LedgerRow

from ivr.ledger import Ledger, Vault
from ivr.ledger.prepared_sql import BulkInsert, BulkLookup
from ivr.ledger.tables import appointment, batch, callback, opt_out_event, person, staged_change, text, todo
from ivr.line.content.config import Config
from ivr.people.persons import PersonRegistry
from ivr.people.replies import WRONG_NUMBER
from ivr.reminders.imports.rows import AppointmentRow
from ivr.reminders.outbox.restore_guard import send_count
from ivr.reminders.outbox.text_states import cancel_planned
from ivr.reminders.schedule.plan import PlannedAppointment, Reason, decide

# How many rows are written in one transaction when they are taken back or changed.
TOGETHER = 1000
_SLOTS = 10_000
# What a newer file may change; the rest of an appointment is the line's own.
_FROM_FILE = ("person_id", "starts_at", "timezone", "site", "language", "channel", "status")
_OVER = ("attended", "missed")
_VALUES = (*_FROM_FILE, "first_name_sealed")
_NEW = ("appointment_id", "batch_id", "next_due_at", "created_at", "updated_at", *_VALUES)


@dataclass
class StagedCounts:
    """What became of some rows. opted_out: the rows of persons who want no texts; in_cancelled: unchanged rows of
    batches that were cancelled."""

    accepted: int = 0
    updated: int = 0
    unchanged: int = 0
    in_cancelled: int = 0
    opted_out: list[int] = field(default_factory=list)


class ImportStage:
    """One file on its way into the ledger. `add` rows, then `go_live` or `undo`."""

    def __init__(self, ledger: Ledger, vault: Vault, config: Config, filename: str, now: datetime) -> None:
        self._ledger, self._vault, self._now = ledger, vault, now
        self._filename = filename[:200]
        self._batch: int | None = None
        self._others_left_some = False
        dialect = ledger.engine.dialect
        self._meeting = PersonRegistry(dialect, vault)
        self._find = BulkLookup(dialect, appointment.c.appointment_id, appointment.c.id)
        self._inserting = BulkInsert(dialect, appointment, _NEW)
        self._changing = BulkInsert(dialect, staged_change, ("into", "appointment", *_VALUES))
        self._next_due_at = lru_cache(_SLOTS)(_Dues(config, now).next_due_at)

    def add(self, rows: list[AppointmentRow]) -> StagedCounts:
        """Stage rows. Commits."""
        with self._ledger.write() as connection:
            # A claim under way, or another import, must not meet half of what is changed here.
            self._ledger.exclusive_lock(connection)
            self._ledger.expect_many(connection)
            persons, silent = self._meeting.meet(connection, (row.phone for row in rows), self._now)
            sorted_rows = _Sorted(self._vault, rows, persons, _known(connection, self._find, rows))
            if sorted_rows.new or sorted_rows.changed or sorted_rows.left_behind:
                self._write(connection, sorted_rows, persons)
            return sorted_rows.told(silent)

    def _write(self, connection: Connection, rows: _Sorted, persons: dict[str, int]) -> None:
        into = self._batch = self._batch or self._open(connection)
        self._inserting.many(connection, (self._new(row, persons[row.phone], into) for row in rows.new))
        self._changing.many(
            connection,
            (
                {"into": into, "appointment": number, **self._values(row, persons[row.phone])}
                for number, row in rows.changed
            ),
        )
        if rows.left_behind:
            # Unchanged rows of an import that died before its batch was live belong to this one now.
            connection.execute(update(appointment).where(appointment.c.id.in_(rows.left_behind)).values(batch_id=into))

    def _open(self, connection: Connection) -> int:
        # A backup from before the first text must be known for one too.
        send_count(connection)
        opened = insert(batch).values(created_at=self._now, filename=self._filename).returning(batch.c.id)
        return int(connection.execute(opened).scalar_one())

    def _values(self, row: AppointmentRow, person_id: int) -> dict[str, Any]:
        return {
            "person_id": person_id,
            "starts_at": row.starts_at,
            "timezone": row.timezone,
            "site": row.site,
            "language": row.language,
            "first_name_sealed": self._vault.seal(row.first_name) if row.first_name else None,
            "channel": row.channel,
            "status": row.status,
        }

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
        """Make the batch live with one update, then change the appointments that stand. None: there was nothing new."""
        if self._batch is None:
            return None
        with self._ledger.write() as connection:
            connection.execute(update(batch).where(batch.c.id == self._batch).values(live_at=self._now))
            left = select(staged_change.c.id).where(staged_change.c.into < self._batch).limit(1)
            self._others_left_some = connection.execute(left).first() is not None
        while self._change_some():
            pass
        with self._ledger.write() as connection:
            _forget_empty(connection, self._batch)
        return self._batch

    def _change_some(self) -> int:
        with self._ledger.write() as connection:
            self._ledger.exclusive_lock(connection)
            mine = select(staged_change).where(staged_change.c.into == self._batch).order_by(staged_change.c.id)
            changes = connection.execute(mine.limit(TOGETHER)).all()
            standing = _standing(connection, [one.appointment for one in changes])
            for one in changes:
                values = {name: getattr(one, name) for name in _VALUES}
                due = self._next_due_at(one.starts_at, one.timezone, one.status, one.channel)
                _change(connection, standing[one.appointment], {**values, "batch_id": one.into}, due, self._now)
            done: ColumnElement[bool] = staged_change.c.id.in_([one.id for one in changes])
            if self._others_left_some:
                # An import that died wanted to change the same appointments: this file is newer.
                done |= (staged_change.c.into < self._batch) & staged_change.c.appointment.in_(standing)
            connection.execute(delete(staged_change).where(done))
            return len(changes)

    def undo(self) -> None:
        """Take back all that was staged, and whom only this file has named."""
        if self._batch is not None:
            mine = select(appointment.c.id).where(appointment.c.batch_id == self._batch).limit(TOGETHER)
            self._delete_some(staged_change, staged_change.c.into == self._batch)
            while self._delete_some(appointment, appointment.c.id.in_(mine)):
                pass
            self._delete_some(batch, batch.c.id == self._batch)
        unknown = [
            ~exists().where(table.c.person_id == person.c.id)
            for table in (appointment, text, callback, todo, opt_out_event)
        ]
        met = select(person.c.id).where(person.c.created_at == self._now, *unknown).limit(TOGETHER)
        while self._delete_some(person, person.c.id.in_(met)):
            pass

    def _delete_some(self, table: Any, where: Any) -> int:
        with self._ledger.write() as connection:
            return int(connection.execute(delete(table).where(where)).rowcount)


class _Dues:
    """When to look at an appointment first; visits begin at the same few times, so the answer is kept."""

    def __init__(self, config: Config, now: datetime) -> None:
        self._rules, self._now = config.reminders, now

    def next_due_at(self, starts_at: datetime, zone: str, status: str, channel: str) -> datetime | None:
        """Now, when something of the plan may be due or late already."""
        if status != "booked" or channel != "text":
            return None
        decision = decide(PlannedAppointment(starts_at, ZoneInfo(zone)), self._rules, self._now)
        return self._now if decision.send or decision.skips else decision.next_at


class _Sorted:
    """Rows by what they mean for the ledger. known: the appointments that it has, by appointment_id."""

    def __init__(
        self, vault: Vault, rows: list[AppointmentRow], persons: dict[str, int], known: dict[str, LedgerRow[Any]]
    ) -> None:
        self._rows = rows
        self.new: list[AppointmentRow] = []
        self.changed: list[tuple[int, AppointmentRow]] = []
        self.left_behind: list[int] = []
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
                    self.left_behind.append(before.id)

    def told(self, silent: set[str]) -> StagedCounts:
        """silent: the numbers that want no texts."""
        opted_out = [row.number for row in self._rows if row.phone in silent] if silent else []
        return StagedCounts(len(self.new), len(self.changed), self._unchanged, self._in_cancelled, opted_out)


def preview_staging(ledger: Ledger, vault: Vault, rows: list[AppointmentRow]) -> StagedCounts:
    """What staging rows would tell; nothing is written."""
    dialect = ledger.engine.dialect
    find = BulkLookup(dialect, appointment.c.appointment_id, appointment.c.id)
    with ledger.read() as connection:
        persons, silent = PersonRegistry(dialect, vault).find(connection, (row.phone for row in rows))
        return _Sorted(vault, rows, persons, _known(connection, find, rows)).told(silent)


def _is_unchanged(vault: Vault, before: LedgerRow[Any], row: AppointmentRow, person_id: int | None) -> bool:
    name = vault.open(before.first_name_sealed) if before.first_name_sealed else ""
    same = all(getattr(before, key) == getattr(row, key) for key in _FROM_FILE if key != "person_id")
    return same and name == row.first_name and before.person_id == person_id


def _known(connection: Connection, find: BulkLookup, rows: Iterable[AppointmentRow]) -> dict[str, LedgerRow[Any]]:
    found = [one.id for one in find.among(connection, [row.appointment_id for row in rows])]
    return {row.appointment_id: row for row in _standing(connection, found).values()} if found else {}


def _standing(connection: Connection, numbers: list[int]) -> dict[int, LedgerRow[Any]]:
    return {row.id: row for row in connection.execute(_with_batch().where(appointment.c.id.in_(numbers)))}


def _with_batch() -> Any:
    return select(appointment, batch.c.live_at, batch.c.paused, batch.c.cancelled_at).join(
        batch, batch.c.id == appointment.c.batch_id
    )


def _change(
    connection: Connection, before: LedgerRow[Any], values: dict[str, Any], due: datetime | None, now: datetime
) -> None:
    """A moved appointment gets its remaining texts by the new time, and loses its answer."""
    given_on = before.person_id != values["person_id"]
    moved = given_on or (before.starts_at != values["starts_at"] and before.answer != WRONG_NUMBER)
    answer = {"answer": None, "answered_at": None} if moved else {}
    if before.paused or values["status"] in _OVER:
        # What a scheduler paused does not go on because a newer file moved it; and who came is told of the batch that
        # her texts were of.
        values = {**values, "batch_id": before.batch_id}
    if before.starts_at != values["starts_at"]:
        cancel_planned(connection, [before.id], now, Reason.MOVED)
    elif due is None:
        cancel_planned(connection, [before.id], now, Reason.CANCELLED)
    if before.batch_id != values["batch_id"]:
        connection.execute(update(text).where(text.c.appointment_id == before.id).values(batch_id=values["batch_id"]))
    looked_at = {"next_due_at": now if due is not None else None, "updated_at": now}
    connection.execute(
        update(appointment).where(appointment.c.id == before.id).values({**values, **answer, **looked_at})
    )


def _forget_empty(connection: Connection, mine: int) -> None:
    """The batches of imports that died, whose rows this one has taken over."""
    left = ~exists().where(appointment.c.batch_id == batch.c.id) & ~exists().where(staged_change.c.into == batch.c.id)
    connection.execute(delete(batch).where(batch.c.id < mine, batch.c.live_at.is_(None), left))
