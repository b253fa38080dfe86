"""A load balancer in front of the web processes, with the rules that deploy/nginx/infoline.conf has for webhooks.

A request whose connection fails, or is closed before an answer, goes to the next process. nginx itself is tested in
tests/deploy/.
"""

from __future__ import annotations

import re
import socket
import socketserver
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from itertools import count

CONNECT_SECONDS, ANSWER_SECONDS = 2.0, 15.0
_LENGTH = re.compile(rb"^content-length:[ \t]*(\d+)", re.IGNORECASE | re.MULTILINE)
_BAD_GATEWAY = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Balancer(socketserver.ThreadingTCPServer):
    """Passes each request, of a connection of its own, to one of the ports in turn. repeated: how many went to two.

    answered: how many each port has answered."""

    daemon_threads, allow_reuse_address, request_queue_size = True, True, 200

    def __init__(self, ports: Sequence[int]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.port: int = self.server_address[1]
        self.repeated, self.answered = 0, Counter[int]()
        self._ports, self._turns = ports, count()

    def answer(self, request: bytes) -> bytes:
        first = next(self._turns)
        for number in range(len(self._ports)):
            port = self._ports[(first + number) % len(self._ports)]
            answer = _ask(port, request)
            if answer:
                self.answered[port] += 1
                return answer
            self.repeated += 1
        return _BAD_GATEWAY


class _Handler(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        assert isinstance(self.server, Balancer)
        with suppress(OSError):
            request = _read_request(self.request)
            if request:
                self.request.sendall(self.server.answer(request))


def _read_request(client: socket.socket) -> bytes:
    client.settimeout(ANSWER_SECONDS)
    request = b""
    while chunk := client.recv(65536):
        request += chunk
        head, blank, body = request.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if blank and len(body) >= (int(length[1]) if length else 0):
            return request
    return b""


def _ask(port: int, request: bytes) -> bytes:
    """The answer of a web process; empty if it gave none. An answer that takes too long is not asked for again."""
    answer = b""
    try:
        with socket.create_connection(("127.0.0.1", port), CONNECT_SECONDS) as server:
            server.settimeout(ANSWER_SECONDS)
            server.sendall(request)
            while chunk := server.recv(65536):
                answer += chunk
    except TimeoutError:
        return answer or _BAD_GATEWAY
    except OSError:
        return answer
    return answer
