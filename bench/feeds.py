"""HL7 messages at a steady rate and flat out: how long each waits for its acknowledgment, which follows the commit."""

from __future__ import annotations

import argparse
import os
import re
import selectors
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median, quantiles

from bench.support.machine import cpu_seconds, empty_database, free_port
from ivr.feeds.hl7.mllp import END, framed
from ivr.shipped import ROOT

RATE, COUNT, CONNECTIONS = 500, 10_000, 20
TARGET_SECONDS = 0.05
INFOLINE = [sys.executable, "-m", "ivr.cli"]


@dataclass(frozen=True)
class Round:
    """waits: seconds from the moment when a message is due to its acknowledgment. refused: how many got no AA.

    seconds: until the last acknowledgment. clients: CPU seconds of the clients.
    """

    waits: list[float]
    refused: int
    seconds: float
    clients: float


def main(_options: argparse.Namespace) -> int:
    """Print the waits. Returns 1 if a message is not accepted, or not applied in the end, or the target is missed."""
    print(f"\n{COUNT:,} HL7 messages on {CONNECTIONS} connections, each of which waits for its acknowledgment")
    print("The clients are one process on the same machine; a message is acknowledged after the commit.")
    failed = _measure("SQLite", {})
    with empty_database("feeds") as url:
        failed |= _measure("PostgreSQL", {"DATABASE_URL": url})
    print(f"target: p99 under {TARGET_SECONDS * 1000:.0f} ms at {RATE}/s")
    return int(failed)


def _measure(name: str, settings: dict[str, str]) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "VAR_DIR": folder, "HL7_PORT": str(free_port()), **settings}
        subprocess.run([*INFOLINE, "db", "upgrade"], cwd=ROOT, env=environment, check=True, capture_output=True)
        with _feed(environment, Path(folder) / "hl7.log") as pid:
            steady = _round(name, f"{RATE}/s", 0, RATE, pid, environment)
            return _round(name, "flat out", COUNT, None, pid, environment) or steady


@contextmanager
def _feed(environment: dict[str, str], log: Path) -> Iterator[int]:
    """The process that receives messages. Raises RuntimeError if it does not start."""
    with log.open("wb") as output:
        feed = subprocess.Popen([*INFOLINE, "hl7"], cwd=ROOT, env=environment, stdout=output, stderr=output)
    try:
        while "process_started" not in log.read_text():
            if feed.poll() is not None:
                raise RuntimeError(f"the feed did not start: {log.read_text()[-300:]}")
            time.sleep(0.1)
        yield feed.pid
    finally:
        feed.terminate()
        feed.wait()


def _round(name: str, pace: str, first: int, rate: int | None, pid: int, environment: dict[str, str]) -> bool:
    """Send and print. Returns whether a message was refused, or never applied, or waited longer than the target.

    The target is for a rate: flat out, a message waits for all that were sent before it.
    """
    # Made before the clock starts: the clients share the cores with the server.
    messages = [framed(_message(first + number)) for number in range(COUNT)]
    before = cpu_seconds([pid])
    sent = _send(int(environment["HL7_PORT"]), messages, rate)
    applied, more = _wait_until_applied(environment, first + COUNT)
    server = cpu_seconds([pid]) - before
    p99 = quantiles(sent.waits, n=100)[98]
    is_late = rate is not None and p99 >= TARGET_SECONDS
    print(
        f"{name:11}{pace:9}{COUNT / sent.seconds:6.0f}/s   median {median(sent.waits) * 1000:5.1f} ms   "
        f"p99 {p99 * 1000:5.1f} ms{' MISSED' * is_late}   slowest {max(sent.waits) * 1000:5.1f} ms   "
        f"CPU of the server {server / COUNT * 1e6:4.0f} µs a message, of the clients {sent.clients / COUNT * 1e6:3.0f}"
        f"   applied {more:.1f} s after the last"
    )
    return bool(sent.refused) or not applied or is_late


def _send(port: int, messages: list[bytes], rate: int | None) -> Round:
    """Send each message when it is due and a connection is free; without a rate, as soon as one is free."""
    waits: list[float] = []
    refused, sent = 0, 0
    selector = selectors.DefaultSelector()
    free = [socket.create_connection(("127.0.0.1", port)) for _ in range(CONNECTIONS)]
    for connection in free:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        selector.register(connection, selectors.EVENT_READ)
    due: dict[socket.socket, float] = {}
    cpu, start = time.process_time(), time.perf_counter()
    while len(waits) < len(messages):
        now = time.perf_counter()
        while free and sent < len(messages) and (rate is None or start + sent / rate <= now):
            connection = free.pop()
            due[connection] = now if rate is None else start + sent / rate
            connection.sendall(messages[sent])
            sent += 1
        is_next_timed = rate is not None and free and sent < len(messages)
        for key, _ in selector.select(max(0.0, start + sent / rate - now) if is_next_timed and rate else None):
            assert isinstance(key.fileobj, socket.socket)
            connection = key.fileobj
            answer = connection.recv(65536)
            while not answer.endswith(END):
                answer += connection.recv(65536)
            waits.append(time.perf_counter() - due[connection])
            refused += b"MSA|AA" not in answer
            free.append(connection)
    ended, used = time.perf_counter(), time.process_time() - cpu
    for connection in free:
        connection.close()
    return Round(waits, refused, ended - start, used)


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
