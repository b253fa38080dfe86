"""Every text of a visit, sent or not, with its state and reason; and of a batch all of them, for the spreadsheet."""

from __future__ import annotations

import csv
import os
import re
import secrets
from array import array
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from operator import itemgetter
from pathlib import Path
from typing import Any, TextIO
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Row, Select, func, select

from ivr.ledger import Ledger, Vault
from ivr.ledger.tables import appointment, batch, person, text, text_move
from ivr.line.content.config import ReminderRules
from ivr.people.phones import format_phone
from ivr.people.replies import WRONG_NUMBER
from ivr.reminders.outbox.claims import blocked_reason
from ivr.reminders.outbox.states import SPENT, TextState
from ivr.reminders.reports.status import NoSuchBatch
from ivr.reminders.schedule.plan import WEEK, Decision, PlannedAppointment, decide, due_at, quiet_until

CHUNK = 1000
COLUMNS = (
    *("appointment_id", "number", "first_name", "starts_at", "site", "language", "step", "due_at", "state", "reason"),
    *("handed_over_at", "changed_at", "answer", "answered_at", "status"),
)
# https://owasp.org/www-community/attacks/CSV_Injection, which names the wide forms too.
_FORMULA = re.compile(r"\s*[=+\-@＝＋－＠]|[\t\r\n]")  # noqa: RUF001
_BETWEEN = "\x1f"
_RISKY = re.compile(f"{_BETWEEN}(?:{_FORMULA.pattern})")
_WENT_OUT = (TextState.HANDED_OVER, TextState.DELIVERED, TextState.UNDELIVERED, TextState.NO_RECEIPT)
State = tuple[TextState, str | None]
_SLOTS = 10_000
# Of an appointment what a line tells, or what decides over it.
_EXPORTED = [appointment.c[name] for name in ("id", "appointment_id", "person_id", "starts_at", "timezone", "site")]
_EXPORTED += [appointment.c[name] for name in ("language", "first_name_sealed", "channel", "status", "answer")]
_EXPORTED += [appointment.c[name] for name in ("answered_at", "batch_id")]
_TEXTS: Select[Any] = select(
    *(text.c[name] for name in ("id", "appointment_id", "starts_at", "step", "state", "reason", "retry_at")),
    text.c.updated_at,
    select(func.min(text_move.c.at))
    .where(text_move.c.text_id == text.c.id, text_move.c.to_state.in_(_WENT_OUT))
    .scalar_subquery()
    .label("handed_over"),
)

# What ends the texts of a visit, the first that holds: their state, and why.
_NEVER: tuple[tuple[Callable[[Row[Any]], bool], State], ...] = (
    (lambda row: row.status == "cancelled", (TextState.CANCELLED, "cancelled")),
    (lambda row: row.cancelled_at is not None, (TextState.CANCELLED, "batch_cancelled")),
    (lambda row: row.answer == WRONG_NUMBER, (TextState.CANCELLED, WRONG_NUMBER)),
    (lambda row: row.channel != "text", (TextState.SKIPPED, "not_by_text")),
    (lambda row: row.status != "booked", (TextState.SKIPPED, "visit_over")),
)


class UnwritableFile(Exception):
    """The file cannot be written; the message says why and what to do."""


@dataclass(frozen=True)
class TextReport:
    """One text of a visit. starts_at: of the visit when the text was made. due_at: None for a step that left the plan.

    A planned text's reason is what it waits for: None (its time), `due` (a worker), or what holds it back.
    """

    step: str
    starts_at: datetime
    due_at: datetime | None
    state: TextState
    reason: str | None
    handed_over_at: datetime | None = None
    changed_at: datetime | None = None


def appointments_query() -> Select[Any]:
    """Appointments with what decides over their texts: the person and the batch."""
    return _visits(appointment)


def _visits(*columns: Any) -> Select[Any]:
    return (
        select(*columns, person.c.phone_sealed, person.c.opted_out_at, person.c.landline)
        .add_columns(batch.c.live_at, batch.c.paused, batch.c.cancelled_at)
        .join(person, person.c.id == appointment.c.person_id)
        .join(batch, batch.c.id == appointment.c.batch_id)
    )


def permanent_block(row: Row[Any]) -> State | None:
    """Why nothing more goes out for a visit, whatever its plan says."""
    return next((state for holds, state in _NEVER if holds(row)), None)


def temporary_block(row: Row[Any]) -> str | None:
    """Why nothing goes out for a visit at present."""
    reason = blocked_reason(row.opted_out_at, row.landline)
    if reason:
        return reason
    return "not_live" if row.live_at is None else "paused" if row.paused else None


def recent_sends(connection: Connection, persons: Collection[int], now: datetime) -> dict[int, list[datetime]]:
    """When each person was reminded lately, as the limits count it."""
    sent: dict[int, list[datetime]] = defaultdict(list)
    # Asked for the states too, SQLite would go through all texts of the week, whosever they are.
    lately = select(text.c.person_id, text.c.claimed_at, text.c.state).where(
        text.c.person_id.in_(persons), text.c.asked_in.is_(None), text.c.claimed_at > now - WEEK - timedelta(days=1)
    )
    for found in connection.execute(lately):
        if found.state in SPENT:
            sent[found.person_id].append(found.claimed_at)
    return sent


