"""A scheduler's file into the ledger: rows a second and memory, beside plain reading and the naive way.

And with a million appointments in the ledger: what a look at what is due, and at a batch, costs.
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

from ivr.settings import ROOT

ROWS = 100_000
MANY = 1_000_000
NAIVE_ROWS = 4_000
ROUNDS = 3
LOOKS = 50
NOW = datetime(2026, 12, 1, 15, tzinfo=UTC)
POSTGRES = os.environ.get("TEST_DATABASE_URL", "postgresql://test@127.0.0.1:5432/test")
COLUMNS = ("appointment_id", "phone", "starts_at", "language", "first_name", "site")
# Numbers that are set aside for stories, in every area.
AREAS = range(201, 990)
SITE = "elliot"


def main(_options: argparse.Namespace) -> int:
    with tempfile.TemporaryDirectory() as folder:
        file, many = Path(folder) / "rows.csv", Path(folder) / "many.csv"
        write_file(file, ROWS)
        print(f"\nimport of {ROWS:,} rows, medians of {ROUNDS} interleaved rounds")
        ways = {"read only": "csv", "import": "import", "naive": "naive"}
        taken: dict[str, list[dict[str, float]]] = {name: [] for name in ways}
        for _ in range(ROUNDS):
            for name, way in ways.items():
                taken[name].append(_in_a_process(way, file))
        for name, results in taken.items():
            rate = statistics.median(one["rows"] / one["seconds"] for one in results)
            print(f"{name:10}{rate:12,.0f} rows/s{results[0]['megabytes']:8.0f} MB at most")
        write_file(many, MANY)
        for result in (_in_a_process("import", many), _in_a_process("looks", many)):
            print(json.dumps(result))
    return 0


def write_file(path: Path, rows: int) -> None:
    """Appointments over two months, in slots of a quarter of an hour, three in ten of them in Spanish."""
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(COLUMNS)
        for number in range(rows):
            day, slot = divmod(number, 36)
            at = (datetime(2026, 12, 8, 8) + timedelta(days=day % 60, minutes=15 * slot)).isoformat(" ", "minutes")  # noqa: DTZ001
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


def _read_csv(file: Path) -> int:
    with file.open(newline="", encoding="utf-8") as lines:
        return sum(1 for _ in csv.reader(lines)) - 1


def _import(file: Path) -> int:
    from ivr.ledger import Vault, open_ledger
    from ivr.line.content import read_content, read_folder
    from ivr.reminders.importing import Importer

    ledger = open_ledger(os.environ["DATABASE_URL"])
    ledger.upgrade()
    content = read_content(read_folder(ROOT / "prompts"))
    return Importer(ledger, Vault([bytes(32)]), content).run(file, NOW).accepted


WAYS: dict[str, Callable[[Path], int]] = {"csv": _read_csv, "import": _import}

if __name__ == "__main__":
    started = time.perf_counter()
    count = WAYS[sys.argv[1]](Path(sys.argv[2]))
    seconds = time.perf_counter() - started
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"rows": count, "seconds": seconds, "megabytes": megabytes}))
