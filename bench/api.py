"""How long a batch takes that is sent to the API as JSON, as CSV and as FHIR, with its round trip."""

from __future__ import annotations

import argparse
import http.client
import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

from bench.imports import AREAS
from bench.support.machine import empty_database, free_port
from ivr.shipped import ROOT

ROWS, ROUNDS = 10_000, 5
TARGET_SECONDS = 2.0
# One number of 603 is the line's own.
_AREAS = [area for area in AREAS if area != 603]
SITE = "elliot"
INFOLINE = [sys.executable, "-m", "ivr.cli"]


def main(_options: argparse.Namespace) -> int:
    """Print the times. Returns 1 if a batch is not imported, or a median misses the target."""
    print(f"\nbatch of {ROWS:,} new rows through the API, medians of {ROUNDS} rounds")
    failed = _measure("SQLite", {})
    with empty_database("api") as url:
        failed |= _measure("PostgreSQL", {"DATABASE_URL": url})
    print(f"target: median under {TARGET_SECONDS:g} s")
    return int(failed)


def _measure(database: str, settings: dict[str, str]) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        address = {"PORT": str(port), "PUBLIC_URL": f"http://127.0.0.1:{port}"}
        environment = {**os.environ, "VAR_DIR": folder, **address, **settings}
        # It trains the model too, so that nothing is trained beside the batches.
        subprocess.run([*INFOLINE, "release"], cwd=ROOT, env=environment, check=True, capture_output=True)
        made = subprocess.run(
            [*INFOLINE, "keys", "add", "bench", "--role", "scheduler"],
            cwd=ROOT,
            env=environment,
            check=True,
            capture_output=True,
            text=True,
        )
        log = Path(folder) / "web.log"
        with log.open("wb") as output:
            web = subprocess.Popen([*INFOLINE, "web"], cwd=ROOT, env=environment, stdout=output, stderr=output)
        try:
            _wait(port)
            return _rounds(database, port, made.stdout.split()[-1])
        finally:
            web.terminate()
            web.wait()


def _rounds(database: str, port: int, key: str) -> bool:
    """Send and print. Returns whether a batch was not imported, or a median misses the target."""
    failed, number = False, 0
    for name, media_type, write in (
        ("JSON", "application/json", _json),
        ("CSV", "text/csv", _csv),
        ("FHIR", "application/fhir+json", _fhir),
    ):
        seconds = []
        for _ in range(ROUNDS):
            body = write(number)
            number += ROWS
            started = time.perf_counter()
            failed |= not _send(port, key, media_type, body)
            seconds.append(time.perf_counter() - started)
        is_late = median(seconds) >= TARGET_SECONDS
        failed |= is_late
        print(
            f"{database:11}{name:6}{len(body) / 1e6:6.1f} MB{median(seconds):8.2f} s{' MISSED' * is_late}"
            f"   slowest {max(seconds):.2f} s"
        )
    return failed


def _send(port: int, key: str, media_type: str, body: bytes) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    headers = {"Authorization": f"Bearer {key}", "Content-Type": media_type}
    connection.request("POST", "/api/v1/batches", body, headers)
    answer = connection.getresponse()
    report = json.loads(answer.read())
    connection.close()
    return answer.status == 201 and report["accepted"] == ROWS


def _rows(first: int) -> list[dict[str, str]]:
    """Appointments in slots of 15 minutes over two months from next week on."""
    start = datetime.now(UTC).replace(hour=14, minute=0, second=0, microsecond=0) + timedelta(days=7)
    return [
        {
            "appointment_id": f"A{number:08}",
            "phone": f"{_AREAS[number // 100 % len(_AREAS)]}-555-01{number % 100:02}",
            "starts_at": (start + timedelta(days=number % 60, minutes=15 * (number // 60 % 32))).isoformat(),
            "site": SITE,
            "language": "es" if number % 10 < 3 else "en",
            "first_name": "Ann",
        }
        for number in range(first, first + ROWS)
    ]


def _json(first: int) -> bytes:
    return json.dumps({"appointments": _rows(first)}).encode()


def _csv(first: int) -> bytes:
    rows = _rows(first)
    return "\n".join([",".join(rows[0]), *(",".join(row.values()) for row in rows), ""]).encode()


def _fhir(first: int) -> bytes:
    return json.dumps(
        {
            "resourceType": "Bundle",
            "type": "collection",
            "entry": [{"resource": resource} for row in _rows(first) for resource in _resources(row)],
        }
    ).encode()


def _resources(row: dict[str, str]) -> list[dict[str, object]]:
    name = row["appointment_id"]
    actors = (f"Patient/{name}", f"Location/{row['site']}")
    return [
        {
            "resourceType": "Appointment",
            "id": name,
            "status": "booked",
            "start": row["starts_at"],
            "participant": [{"actor": {"reference": actor}, "status": "accepted"} for actor in actors],
        },
        {
            "resourceType": "Patient",
            "id": name,
            "name": [{"given": [row["first_name"]]}],
            "telecom": [{"system": "phone", "use": "mobile", "value": row["phone"]}],
        },
    ]


def _wait(port: int) -> None:
    """Wait until the web process has loaded a release, and the process of the API answers: a request starts it."""
    deadline = time.monotonic() + 120
    while not (_answers(port, "/readyz") and _answers(port, "/api/v1/health")):
        if time.monotonic() > deadline:
            raise TimeoutError("the web process did not become ready")
        time.sleep(0.2)


def _answers(port: int, path: str) -> bool:
    try:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except OSError:
        return False
