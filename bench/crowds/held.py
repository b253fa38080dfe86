"""Calls and texts while strangers hold connections: idle ones, and ones that have sent half a request."""

from __future__ import annotations

import argparse
import itertools
import socket
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

from bench import texts, voice
from bench.voice import served_sites
from ivr.web.server.server import connection_limit

IDLE, HALF_SENT = 1000, 100
SECONDS = 10.0
# Requests per second.
RATE = 50
HALF = b"POST /voice HTTP/1.1\r\nX-Twilio-Signature: x\r\nContent-Length: 60000\r\n\r\nabc"
TARGET_MS = 250


def main(_options: argparse.Namespace) -> int:
    connection_limit()
    print(f"\nconnections: {RATE} calls and texts per second for {SECONDS:.0f} s, with and without {IDLE:,} idle")
    print(f"connections and {HALF_SENT} half-sent bodies, which are opened again whenever the server closes them")
    print(f"{'':24}{'answered':>9}{'errors':>8}{'p50 ms':>9}{'p99 ms':>9}{'max ms':>9}")
    with tempfile.TemporaryDirectory() as folder, served_sites(1, ("line",), folder, voice.TOKEN) as served:
        port, _ = served["line"]
        worst = 0.0
        for held in (False, True):
            stop = threading.Event()
            holders = [threading.Thread(target=_hold, args=(port, stop))] if held else []
            for holder in holders:
                holder.start()
                time.sleep(3)
            for name, requests in (("calls", voice.call_requests(port)), ("texts", texts.text_requests(port))):
                p99 = _measure(f"{name}, {'held' if held else 'alone'}", port, requests)
                worst = max(worst, p99 if held else 0.0)
            stop.set()
            for holder in holders:
                holder.join()
    print(f"worst p99 with held connections: {worst:.1f} ms (target: under {TARGET_MS})")
    return 0 if worst < TARGET_MS else 1


def _hold(port: int, stop: threading.Event) -> None:
    """Keep the connections open until `stop`."""
    held: list[tuple[socket.socket, bytes]] = []
    while not stop.wait(0.2):
        kept = [(sock, data) for sock, data in held if not _is_closed(sock)]
        half = sum(1 for _, data in kept if data)
        for data in itertools.chain(
            itertools.repeat(HALF, HALF_SENT - half), itertools.repeat(b"", IDLE - (len(kept) - half))
        ):
            with suppress(OSError):
                sock = socket.create_connection(("127.0.0.1", port), timeout=5)
                sock.sendall(data)
                sock.setblocking(False)
                kept.append((sock, data))
        held = kept
    for sock, _ in held:
        sock.close()


def _is_closed(sock: socket.socket) -> bool:
    try:
        sock.recv(4096)
    except BlockingIOError:
        return False
    except OSError:
        pass
    # Whatever the server sends, it then closes the connection.
    sock.close()
    return True


def _measure(label: str, port: int, requests: Iterator[bytes]) -> float:
    """Send requests at a steady rate, each on a new connection. Prints a row; returns the p99 in milliseconds."""
    latencies, errors = [], 0
    start = time.perf_counter()
    for number in range(int(SECONDS * RATE)):
        time.sleep(max(0.0, start + number / RATE - time.perf_counter()))
        began = time.perf_counter()
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=15) as sock:
                sock.sendall(next(requests))
                answered = sock.recv(65536).startswith(b"HTTP/1.1 200")
        except OSError:
            answered = False
        if answered:
            latencies.append(1000 * (time.perf_counter() - began))
        else:
            errors += 1
    ordered = sorted(latencies) or [float("inf")]
    p99 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    print(f"{label:24}{len(latencies):9}{errors:8}{statistics.median(ordered):9.2f}{p99:9.2f}{ordered[-1]:9.1f}")
    return float("inf") if errors else p99
