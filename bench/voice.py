"""One turn of a call: the line against a bare Flask route and a server like Twilio's samples, in the same run."""

from __future__ import annotations

import argparse
import itertools
import os
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench.support.carrier import FIELDS, request, with_token
from bench.support.load import Round, drive
from bench.support.machine import children, free_port, wait_for
from ivr.ledger import open_ledger
from ivr.line.content.loader import content_digest, read_folder
from ivr.shipped import ROOT

TOKEN = secrets.token_hex(16)
ROUNDS = 10
SECONDS = 1.0
# A line learns its model at the first start.
START_SECONDS = 300
# Takes a port and the auth token; yields requests endlessly.
Requests = Callable[[int, str], Iterator[bytes]]
TARGETS = ("bare", "usual", "line")


def main(_options: argparse.Namespace) -> int:
    for workers in (1, 2):
        print(f"\nvoice, {workers} worker{'s' if workers > 1 else ''}: {ROUNDS} rounds of {SECONDS:.0f} s, medians")
        medians = compare(workers, TARGETS, call_requests, TOKEN)
        print(
            f"line / bare: {medians['line'] / medians['bare']:.2f} (target: at least 1),"
            f" line / usual: {medians['line'] / medians['usual']:.2f} (at least 2)"
        )
    return 0


def compare(workers: int, targets: Sequence[str], requests: Requests, auth_token: str) -> dict[str, float]:
    """Serve all targets, load them in turn, and print a row for each. Returns the median requests per second."""
    print(f"{'':8}{'turns/s':>9}{'p50 ms':>9}{'p99 ms':>9}{'CPU us':>9}")
    with tempfile.TemporaryDirectory() as var_dir, served_sites(workers, targets, var_dir, auth_token) as served:
        rounds = _run_rounds(served, requests, auth_token)
    return {name: _print_row(name, measured) for name, measured in rounds.items()}


def _run_rounds(
    served: dict[str, tuple[int, list[int]]], requests: Requests, auth_token: str
) -> dict[str, list[Round]]:
    rounds: dict[str, list[Round]] = {name: [] for name in served}
    for number in range(ROUNDS + 1):
        for name, (port, pids) in served.items():
            measured = drive(port, requests(port, auth_token), pids, SECONDS)
            # The first round warms up.
            if number:
                rounds[name].append(measured)
    return rounds


def _print_row(name: str, rounds: list[Round]) -> float:
    median = statistics.median
    rate = median(item.per_second for item in rounds)
    p50, p99 = (1000 * median(item.percentile(share) for item in rounds) for share in (0.5, 0.99))
    print(f"{name:8}{rate:9.0f}{p50:9.2f}{p99:9.2f}{1e6 * median(item.cpu for item in rounds):9.0f}")
    return rate


def call_requests(port: int, auth_token: str = TOKEN) -> Iterator[bytes]:
    """The same turn over and over, each with its own token, so that the line records every one."""
    release = content_digest(read_folder(ROOT / "prompts"))
    template = request(f"http://127.0.0.1:{port}", f"/voice/{release}/en.menu-calcifications", FIELDS, auth_token)
    # A random start, because tokens must differ between rounds too.
    return (with_token(template, number) for number in itertools.count(secrets.randbits(31)))


@contextmanager
def served_sites(
    workers: int, targets: Sequence[str], var_dir: str, auth_token: str
) -> Iterator[dict[str, tuple[int, list[int]]]]:
    """Serve targets, each on its own port: {name: (port, ids of the processes that serve)}."""
    processes = []
    served: dict[str, tuple[int, list[int]]] = {}
    try:
        for name in targets:
            port = free_port()
            ledger = f"sqlite:///{var_dir}/{name}.db"
            open_ledger(ledger).upgrade()
            environment = {
                **os.environ,
                "VAR_DIR": str(Path(var_dir) / name),
                "DATABASE_URL": ledger,
                "PORT": str(port),
                "PUBLIC_URL": f"http://127.0.0.1:{port}",
                "TWILIO_AUTH_TOKEN": auth_token,
                "CALLS_AT_ONCE": "1000000",
                "CALLS_PER_NUMBER": "1000000000",
                "TRANSFERS_PER_NUMBER": "1000000000",
                "TRANSFERS_PER_HOUR": "1000000000",
                "ANSWERED_TEXTS_PER_HOUR": "1000000000",
                # Learned once, for all servers.
                "MODEL_DIR": os.environ.get("MODEL_DIR", f"{var_dir}/models"),
            }
            command = [sys.executable, "-m", "bench.support.servers", name, str(port), str(workers)]
            process = subprocess.Popen(command, env=environment, cwd=ROOT, stderr=subprocess.DEVNULL)
            processes.append(process)
            wait_for(port, START_SECONDS)
            time.sleep(1)
            served[name] = (port, [process.pid, *children(process.pid)])
        yield served
    finally:
        for process in processes:
            process.terminate()
            process.wait()
