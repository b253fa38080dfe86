"""A caller's turn: this line against a bare Flask route and against the usual sample's way, in one run."""

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
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.carrier import FIELDS, request, with_token
from bench.load import Round, drive
from bench.machine import children, free_port, wait_for
from ivr.cli.web import WEB_CONNECTIONS, WEB_THREADS
from ivr.ledger import open_ledger
from ivr.line.content.loader import content_digest, read_folder
from ivr.shipped import ROOT

TOKEN = secrets.token_hex(16)
ROUNDS = 10
SECONDS = 1.0
# The requests to a port, one after another.
Requests = Callable[[int], Iterator[bytes]]
TARGETS = {"bare": "bench.servers:bare", "usual": "bench.servers:usual", "line": "ivr:create_app"}


def main(_options: argparse.Namespace) -> int:
    for workers in (1, 2):
        print(f"\nvoice, {workers} worker{'s' if workers > 1 else ''}: {ROUNDS} rounds of {SECONDS:.0f} s, medians")
        medians = compare(workers, TARGETS, _requests, TOKEN)
        print(
            f"line / bare {medians['line'] / medians['bare']:.2f} (at least 0.65),"
            f" line / usual {medians['line'] / medians['usual']:.2f} (at least 2)"
        )
    return 0


def compare(workers: int, targets: dict[str, str], requests: Requests, auth_token: str) -> dict[str, float]:
    """Serve each target, drive them in turns, print a row for each. Returns the medians of requests a second."""
    print(f"{'':8}{'turns/s':>9}{'p50 ms':>9}{'p99 ms':>9}{'CPU us':>9}")
    with tempfile.TemporaryDirectory() as var_dir, _served(workers, targets, var_dir, auth_token) as served:
        rounds = _interleaved(served, requests)
    return {name: _print_row(name, measured) for name, measured in rounds.items()}


def _interleaved(served: dict[str, tuple[int, list[int]]], requests: Requests) -> dict[str, list[Round]]:
    rounds: dict[str, list[Round]] = {name: [] for name in served}
    for number in range(ROUNDS + 1):
        for name, (port, pids) in served.items():
            measured = drive(port, requests(port), pids, SECONDS)
            # The first round warms up.
            if number:
                rounds[name].append(measured)
    return rounds


def _print_row(name: str, rounds: list[Round]) -> float:
    median = statistics.median
    rate = median(one.per_second for one in rounds)
    p50, p99 = (1000 * median(one.percentile(share) for one in rounds) for share in (0.5, 0.99))
    print(f"{name:8}{rate:9.0f}{p50:9.2f}{p99:9.2f}{1e6 * median(one.cpu for one in rounds):9.0f}")
    return rate


def _requests(port: int) -> Iterator[bytes]:
    """The same turn again and again, each a request of its own, so that the line notes every one."""
    release = content_digest(read_folder(ROOT / "prompts"))
    one = request(f"http://127.0.0.1:{port}", f"/voice/{release}/en.menu-calcifications", FIELDS, TOKEN)
    # Rounds begin anew, and what the line notes must differ between them too.
    return (with_token(one, number) for number in itertools.count(secrets.randbits(31)))


@contextmanager
def _served(
    workers: int, targets: dict[str, str], var_dir: str, auth_token: str
) -> Iterator[dict[str, tuple[int, list[int]]]]:
    """Each target on a port of its own: {name: (port, the processes that serve)}."""
    processes = []
    served: dict[str, tuple[int, list[int]]] = {}
    try:
        for name, target in targets.items():
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
            }
            command = ["granian", "--interface", "wsgi", "--factory", "--port", str(port), "--workers", str(workers)]
            command += ["--blocking-threads", str(WEB_THREADS), "--backpressure", str(WEB_CONNECTIONS)]
            command += ["--log-level", "error", target]
            process = subprocess.Popen(
                [Path(sys.executable).parent / command[0], *command[1:]], env=environment, cwd=ROOT
            )
            processes.append(process)
            wait_for(port)
            time.sleep(1)
            served[name] = (port, children(process.pid))
        yield served
    finally:
        for process in processes:
            process.terminate()
            process.wait()
