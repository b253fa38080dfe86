"""Deletes what is older than its period, a few rows at a time, so that no caller waits for it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from typing import Any

from sqlalchemy import func, select

from ivr.ledger import Ledger, Vault
from ivr.ledger.marks import TEXTS_FORGOTTEN, add_to_count, read_mark, set_mark, take_counts
from ivr.people.audit import Actor, AuditKind, record
from ivr.reminders.retention.rules import RULES, Cutoffs, Rule

ROWS_PER_TRANSACTION = 200
PAUSE_SECONDS = 0.05
"""Between two transactions: SQLite does not queue writers, so the others need a moment."""
NIGHT_HOUR = 3
ACTOR = Actor("infoline retention")
_DONE = "retention"
_UNRECORDED = "expired-"
"""Counts of deleted rows, by rule, that are not in the audit log yet. A killed run leaves them for the next one."""


def check_due(ledger: Ledger, now: datetime, zone: tzinfo) -> bool:
    """Whether the nightly run has not finished since the last 3 a.m. in the line's time zone.

    The first time, it becomes due in the next night.
    """
    with ledger.read() as connection:
        last = read_mark(connection, _DONE)
    if last is None:
        _remember(ledger, _DONE, now)
        return False
    local = now.astimezone(zone)
    start = local.replace(hour=NIGHT_HOUR, minute=0, second=0, microsecond=0)
    if local < start:
        start -= timedelta(days=1)
    return last < start


def count_expired(ledger: Ledger, cutoffs: Cutoffs) -> dict[str, int]:
    """How many rows of each kind a run would delete."""
    with ledger.read() as connection:
        return {
            rule.name: int(
                connection.execute(
                    select(func.count()).select_from(rule.table).where(rule.expired(cutoffs))
                ).scalar_one()
            )
            for rule in RULES
        }


def expire(
    ledger: Ledger,
    vault: Vault,
    cutoffs: Cutoffs,
    now: datetime,
    should_stop: Callable[[], bool] = lambda: False,
    progress: Callable[[int], None] = lambda _count: None,
) -> tuple[dict[str, int], bool]:
    """Delete what is older. Returns the numbers of deleted rows, and whether nothing is left to delete.

    should_stop: asked before each transaction; the next run continues. progress: gets the number of rows so far. What
    was deleted is in the audit log, as one entry; if the process is killed, in that of the next run. Raises
    LedgerUnavailable.
    """
    run = _Run(ledger, vault, cutoffs, now, should_stop, progress)
    # Before the first deletion, because the carrier's log has the texts for longer.
    _remember(ledger, TEXTS_FORGOTTEN, cutoffs.numbers)
    try:
        is_finished = all(run.apply(rule) for rule in RULES)
    finally:
        _record_deleted(ledger, now)
    if is_finished:
        _remember(ledger, _DONE, now)
    return run.deleted, is_finished


@dataclass
class _Run:
    """One run. deleted: how many rows of each kind so far."""

    ledger: Ledger
    vault: Vault
    cutoffs: Cutoffs
    now: datetime
    should_stop: Callable[[], bool]
    progress: Callable[[int], None]
    deleted: dict[str, int] = field(default_factory=lambda: dict.fromkeys((rule.name for rule in RULES), 0))

    def apply(self, rule: Rule) -> bool:
        """Apply one rule until nothing is left. Returns False if it was stopped."""
        (key,) = rule.table.primary_key
        found = select(key).where(rule.expired(self.cutoffs)).order_by(key).limit(ROWS_PER_TRANSACTION)
        pause, after = threading.Event(), found
        while not self.should_stop():
            # Looked for in a read, which blocks nobody, and checked again by the transaction that deletes.
            with self.ledger.read() as connection:
                ids: list[Any] = list(connection.execute(after).scalars())
            if not ids:
                return True
            after = found.where(key > ids[-1])
            self.deleted[rule.name] += self._delete(rule, ids)
            self.progress(sum(self.deleted.values()))
            pause.wait(PAUSE_SECONDS)
        return False

    def _delete(self, rule: Rule, ids: list[Any]) -> int:
        (key,) = rule.table.primary_key
        with self.ledger.write() as connection:
            self.ledger.overwrite_deleted(connection)
            if rule.exclusive:
                self.ledger.exclusive_lock(connection)
            still = select(key).where(key.in_(ids), rule.expired(self.cutoffs)).order_by(key)
            current = list(connection.execute(still.with_for_update(of=rule.table)).scalars())
            if current:
                rule.apply(connection, self.vault, current, self.now)
                add_to_count(connection, _UNRECORDED + rule.name, len(current), self.now)
        return len(current)


def _record_deleted(ledger: Ledger, now: datetime) -> None:
    with ledger.write() as connection:
        counts = take_counts(connection, _UNRECORDED)
        if counts:
            deleted = {rule.name: counts.get(rule.name, 0) for rule in RULES}
            record(connection, ACTOR, AuditKind.DATA_EXPIRED, now, **deleted)


def _remember(ledger: Ledger, name: str, at: datetime) -> None:
    with ledger.write() as connection:
        set_mark(connection, name, at)
