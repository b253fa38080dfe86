"""Every text of a visit, sent or not, with its state and reason; and of a batch all of them, for the spreadsheet."""

from __future__ import annotations

import csv
import os
import re
import secrets
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TextIO
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Row, Select, func, select

from ivr.ledger import Ledger, Vault
from ivr.ledger.tables import appointment, batch, person, text, text_move
from ivr.line.config import Reminders
from ivr.people.phones import as_written
from ivr.people.replies import NOT_HERS
from ivr.reminders.claims import barred
from ivr.reminders.plan import WEEK, Decision, Visit, decide, due_at, quiet_until
from ivr.reminders.status import NoSuchBatch
from ivr.reminders.texts import SPENT, TextState

CHUNK = 1000
COLUMNS = (
    *("appointment_id", "number", "first_name", "starts_at", "site", "language", "step", "due_at", "state", "reason"),
    *("handed_over_at", "changed_at", "answer", "answered_at", "status"),
)
# https://owasp.org/www-community/attacks/CSV_Injection, which names the wide forms too.
_FORMULA = re.compile(r"\s*[=+\-@＝＋－＠]|[\t\r\n]")  # noqa: RUF001
_WENT_OUT = (TextState.HANDED_OVER, TextState.DELIVERED, TextState.UNDELIVERED, TextState.NO_RECEIPT)
State = tuple[TextState, str | None]

# What ends the texts of a visit, the first that holds: their state, and why.
_NEVER: tuple[tuple[Callable[[Row[Any]], bool], State], ...] = (
    (lambda row: row.status == "cancelled", (TextState.CANCELLED, "cancelled")),
    (lambda row: row.cancelled_at is not None, (TextState.CANCELLED, "batch_cancelled")),
    (lambda row: row.answer == NOT_HERS, (TextState.CANCELLED, NOT_HERS)),
    (lambda row: row.channel != "text", (TextState.SKIPPED, "not_by_text")),
    (lambda row: row.status != "booked", (TextState.SKIPPED, "visit_over")),
)


class UnwritableFile(Exception):
    """The file cannot be written; the message says why and what to do."""


@dataclass(frozen=True)
class TextLine:
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


def visits() -> Select[Any]:
    """Appointments with what decides over their texts: the person and the batch."""
    return (
        select(appointment, person.c.phone_sealed, person.c.opted_out_at, person.c.landline)
        .add_columns(batch.c.live_at, batch.c.paused, batch.c.cancelled_at)
        .join(person, person.c.id == appointment.c.person_id)
        .join(batch, batch.c.id == appointment.c.batch_id)
    )


def never(row: Row[Any]) -> State | None:
    """Why nothing more goes out for a visit, whatever its plan says."""
    return next((state for holds, state in _NEVER if holds(row)), None)


def held_back(row: Row[Any]) -> str | None:
    """Why nothing goes out for a visit at present."""
    reason = barred(row.opted_out_at, row.landline)
    if reason:
        return reason
    return "not_live" if row.live_at is None else "paused" if row.paused else None


def sent_to(connection: Connection, persons: Collection[int], now: datetime) -> dict[int, list[datetime]]:
    """When each person was reminded lately, as the limits count it."""
    sent: dict[int, list[datetime]] = defaultdict(list)
    spent = select(text.c.person_id, text.c.claimed_at).where(
        text.c.person_id.in_(persons),
        text.c.asked_in.is_(None),
        text.c.claimed_at > now - WEEK - timedelta(days=1),
        text.c.state.in_(SPENT),
    )
    for found in connection.execute(spent):
        sent[found.person_id].append(found.claimed_at)
    return sent


def texts_of(
    connection: Connection, rows: Sequence[Row[Any]], rules: Reminders, now: datetime
) -> Iterator[tuple[Row[Any], list[TextLine]]]:
    """The texts of visits (rows of `visits()`), those of the plan that are no rows yet among them, in their order."""
    ids = [row.id for row in rows]
    written: dict[int, list[Row[Any]]] = defaultdict(list)
    for found in connection.execute(select(text).where(text.c.appointment_id.in_(ids))):
        written[found.appointment_id].append(found)
    went_out = (
        select(text_move.c.text_id, func.min(text_move.c.at))
        .join(text, text.c.id == text_move.c.text_id)
        .where(text.c.appointment_id.in_(ids), text_move.c.to_state.in_(_WENT_OUT))
        .group_by(text_move.c.text_id)
    )
    handed_over = {number: at for number, at in connection.execute(went_out).all()}
    sent = sent_to(connection, {row.person_id for row in rows}, now)
    for row in rows:
        yield row, _Teller(row, rules, now).lines(written[row.id], handed_over, sent[row.person_id])


