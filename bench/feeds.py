"""HL7 messages at a steady rate: how long each waits for its acknowledgment, which follows the commit."""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median, quantiles

from bench.machine import empty_database, free_port
from ivr.feeds.hl7.mllp import END, framed
from ivr.shipped import ROOT

RATE, SECONDS, CONNECTIONS = 500, 20, 20
TARGET_SECONDS = 0.05
INFOLINE = [sys.executable, "-m", "ivr.cli"]


def main(_options: argparse.Namespace) -> int:
    """Print the waits. Returns 1 if a message is not accepted, or not applied in the end."""
    print(f"\n{RATE} HL7 messages/s for {SECONDS} s on {CONNECTIONS} connections, acknowledged after the commit")
    failed = _measure("SQLite", {})
    with empty_database("feeds") as url:
        failed |= _measure("PostgreSQL", {"DATABASE_URL": url})
    print(f"target: p99 under {TARGET_SECONDS * 1000:.0f} ms")
    return int(failed)


def _measure(name: str, settings: dict[str, str]) -> bool:
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "VAR_DIR": folder, "HL7_PORT": str(port), **settings}
        subprocess.run([*INFOLINE, "db", "upgrade"], cwd=ROOT, env=environment, check=True, capture_output=True)
        log = Path(folder) / "hl7.log"
        with log.open("wb") as output:
            feed = subprocess.Popen([*INFOLINE, "hl7"], cwd=ROOT, env=environment, stdout=output, stderr=output)
        try:
            while "process_started" not in log.read_text():
                if feed.poll() is not None:
                    print(f"{name}: the feed did not start: {log.read_text()[-300:]}")
                    return True
                time.sleep(0.1)
            started = time.perf_counter()
            waits, refused = asyncio.run(_load(port))
            seconds = time.perf_counter() - started
            applied, more = _wait_until_applied(environment, len(waits))
        finally:
            feed.terminate()
            feed.wait()
    p99 = quantiles(waits, n=100)[98]
    print(
        f"{name:11}{len(waits) / seconds:6.0f}/s   median {median(waits) * 1000:5.1f} ms   p99 {p99 * 1000:5.1f} ms   "
        f"slowest {max(waits) * 1000:5.1f} ms   applied {more:.1f} s after the last"
    )
    return bool(refused) or not applied


async def _load(port: int) -> tuple[list[float], int]:
    """The wait of each message from the moment when it is due, and how many were not accepted."""
    waits: list[float] = []
    refused = 0
    start = time.perf_counter() + 0.5

    async def send(first: int) -> None:
        nonlocal refused
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for number in range(first, RATE * SECONDS, CONNECTIONS):
            due = start + number / RATE
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            writer.write(framed(_message(number)))
            answer = await reader.readuntil(END)
            waits.append(time.perf_counter() - due)
            refused += b"MSA|AA" not in answer
        writer.close()

    await asyncio.gather(*map(send, range(CONNECTIONS)))
    return waits, refused


def _message(number: int) -> bytes:
    now = datetime.now(UTC)
    starts = f"{now + timedelta(days=7, minutes=number % 600):%Y%m%d%H%M}"
    phone = f"(603)555-01{1 + number % 99:02}"
    lines = (
        f"MSH|^~\\&|BENCH|ELLIOT|INFOLINE|ELLIOT|{now:%Y%m%d%H%M%S}+0000||SIU^S12^SIU_S12|B{number}|P|2.5.1",
        f"SCH|P{number}|A{number}||||||MAMMO^Screening|20|min|^^20^{starts}+0000|||||||||||||||Booked",
        f"PID|1||{number}^^^MRN||Garcia^Maria||19700101|F|||||{phone}^PRN^CP||es",
        "RGS|1|A",
        "AIS|1|A|77067^Screening mammogram",
        "AIL|1|A|ROOM1^^^elliot",
    )
    return "\r".join(lines).encode() + b"\r"


def _wait_until_applied(environment: dict[str, str], expected: int) -> tuple[bool, float]:
    """Whether all appointments are there within a minute, and after how many seconds."""
    started = time.perf_counter()
    while (waited := time.perf_counter() - started) < 60:
        status = subprocess.run(
            [*INFOLINE, "reminders", "status", "--json"], cwd=ROOT, env=environment, capture_output=True, text=True
        )
        found = re.search(r'"appointments": (\d+)', status.stdout)
        if found and int(found[1]) >= expected:
            return True, waited
    return False, waited
