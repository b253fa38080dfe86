"""A scheduler's file into the ledger: rows a second and memory, beside plain reading and the naive way."""

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

from ivr.ledger import Ledger, Vault, open_ledger
from ivr.ledger.tables import appointment, batch, person
from ivr.line.content.loader import read_content, read_folder
from ivr.reminders.imports.importer import Importer
from ivr.shipped import ROOT

ROWS = 100_000
MANY = 1_000_000
NAIVE_ROWS = 4_000
ROUNDS = 3
NOW = datetime(2026, 12, 1, 15, tzinfo=UTC)
COLUMNS = ("appointment_id", "phone", "starts_at", "language", "first_name", "site")
# Numbers that are set aside for stories, in every area.
AREAS = range(201, 990)
SITE = "elliot"


def main(_options: argparse.Namespace) -> int:
    with tempfile.TemporaryDirectory() as folder:
        file, few, many = (Path(folder) / name for name in ("rows.csv", "few.csv", "many.csv"))
        write_file(file, ROWS)
        write_file(few, NAIVE_ROWS)
        print(f"\nimport of {ROWS:,} rows into SQLite, synchronous FULL; medians of {ROUNDS} interleaved rounds")
        ways = {"read only": ("csv", file), "import": ("import", file), "naive": ("naive", few)}
        taken: dict[str, list[dict[str, float]]] = {name: [] for name in ways}
        for _ in range(ROUNDS):
            for name, way in ways.items():
                taken[name].append(_in_a_process(*way))
        for name, results in taken.items():
            _print(name, results)
        write_file(many, MANY)
        _print(f"{MANY:,}", [_in_a_process("import", many)])
    print("asked: at least 10,000 rows/s and under 150 MB, the same memory for a million rows")
    return 0


def _print(name: str, results: list[dict[str, float]]) -> None:
    rate = statistics.median(one["rows"] / one["seconds"] for one in results)
    print(f"{name:10}{rate:12,.0f} rows/s{max(one['megabytes'] for one in results):8.0f} MB at most")


def write_file(path: Path, rows: int) -> None:
    """Appointments over two months, in slots of a quarter of an hour, three in ten of them in Spanish."""
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(COLUMNS)
        for number in range(rows):
            day, slot = divmod(number, 36)
            at = f"{datetime(2026, 12, 8, 8, tzinfo=UTC) + timedelta(days=day % 60, minutes=15 * slot):%Y-%m-%d %H:%M}"
            phone = f"{AREAS[number // 100 % len(AREAS)]}-555-01{number % 100:02}"
            table.writerow((f"A{number:08}", phone, at, "es" if number % 10 < 3 else "en", "Ann", SITE))


def _in_a_process(way: str, file: Path) -> dict[str, float]:
    """The way, in a process of its own, so that its memory is its own."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "VAR_DIR": folder, "DATABASE_URL": f"sqlite:///{folder}/ledger.db"}
        command = [sys.executable, "-m", "bench.imports", way, str(file)]
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT, env=environment)
    told: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return told


def _read_csv(file: Path) -> tuple[int, float]:
    begun = time.perf_counter()
    with file.open(newline="", encoding="utf-8") as lines:
        return sum(1 for _ in csv.reader(lines)) - 1, time.perf_counter() - begun


def _ledger() -> Ledger:
    ledger = open_ledger(os.environ["DATABASE_URL"])
    ledger.upgrade()
    return ledger


def _import(file: Path) -> tuple[int, float]:
    content = read_content(read_folder(ROOT / "prompts"))
    importer = Importer(_ledger(), Vault([bytes(32)]), content)
    begun = time.perf_counter()
    return importer.run(file, NOW).accepted, time.perf_counter() - begun


class _Model(BaseModel):
    appointment_id: str
    phone: str
    starts_at: datetime
    language: str
    first_name: str
    site: str


def _naive(file: Path) -> tuple[int, float]:
    """A model and the library for each row, and each row inserted by itself; one commit, to be kind."""
    ledger, vault, count = _ledger(), Vault([bytes(32)]), 0
    begun = time.perf_counter()
    with ledger.write() as connection, file.open(newline="", encoding="utf-8") as lines:
        number = connection.execute(insert(batch).values(created_at=NOW, filename=file.name).returning(batch.c.id))
        into = number.scalar_one()
        for cells in csv.DictReader(lines):
            row = _Model.model_validate(cells)
            phone = phonenumbers.format_number(phonenumbers.parse(row.phone, "US"), phonenumbers.PhoneNumberFormat.E164)
            known = select(person.c.id).where(person.c.phone_hash == vault.hash(phone))
            someone = connection.execute(known).scalar()
            if someone is None:
                values = {"phone_hash": vault.hash(phone), "phone_sealed": vault.seal(phone), "created_at": NOW}
                someone = connection.execute(insert(person).values(values).returning(person.c.id)).scalar_one()
            values = {"appointment_id": row.appointment_id, "person_id": someone, "batch_id": into}
            values |= {"starts_at": row.starts_at.replace(tzinfo=UTC), "timezone": "America/New_York", "site": row.site}
            values |= {"language": row.language, "channel": "text", "status": "booked", "next_due_at": NOW}
            values |= {"first_name_sealed": vault.seal(row.first_name), "created_at": NOW, "updated_at": NOW}
            connection.execute(insert(appointment).values(values))
            count += 1
    return count, time.perf_counter() - begun


WAYS: dict[str, Callable[[Path], tuple[int, float]]] = {"csv": _read_csv, "import": _import, "naive": _naive}

if __name__ == "__main__":
    rows, seconds = WAYS[sys.argv[1]](Path(sys.argv[2]))
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"rows": rows, "seconds": seconds, "megabytes": megabytes}))