def texts_of_appointments(
    connection: Connection, rows: Sequence[Row[Any]], rules: ReminderRules, now: datetime
) -> Iterator[tuple[Row[Any], list[TextReport]]]:
    """The texts of visits (rows of `visits()`), those of the plan that are no rows yet among them, in their order."""
    return _Telling(rules, now).tell(connection, rows)


class _Telling:
    """Tells the texts of many visits at a moment."""

    def __init__(self, rules: ReminderRules, now: datetime) -> None:
        self.rules, self.now = rules, now
        self.steps = {step.id: step for step in rules.plan}
        # Visits begin at the same few times.
        self.due = lru_cache(_SLOTS)(self._due)

    def _due(self, step: str, starts_at: datetime, zone: ZoneInfo) -> datetime | None:
        known = self.steps.get(step)
        return due_at(known, PlannedAppointment(starts_at, zone), self.rules.quiet_hours) if known else None

    def tell(self, connection: Connection, rows: Sequence[Row[Any]]) -> Iterator[tuple[Row[Any], list[TextReport]]]:
        written: dict[int, list[Row[Any]]] = defaultdict(list)
        for found in connection.execute(_TEXTS.where(text.c.appointment_id.in_([row.id for row in rows]))):
            written[found.appointment_id].append(found)
        tellers = [_Teller(self, row, written[row.id]) for row in rows]
        # What else a person was sent is looked up only where it decides over something.
        sent = recent_sends(connection, {teller.row.person_id for teller in tellers if teller.is_due}, self.now)
        for teller in tellers:
            yield teller.row, teller.lines(sent.get(teller.row.person_id, ()))


class _Teller:
    """Tells the texts of one visit. written: its rows of _TEXTS."""

    def __init__(self, telling: _Telling, row: Row[Any], written: list[Row[Any]]) -> None:
        self.row = row
        self._telling, self._now, self._written_rows = telling, telling.now, written
        self._zone = ZoneInfo(row.timezone)
        still = [one for one in written if one.starts_at == row.starts_at]
        self._waiting = {one.step: one for one in still if one.state == TextState.PLANNED}
        self._done = {one.step for one in still} - self._waiting.keys()
        self._coming_steps = [name for name in telling.steps if name not in self._done]
        self._ends = permanent_block(row)

    @property
    def is_due(self) -> bool:
        """Whether there is anything to decide about at this moment."""
        if self._ends or not self._coming_steps:
            return False
        return bool(self._waiting) or any(
            due is not None and due <= self._now for due in map(self._due, self._coming_steps)
        )

    def lines(self, sent: Sequence[datetime]) -> list[TextReport]:
        waiting = self._waiting.values()
        lines = [self._written(one) for one in self._written_rows if one not in waiting]
        lines += self._coming(sent)
        return sorted(lines, key=lambda line: (line.starts_at, line.due_at or line.starts_at, line.step))

    def _written(self, one: Row[Any]) -> TextReport:
        state, reason = TextState(one.state), one.reason
        if state is TextState.PLANNED:
            # It waits for another try, for a time that stands no more: the next claim drops it.
            state, reason = TextState.CANCELLED, "moved"
        due = self._telling.due(one.step, one.starts_at, self._zone)
        return TextReport(one.step, one.starts_at, due, state, reason, one.handed_over, one.updated_at)

    def _coming(self, sent: Sequence[datetime]) -> Iterator[TextReport]:
        decision = self._decision(sent) if self.is_due else Decision()
        for name in self._coming_steps:
            one, due = self._waiting.get(name), self._due(name)
            state, reason = self._ends or self._planned(name, due, decision, one.reason if one else None)
            yield TextReport(name, self.row.starts_at, due, state, reason, None, one.updated_at if one else None)

    def _decision(self, sent: Sequence[datetime]) -> Decision:
        waiting = self._waiting
        again = {name: one.retry_at for name, one in waiting.items() if one.retry_at}
        visit = PlannedAppointment(self.row.starts_at, self._zone, self.row.answer)
        return decide(visit, self._telling.rules, self._now, frozenset(self._done), sent, again, waiting.keys())

    def _planned(self, name: str, due: datetime | None, decision: Decision, kept: str | None) -> State:
        for step, why in decision.skips:
            if step.id == name:
                return TextState.SKIPPED, why
        reason = temporary_block(self.row) or kept
        if reason is None and due is not None and due <= self._now:
            reason = "due" if decision.send and decision.send.id == name else self._put_off()
        return TextState.PLANNED, reason

    def _put_off(self) -> str:
        return "quiet_hours" if quiet_until(self._now, self._zone, self._telling.rules.quiet_hours) else "limit"

    def _due(self, step: str) -> datetime | None:
        return self._telling.due(step, self.row.starts_at, self._zone)


