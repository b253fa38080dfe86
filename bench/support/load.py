"""A closed-loop load generator over keep-alive connections, cheap enough not to distort what it measures."""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass

from bench.support.machine import cpu_seconds


@dataclass(frozen=True)
class Round:
    """One round against one server. Times in seconds; cpu: CPU time of the server per request."""

    requests: int
    seconds: float
    cpu: float
    latencies: list[float]

    @property
    def per_second(self) -> float:
        return self.requests / self.seconds

    def percentile(self, share: float) -> float:
        return sorted(self.latencies)[min(len(self.latencies) - 1, int(len(self.latencies) * share))]


def drive(port: int, requests: Iterator[bytes], pids: list[int], seconds: float, connections: int = 8) -> Round:
    """Keep `connections` requests in flight for `seconds`. Raises RuntimeError on a response other than 200."""
    selector = selectors.DefaultSelector()
    socks = [socket.create_connection(("127.0.0.1", port)) for _ in range(connections)]
    latencies: list[float] = []
    started: dict[socket.socket, float] = {}
    cpu_before = cpu_seconds(pids)
    start = time.perf_counter()
    for sock in socks:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        selector.register(sock, selectors.EVENT_READ)
        started[sock] = time.perf_counter()
        sock.sendall(next(requests))
    while (now := time.perf_counter()) - start < seconds:
        for key, _ in selector.select(timeout=1):
            sock = key.fileobj
            assert isinstance(sock, socket.socket)
            read_response(sock)
            latencies.append(time.perf_counter() - started[sock])
            started[sock] = time.perf_counter()
            sock.sendall(next(requests))
    elapsed = now - start
    cpu = cpu_seconds(pids) - cpu_before
    for sock in socks:
        sock.close()
    return Round(len(latencies), elapsed, cpu / max(1, len(latencies)), latencies)


def read_response(sock: socket.socket) -> None:
    """Read one response to its end. Raises RuntimeError on a status other than 200."""
    data = sock.recv(65536)
    while b"\r\n\r\n" not in data:
        data += _more(sock)
    head, _, body = data.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(head.split(b"\r\n")[0].decode())
    length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
    while len(body) < length:
        body += _more(sock)


def _more(sock: socket.socket) -> bytes:
    data = sock.recv(65536)
    if not data:
        raise RuntimeError("the server closed the connection")
    return data
