"""A ledger with a million appointments: what a look at what is due, and at a batch of 100,000, costs in both stores."""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from sqlalchemy import create_engine, text

from ivr.ledger import Ledger, Vault, open_ledger
from ivr.line.content.loader import Content, read_content, read_folder
from ivr.reminders.outbox.claims import due_count
from ivr.reminders.reports.export import COLUMNS, export_texts, write_csv
from ivr.reminders.reports.status import status
from ivr.shipped import ROOT

BATCHES, IN_BATCH, PERSONS = 10, 100_000, 300_000
DUE = 20_000
LOOKS = 15
SLICE = 500
NOW = datetime(2026, 12, 1, 15, tzinfo=UTC)
POSTGRES = os.environ.get("TEST_POSTGRES_URL", "postgresql+psycopg://postgres@127.0.0.1:5432/test")
# Rows made by the store itself; :n counts from 1.
COUNT = {
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
        " SELECT n, 'A' || n, 1 + mod(n, {persons}), 1 + n / ({in_batch} + 1), {visit}, 'America/New_York', 'elliot',"
        " 'en', 'text', 'booked', CASE WHEN mod(n, {each_due}) = 0 THEN {due} ELSE {later} END, {now}, {now}"
        " FROM {count}",
    ),
    (
        2 * IN_BATCH,
        "INSERT INTO text (id, appointment_id, person_id, batch_id, starts_at, step, state, tries, looks, claimed_at,"
        " updated_at)"
        " SELECT n, (n + 1) / 2, 1 + mod((n + 1) / 2, {persons}), 1 + (n + 1) / 2 / ({in_batch} + 1), {visit},"
        " CASE WHEN mod(n, 2) = 0 THEN '7d' ELSE '2d' END,"
        " CASE WHEN mod(n, 5) = 0 THEN 'undelivered' ELSE 'delivered' END, 1, 0, {before}, {now} FROM {count}",
    ),
)


def main(_options: argparse.Namespace) -> int:
    print(f"\na ledger of {BATCHES * IN_BATCH:,} appointments, medians of {LOOKS}")
    for kind in ("sqlite", "postgresql"):
        with _filled(kind) as ledger:
            content = read_content(read_folder(ROOT / "prompts"))
            looks: dict[str, Callable[[], object]] = {
                f"what is due, {SLICE} of {DUE:,}": lambda ledger=ledger: _slice(ledger),
                "how many are due, up to 5,000": lambda ledger=ledger: due_count(ledger, NOW, 5000),
                f"status of a batch of {IN_BATCH:,}": lambda ledger=ledger: status(ledger, 1),
            }
            for name, look in looks.items():
                print(f"{kind:11}{name:36}{1000 * _median(look):8.1f} ms")
            _export(kind, ledger, content)
    return 0


def _export(kind: str, ledger: Ledger, content: Content) -> None:
    """Once: all texts of a batch into a file, and how much of the memory grows with it."""
    before, started = _peak_mb(), time.perf_counter()
    with tempfile.TemporaryFile("w", encoding="utf-8", newline="") as file:
        texts = write_csv(
            export_texts(ledger, Vault([bytes(32)]), content.config.reminders, 1, NOW),
            file,
            COLUMNS,
            lambda _count: None,
        )
    seconds, more = time.perf_counter() - started, _peak_mb() - before
    name = f"export of {texts:,} texts"
    print(f"{kind:11}{name:36}{seconds:8.1f} s, {texts / seconds:,.0f} a second, {more:.0f} MB more memory")


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _slice(ledger: Ledger) -> object:
    from ivr.reminders.outbox.claims import due_slice

    with ledger.read() as connection:
        return due_slice(connection, NOW, SLICE)


def _median(look: Callable[[], object]) -> float:
    look()
    taken = []
    for _ in range(LOOKS):
        started = time.perf_counter()
        look()
        taken.append(time.perf_counter() - started)
    return statistics.median(taken)


@contextmanager
def _filled(kind: str) -> Iterator[Ledger]:
    with tempfile.TemporaryDirectory() as folder, _store(kind, folder) as url:
        ledger = open_ledger(url)
        ledger.upgrade()
        _fill(ledger)
        yield ledger
        ledger.close()


@contextmanager
def _store(kind: str, folder: str) -> Iterator[str]:
    if kind == "sqlite":
        yield f"sqlite:///{folder}/ledger.db"
        return
    admin = create_engine(POSTGRES, isolation_level="AUTOCOMMIT")
    name = f"infoline_bench_{os.getpid()}"
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    try:
        yield admin.url.set(database=name).render_as_string(hide_password=False)
    finally:
        with admin.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))


def _fill(ledger: Ledger) -> None:
    kind = ledger.engine.dialect.name
    sealed = Vault([bytes(32)]).seal("+16035550123").hex()

    def moment(at: datetime) -> str:
        return f"'{at.replace(tzinfo=None).isoformat(' ', 'microseconds')}'" + (
            "" if ledger.is_sqlite else "::timestamp"
        )

    values = {
        "sealed": f"X'{sealed}'" if ledger.is_sqlite else f"'\\x{sealed}'::bytea",
        "false": "0" if ledger.is_sqlite else "false",
        "now": moment(NOW),
        "before": moment(NOW - timedelta(days=1)),
        "due": moment(NOW - timedelta(minutes=5)),
        "later": moment(NOW + timedelta(days=2)),
        "visit": moment(NOW + timedelta(days=7)),
        "persons": PERSONS,
        "in_batch": IN_BATCH,
        "each_due": BATCHES * IN_BATCH // DUE,
    }
    for rows, statement in FILL:
        with ledger.write() as connection:
            connection.exec_driver_sql(statement.format(count=COUNT[kind].format(rows), **values))
    with ledger.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))
