"""Rows per second and memory of an import on both databases, against plain CSV reading and a naive import.

`python -m bench imports --rows 5000` is a quick run, which meets no target; `--database` measures only one.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import phonenumbers
from pydantic import BaseModel
from sqlalchemy import insert, select

from bench.support.machine import DATABASES, empty_ledger
from ivr.ledger import Ledger, Vault, open_ledger
from ivr.ledger.tables import appointment, batch, person
from ivr.line.content.loader import read_content, read_folder
from ivr.people.phones import PhoneNumber, parse_phone
from ivr.reminders.imports.importer import Importer
from ivr.shipped import ROOT

ROWS = 100_000
MANY_ROWS = 1_000_000
NAIVE_ROWS = 4_000
ROUNDS = 3
# Of the medians, on an idle machine.
TARGET_ROWS, TARGET_MB = 20_000, 150
NOW = datetime(2026, 12, 1, 15, tzinfo=UTC)
COLUMNS = ("appointment_id", "phone", "starts_at", "language", "first_name", "site")
# Area codes that the line texts, each with the fictional numbers 555-0100 to 555-0199.
AREAS = [area for area in range(201, 990) if isinstance(parse_phone(f"{area}-555-0100"), PhoneNumber)]
SITE = "elliot"


def main(options: argparse.Namespace) -> int:
    """Print the rates. Returns 1 if a target is missed."""
    rows = options.rows or ROWS
    many = options.rows or MANY_ROWS
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / name for name in ("rows.csv", "few.csv", "many.csv")]
        for file, count in zip(files, (rows, min(rows, NAIVE_ROWS), many), strict=True):
            write_file(file, count)
        chosen = (options.database,) if options.database else DATABASES
        missed = [name for name in chosen if not _measure(name, *files)]
    print(f"target: at least {TARGET_ROWS:,} rows/s, and under {TARGET_MB} MB, also for a million rows", end="; ")
    print(f"missed on {' and '.join(missed)}" if missed else "met")
    return 1 if missed else 0


def _measure(database: str, file: Path, short_file: Path, long_file: Path) -> bool:
    """Print a table of one database, and return whether the targets are met."""
    print(f"\nimport into {database}, which waits for the disk at the end, medians of {ROUNDS} rounds")
    print(f"{'':12}{'rows':>12}{'rows/s':>12}{'peak MB':>10}")
    methods = {"read only": ("csv", file), "import": ("import", file), "naive": ("naive", short_file)}
    results: dict[str, list[dict[str, float]]] = {name: [] for name in methods}
    for _ in range(ROUNDS):
        for name, method in methods.items():
            results[name].append(_run_in_process(*method, database))
    results["import, long"] = [_run_in_process("import", long_file, database)]
    rates = {name: _print_row(name, measured) for name, measured in results.items()}
    megabytes = max(result["megabytes"] for name in ("import", "import, long") for result in results[name])
    return rates["import"] >= TARGET_ROWS and megabytes < TARGET_MB


def _print_row(name: str, results: list[dict[str, float]]) -> float:
    """Print the medians, and return the rows per second."""
    rate = statistics.median(result["rows"] / result["seconds"] for result in results)
    megabytes = max(result["megabytes"] for result in results)
    print(f"{name:12}{results[0]['rows']:12,.0f}{rate:12,.0f}{megabytes:10.0f}", flush=True)
    return rate


def write_file(path: Path, rows: int) -> None:
    """Write appointments in 15-minute slots over two months, three in ten of them in Spanish."""
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(COLUMNS)
        for number in range(rows):
            day, slot = divmod(number, 36)
            starts_at = datetime(2026, 12, 8, 8, tzinfo=UTC) + timedelta(days=day % 60, minutes=15 * slot)
            phone = f"{AREAS[number // 100 % len(AREAS)]}-555-01{number % 100:02}"
            language = "es" if number % 10 < 3 else "en"
            table.writerow((f"A{number:08}", phone, f"{starts_at:%Y-%m-%d %H:%M}", language, "Ann", SITE))


def _run_in_process(method: str, file: Path, database: str) -> dict[str, float]:
    """Run a method in a new process, so that its peak memory can be measured."""
    with tempfile.TemporaryDirectory() as folder, empty_ledger(database, "imports") as url:
        environment = {**os.environ, "VAR_DIR": folder, "DATABASE_URL": url}
        command = [sys.executable, "-m", "bench.imports", method, str(file)]
        completed = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT, env=environment)
    result: dict[str, float] = json.loads(completed.stdout.splitlines()[-1])
    return result


def _read_csv(file: Path) -> tuple[int, float]:
    started = time.perf_counter()
    with file.open(newline="", encoding="utf-8") as lines:
        return sum(1 for _ in csv.reader(lines)) - 1, time.perf_counter() - started


def _open_ledger() -> Ledger:
    ledger = open_ledger(os.environ["DATABASE_URL"])
    ledger.upgrade()
    return ledger


def _import(file: Path) -> tuple[int, float]:
    content = read_content(read_folder(ROOT / "prompts"))
    importer = Importer(_open_ledger(), Vault([bytes(32)]), content)
    started = time.perf_counter()
    return importer.run(file, NOW).accepted, time.perf_counter() - started


class _Row(BaseModel):
    appointment_id: str
    phone: str
    starts_at: datetime
    language: str
    first_name: str
    site: str


def _naive(file: Path) -> tuple[int, float]:
    """A Pydantic model, a phonenumbers call and an INSERT for each row, but one commit, to be fair."""
    ledger, vault, count = _open_ledger(), Vault([bytes(32)]), 0
    started = time.perf_counter()
    with ledger.write() as connection, file.open(newline="", encoding="utf-8") as lines:
        new_batch = insert(batch).values(created_at=NOW, filename=file.name).returning(batch.c.id)
        batch_id = connection.execute(new_batch).scalar_one()
        for cells in csv.DictReader(lines):
            row = _Row.model_validate(cells)
            phone = phonenumbers.format_number(phonenumbers.parse(row.phone, "US"), phonenumbers.PhoneNumberFormat.E164)
            query = select(person.c.id).where(person.c.phone_hash == vault.hash(phone))
            person_id = connection.execute(query).scalar()
            if person_id is None:
                values = {"phone_hash": vault.hash(phone), "phone_sealed": vault.seal(phone), "created_at": NOW}
                person_id = connection.execute(insert(person).values(values).returning(person.c.id)).scalar_one()
            values = {"appointment_id": row.appointment_id, "person_id": person_id, "batch_id": batch_id}
            values |= {"starts_at": row.starts_at.replace(tzinfo=UTC), "timezone": "America/New_York", "site": row.site}
            values |= {"language": row.language, "channel": "text", "status": "booked", "next_due_at": NOW}
            values |= {"first_name_sealed": vault.seal(row.first_name), "created_at": NOW, "updated_at": NOW}
            connection.execute(insert(appointment).values(values))
            count += 1
    return count, time.perf_counter() - started


METHODS: dict[str, Callable[[Path], tuple[int, float]]] = {"csv": _read_csv, "import": _import, "naive": _naive}

if __name__ == "__main__":
    rows, seconds = METHODS[sys.argv[1]](Path(sys.argv[2]))
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"rows": rows, "seconds": seconds, "megabytes": megabytes}))
