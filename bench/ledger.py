"""Queries on a database of a million appointments: due texts, and a batch of 100,000, in SQLite and PostgreSQL."""

from __future__ import annotations

import argparse
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial

from sqlalchemy import text

from bench.support.machine import empty_ledger
from ivr.ledger import Ledger, Vault, open_ledger
from ivr.line.content.loader import Content, read_content, read_folder
from ivr.reminders.outbox.claims import due_count, due_slice
from ivr.reminders.reports.export import COLUMNS, export_texts, write_csv
from ivr.reminders.reports.status import batch_status
from ivr.shipped import ROOT

BATCHES, IN_BATCH, PERSONS = 10, 100_000, 300_000
DUE = 20_000
ROUNDS = 15
SLICE = 500
NOW = datetime(2026, 12, 1, 15, tzinfo=UTC)
# Rows are generated in the database: n counts from 1.
SERIES = {
    "sqlite": "(WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {0}) SELECT n FROM s) AS s",
    "postgresql": "generate_series(1, {0}) AS s(n)",
}
FILL = (
    (
        PERSONS,
        "INSERT INTO person (id, phone_hash, phone_sealed, created_at, landline)"
        " SELECT n, 'hash' || n, {sealed}, {now}, {false} FROM {count}",
    ),
    (
        BATCHES,
        "INSERT INTO batch (id, created_at, filename, live_at, paused)"
        " SELECT n, {now}, 'rows.csv', {now}, {false} FROM {count}",
    ),
    (
        BATCHES * IN_BATCH,
        "INSERT INTO appointment (id, appointment_id, person_id, batch_id, starts_at, timezone, site, language,"
        " channel, status, next_due_at, created_at, updated_at)"
        " SELECT n, 'A' || n, 1 + mod(n, {persons}), 1 + n / ({in_batch} + 1), {starts_at}, 'America/New_York',"
        " 'elliot', 'en', 'text', 'booked', CASE WHEN mod(n, {due_every}) = 0 THEN {due} ELSE {later} END, {now}, {now}"
        " FROM {count}",
    ),
    (
        2 * IN_BATCH,
        "INSERT INTO text (id, appointment_id, person_id, batch_id, starts_at, step, state, tries, looks, claimed_at,"
        " updated_at)"
        " SELECT n, (n + 1) / 2, 1 + mod((n + 1) / 2, {persons}), 1 + (n + 1) / 2 / ({in_batch} + 1), {starts_at},"
        " CASE WHEN mod(n, 2) = 0 THEN '7d' ELSE '2d' END,"
        " CASE WHEN mod(n, 5) = 0 THEN 'undelivered' ELSE 'delivered' END, 1, 0, {before}, {now} FROM {count}",
    ),
)


def main(_options: argparse.Namespace) -> int:
    print(f"\nqueries on {BATCHES * IN_BATCH:,} appointments, medians of {ROUNDS} rounds")
    for kind in ("sqlite", "postgresql"):
        with _filled(kind) as ledger:
            content = read_content(read_folder(ROOT / "prompts"))
            queries: dict[str, Callable[[], object]] = {
                f"due texts, {SLICE} of {DUE:,}": partial(_due_slice, ledger),
                "count of due texts, up to 5,000": partial(due_count, ledger, NOW, 5000),
                f"status of a batch of {IN_BATCH:,}": partial(batch_status, ledger, 1),
            }
            for name, query in queries.items():
                print(f"{kind:11}{name:36}{1000 * _median(query):8.1f} ms")
            _export(kind, ledger, content)
    return 0


def _export(kind: str, ledger: Ledger, content: Content) -> None:
    """Export all texts of a batch once, and print the growth of peak memory."""
    before, started = _peak_mb(), time.perf_counter()
    with tempfile.TemporaryFile("w", encoding="utf-8", newline="") as file:
        texts = write_csv(
            export_texts(ledger, Vault([bytes(32)]), content.config.reminders, 1, NOW),
            file,
            COLUMNS,
            lambda _count: None,
        )
    seconds, growth = time.perf_counter() - started, _peak_mb() - before
    name = f"export of {texts:,} texts"
    print(f"{kind:11}{name:36}{seconds:8.1f} s{texts / seconds:10,.0f}/s, {growth:.0f} MB more")


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _due_slice(ledger: Ledger) -> object:
    with ledger.read() as connection:
        return due_slice(connection, NOW, SLICE)


def _median(query: Callable[[], object]) -> float:
    query()
    times = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        query()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


@contextmanager
def _filled(kind: str) -> Iterator[Ledger]:
    with empty_ledger(kind, "bench") as url:
        ledger = open_ledger(url)
        ledger.upgrade()
        _fill(ledger)
        yield ledger
        ledger.close()


def _fill(ledger: Ledger) -> None:
    kind = ledger.engine.dialect.name
    sealed = Vault([bytes(32)]).seal("+16035550123").hex()

    def literal(moment: datetime) -> str:
        return f"'{moment.replace(tzinfo=None).isoformat(' ', 'microseconds')}'" + (
            "" if ledger.is_sqlite else "::timestamp"
        )

    values = {
        "sealed": f"X'{sealed}'" if ledger.is_sqlite else f"'\\x{sealed}'::bytea",
        "false": "0" if ledger.is_sqlite else "false",
        "now": literal(NOW),
        "before": literal(NOW - timedelta(days=1)),
        "due": literal(NOW - timedelta(minutes=5)),
        "later": literal(NOW + timedelta(days=2)),
        "starts_at": literal(NOW + timedelta(days=7)),
        "persons": PERSONS,
        "in_batch": IN_BATCH,
        "due_every": BATCHES * IN_BATCH // DUE,
    }
    for rows, statement in FILL:
        with ledger.write() as connection:
            connection.exec_driver_sql(statement.format(count=SERIES[kind].format(rows), **values))
    with ledger.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))