class _Teller:
    """Tells the texts of one visit at a moment."""

    def __init__(self, row: Row[Any], rules: Reminders, now: datetime) -> None:
        self._row, self._rules, self._now = row, rules, now
        self._visit = Visit(row.starts_at, ZoneInfo(row.timezone), row.answer)
        self._steps = {step.id: step for step in rules.plan}

    def lines(
        self, written: list[Row[Any]], handed_over: Mapping[int, datetime], sent: Sequence[datetime]
    ) -> list[TextLine]:
        still = [one for one in written if one.starts_at == self._row.starts_at]
        waiting = {one.step: one for one in still if one.state == TextState.PLANNED}
        done = {one.step for one in still} - waiting.keys()
        lines = [self._written(one, handed_over.get(one.id)) for one in written if one not in waiting.values()]
        lines += self._coming(waiting, frozenset(done), sent)
        return sorted(lines, key=lambda line: (line.starts_at, line.due_at or line.starts_at, line.step))

    def _written(self, one: Row[Any], handed_over: datetime | None) -> TextLine:
        state, reason = TextState(one.state), one.reason
        if state is TextState.PLANNED:
            # It waits for another try, for a time that stands no more: the next claim drops it.
            state, reason = TextState.CANCELLED, "moved"
        return TextLine(
            one.step, one.starts_at, self._due(one.step, one.starts_at), state, reason, handed_over, one.updated_at
        )

    def _coming(
        self, waiting: Mapping[str, Row[Any]], done: frozenset[str], sent: Sequence[datetime]
    ) -> Iterator[TextLine]:
        coming = [name for name in self._steps if name not in done]
        ends = never(self._row)
        decision = Decision()
        if coming and not ends:
            again = {name: one.retry_at for name, one in waiting.items() if one.retry_at}
            decision = decide(self._visit, self._rules, self._now, done, sent, again, waiting.keys())
        for name in coming:
            one, due = waiting.get(name), self._due(name, self._row.starts_at)
            state, reason = ends or self._planned(name, due, decision, one.reason if one else None)
            yield TextLine(name, self._row.starts_at, due, state, reason, None, one.updated_at if one else None)

    def _planned(self, name: str, due: datetime | None, decision: Decision, kept: str | None) -> State:
        for step, why in decision.skips:
            if step.id == name:
                return TextState.SKIPPED, why
        reason = held_back(self._row) or kept
        if reason is None and due is not None and due <= self._now:
            reason = "due" if decision.send and decision.send.id == name else self._put_off()
        return TextState.PLANNED, reason

    def _put_off(self) -> str:
        return "quiet_hours" if quiet_until(self._now, self._visit.zone, self._rules.quiet_hours) else "limit"

    def _due(self, step: str, starts_at: datetime) -> datetime | None:
        known = self._steps.get(step)
        return due_at(known, Visit(starts_at, self._visit.zone), self._rules.quiet_hours) if known else None


def export(
    ledger: Ledger, vault: Vault, rules: Reminders, number: int, now: datetime, numbers: bool = False
) -> Iterator[dict[str, str]]:
    """The texts of a batch, one at a time, by the columns of COLUMNS. numbers: with full numbers and first names.

    Raises NoSuchBatch, and KeyError when a number was sealed with a key that we no longer have.
    """
    with ledger.read() as connection:
        if not connection.execute(select(batch.c.id).where(batch.c.id == number)).first():
            raise NoSuchBatch(f"There is no batch {number}.")
    return _export(ledger, rules, number, now, lambda row: _cells(row, vault, numbers))


def _export(
    ledger: Ledger, rules: Reminders, number: int, now: datetime, cells_of: Callable[[Row[Any]], dict[str, str]]
) -> Iterator[dict[str, str]]:
    last = 0
    while True:
        mine = visits().where(appointment.c.batch_id == number, appointment.c.id > last)
        with ledger.read() as connection:
            rows = connection.execute(mine.order_by(appointment.c.id).limit(CHUNK)).all()
            told = list(texts_of(connection, rows, rules, now)) if rows else []
        for row, lines in told:
            cells = cells_of(row)
            for line in lines:
                yield {**cells, **_line_cells(line, ZoneInfo(row.timezone))}
        if len(rows) < CHUNK:
            return
        last = rows[-1].id


def _cells(row: Row[Any], vault: Vault, numbers: bool) -> dict[str, str]:
    phone = as_written(vault.open(row.phone_sealed))
    name = vault.open(row.first_name_sealed) if numbers and row.first_name_sealed else ""
    return {
        "appointment_id": row.appointment_id,
        "number": phone if numbers else masked(phone),
        "first_name": name,
        "site": row.site,
        "language": row.language or "",
        "answer": row.answer or "",
        "answered_at": local(row.answered_at, ZoneInfo(row.timezone)),
        "status": row.status,
    }


def _line_cells(line: TextLine, zone: ZoneInfo) -> dict[str, str]:
    moments = {name: local(getattr(line, name), zone) for name in ("starts_at", "due_at", "handed_over_at")}
    words = {"step": line.step, "state": line.state.value, "reason": line.reason or ""}
    return {**moments, **words, "changed_at": local(line.changed_at, zone)}


def masked(phone: str) -> str:
    """A number by its last four digits: ***-***-0123."""
    return f"***-***-{phone[-4:]}"


def local(moment: datetime | None, zone: ZoneInfo) -> str:
    """By the clock of a zone, with its distance from UTC: 2026-12-08 10:00-05:00. Empty for None."""
    return moment.astimezone(zone).isoformat(" ", "minutes") if moment else ""


def write_csv(
    lines: Iterable[Mapping[str, str]], file: TextIO, columns: Sequence[str], progress: Callable[[int], None]
) -> int:
    """Write lines below a row of column names, no cell a formula. Returns how many; progress is told now and then."""
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow(columns)
    count = 0
    for line in lines:
        writer.writerow([_harmless(line[name]) for name in columns])
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
