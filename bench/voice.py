"""A caller's turn: this line against a bare Flask route and against the usual sample's way, in one run."""

from __future__ import annotations

import os
import secrets
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

from twilio.request_validator import RequestValidator

from bench.load import Round, drive
from ivr.line.content import digest, read_folder
from ivr.settings import ROOT

TOKEN = secrets.token_hex(16)
ROUNDS = 5
SECONDS = 2.0
TARGETS = {"bare": "bench.servers:bare", "usual": "bench.servers:usual", "line": "ivr:create_app"}
# What the carrier really sends with each turn of a call.
FIELDS = {
    "AccountSid": "AC" + "1" * 32,
    "ApiVersion": "2010-04-01",
    "CallSid": "CA" + "2" * 32,
    "CallStatus": "in-progress",
    "CallToken": "%7B%22parentCallInfoToken%22%3A%22" + "e" * 300 + "%22%7D",
    "Called": "+16035550100",
    "CalledCity": "MANCHESTER",
    "CalledCountry": "US",
    "CalledState": "NH",
    "CalledZip": "03101",
    "Caller": "+16035550123",
    "CallerCity": "NASHUA",
    "CallerCountry": "US",
    "CallerState": "NH",
    "CallerZip": "03060",
    "Digits": "1",
    "Direction": "inbound",
    "FinishedOnKey": "",
    "From": "+16035550123",
    "FromCity": "NASHUA",
    "FromCountry": "US",
    "FromState": "NH",
    "FromZip": "03060",
    "To": "+16035550100",
    "ToCity": "MANCHESTER",
    "ToCountry": "US",
    "ToState": "NH",
    "ToZip": "03101",
    "msg": "Gather End",
}


def main() -> None:
    for workers in (1, 2):
        print(f"\nvoice, {workers} worker{'s' if workers > 1 else ''}: {ROUNDS} rounds of {SECONDS:.0f} s, medians")
        print(f"{'':8}{'turns/s':>9}{'p50 ms':>9}{'p99 ms':>9}{'CPU us':>9}")
        with tempfile.TemporaryDirectory() as var_dir, _served(workers, var_dir) as served:
            rounds = _interleaved(served)
        medians = {name: _print_row(name, measured) for name, measured in rounds.items()}
        print(
            f"line / bare {medians['line'] / medians['bare']:.2f} (at least 0.65),"
            f" line / usual {medians['line'] / medians['usual']:.2f} (at least 2)"
        )


def _interleaved(served: dict[str, tuple[int, list[int]]]) -> dict[str, list[Round]]:
    rounds: dict[str, list[Round]] = {name: [] for name in served}
    for number in range(ROUNDS + 1):
        for name, (port, pids) in served.items():
            measured = drive(port, [_request(port)], pids, SECONDS)
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


def _request(port: int) -> bytes:
    release = digest(read_folder(ROOT / "prompts"))
    path = f"/voice/{release}/en.menu-calcifications"
    body = urlencode(FIELDS).encode()
    signature = RequestValidator(TOKEN).compute_signature(f"http://127.0.0.1:{port}{path}", FIELDS)
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nX-Twilio-Signature: {signature}\r\n"
        f"I-Twilio-Idempotency-Token: 8a1c-4e2b\r\nUser-Agent: TwilioProxy/1.1\r\nAccept: */*\r\n"
        f"Content-Type: application/x-www-form-urlencoded; charset=UTF-8\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


@contextmanager
def _served(workers: int, var_dir: str) -> Iterator[dict[str, tuple[int, list[int]]]]:
    """Each target on a port of its own: {name: (port, the processes that serve)}."""
    processes = []
    served: dict[str, tuple[int, list[int]]] = {}
    try:
        for name, target in TARGETS.items():
            port = _free_port()
            environment = {
                **os.environ,
                "VAR_DIR": str(Path(var_dir) / name),
                "PORT": str(port),
                "PUBLIC_URL": f"http://127.0.0.1:{port}",
                "TWILIO_AUTH_TOKEN": TOKEN,
            }
            command = ["granian", "--interface", "wsgi", "--factory", "--port", str(port), "--workers", str(workers)]
            command += ["--blocking-threads", "4", "--backpressure", "256", "--log-level", "error", target]
            process = subprocess.Popen(
                [Path(sys.executable).parent / command[0], *command[1:]], env=environment, cwd=ROOT
            )
            processes.append(process)
            _wait(port)
            time.sleep(1)
            served[name] = (port, _children(process.pid))
        yield served
    finally:
        for process in processes:
            process.terminate()
            process.wait()


def _children(pid: int) -> list[int]:
    listed = subprocess.run(["ps", "-A", "-o", "ppid=,pid="], capture_output=True, text=True, check=True)
    rows = (row.split() for row in listed.stdout.splitlines())
    return [int(number) for parent, number in rows if int(parent) == pid]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(port: int) -> None:
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError("the server does not come up")