def export_texts(
    ledger: Ledger, vault: Vault, rules: ReminderRules, number: int, now: datetime, numbers: bool = False
) -> Iterator[dict[str, str]]:
    """The texts of a batch, one at a time, by the columns of COLUMNS. numbers: with full numbers and first names.

    Raises NoSuchBatch, and KeyError when a number was sealed with a key that we no longer have.
    """
    mine = appointment.c.batch_id == number
    with ledger.read() as connection:
        if not connection.execute(select(batch.c.id).where(batch.c.id == number)).first():
            raise NoSuchBatch(f"There is no batch {number}.")
        # Eight bytes a visit; to look for the next thousand anew costs a look at the whole batch each time.
        ids = array("q", connection.execute(select(appointment.c.id).where(mine).order_by(appointment.c.id)).scalars())

    def told(row: Row[Any]) -> dict[str, str] | None:
        # Not asked of the store, which would look through the whole batch for it.
        return _cells(row, vault, numbers) if row.batch_id == number else None

    return _export(ledger, _Telling(rules, now), ids, told)


def _export(
    ledger: Ledger, telling: _Telling, ids: Sequence[int], cells_of: Callable[[Row[Any]], dict[str, str] | None]
) -> Iterator[dict[str, str]]:
    wanted = _visits(*_EXPORTED).order_by(appointment.c.id)
    for start in range(0, len(ids), CHUNK):
        with ledger.read() as connection:
            rows = connection.execute(wanted.where(appointment.c.id.in_(ids[start : start + CHUNK]))).all()
            told = list(telling.tell(connection, rows))
        for row, lines in told:
            cells, zone = cells_of(row), ZoneInfo(row.timezone)
            if cells is None:
                continue
            for line in lines:
                yield cells | _line_cells(line, zone)


def _cells(row: Row[Any], vault: Vault, numbers: bool) -> dict[str, str]:
    phone = format_phone(vault.open(row.phone_sealed))
    name = vault.open(row.first_name_sealed) if numbers and row.first_name_sealed else ""
    return {
        "appointment_id": row.appointment_id,
        "number": phone if numbers else mask_phone(phone),
        "first_name": name,
        "site": row.site,
        "language": row.language or "",
        "answer": row.answer or "",
        "answered_at": local_time(row.answered_at, ZoneInfo(row.timezone)),
        "status": row.status,
    }


def _line_cells(line: TextReport, zone: ZoneInfo) -> dict[str, str]:
    return {
        "starts_at": local_time(line.starts_at, zone),
        "due_at": local_time(line.due_at, zone),
        "handed_over_at": local_time(line.handed_over_at, zone),
        "changed_at": local_time(line.changed_at, zone),
        "step": line.step,
        "state": line.state.value,
        "reason": line.reason or "",
    }


def mask_phone(phone: str) -> str:
    """A number by its last four digits: ***-***-0123."""
    return f"***-***-{phone[-4:]}"


@lru_cache(_SLOTS)
def local_time(moment: datetime | None, zone: ZoneInfo) -> str:
    """By the clock of a zone, with its distance from UTC: 2026-12-08 10:00-05:00. Empty for None."""
    return moment.astimezone(zone).isoformat(" ", "minutes") if moment else ""


def write_csv(
    lines: Iterable[Mapping[str, str]], file: TextIO, columns: Sequence[str], progress: Callable[[int], None]
) -> int:
    """Write lines below a row of column names, no cell a formula. Returns how many; progress is told now and then."""
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow(columns)
    cells, count = itemgetter(*columns), 0
    for line in lines:
        row = cells(line)
        # One look at a whole line, as hardly any holds such a cell.
        if _RISKY.search(_BETWEEN + _BETWEEN.join(row)):
            row = [_harmless(cell) for cell in row]
        writer.writerow(row)
        count += 1
        if count % CHUNK == 0:
            progress(count)
    return count


def _harmless(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


@contextmanager
def private_file(path: Path) -> Iterator[TextIO]:
    """A file for its owner alone, in UTF-8 with a mark that Excel looks for; in its place once it is whole.

    Raises UnwritableFile.
    """
    try:
        target = path.resolve()
        if target.is_dir():
            raise UnwritableFile(f"{path} is a folder: name a file in it.")
        if not target.parent.is_dir():
            raise UnwritableFile(f"The folder {path.parent} is not there: make it, or name another.")
        # What is there and is no file, such as /dev/null, is written to and not replaced.
        if target.exists() and not target.is_file():
            with target.open("w", encoding="utf-8-sig", newline="") as file:
                yield file
            return
        with _draft(target) as file:
            yield file
    except OSError as error:
        raise UnwritableFile(
            f"{path} cannot be written ({error.strerror}): see to that, or name another file."
        ) from None


@contextmanager
def _draft(target: Path) -> Iterator[TextIO]:
    draft = target.with_name(f".{target.name[:200]}.{secrets.token_hex(4)}")
    try:
        number = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(number, "w", encoding="utf-8-sig", newline="") as file:
            yield file
        draft.replace(target)
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
