"""Sends bytes as they are, valid HTTP or not, and reads what comes back."""

from __future__ import annotations

import re
import socket
import ssl
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

_STATUS_LINE = re.compile(rb"HTTP/1\.[01] (\d{3})[ \r]")
_LARGEST_ANSWER = 4_000_000


@dataclass(frozen=True)
class Answer:
    """What a server sent. statuses: of each response on the connection, without 1xx. closed: by the server, in time."""

    statuses: tuple[int, ...]
    data: bytes
    closed: bool
    seconds: float

    @property
    def status(self) -> int:
        """Of the first response; 0 if the connection was closed without one."""
        return self.statuses[0] if self.statuses else 0


@dataclass(frozen=True)
class Door:
    """Where a line listens. source: the address of this machine to connect from. verify: the certificate."""

    url: str
    source: str = ""
    verify: bool = True

    @property
    def host(self) -> str:
        return urlsplit(self.url).netloc

    @property
    def is_on_this_machine(self) -> bool:
        return (urlsplit(self.url).hostname or "").startswith(("127.", "localhost", "::1")) and not self.source

    def connect(self, seconds: float) -> socket.socket:
        """Raises OSError."""
        parts = urlsplit(self.url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        source = (self.source, 0) if self.source else None
        plain = socket.create_connection((parts.hostname or "", port), seconds, source)
        if parts.scheme != "https":
            return plain
        context = ssl.create_default_context()
        if not self.verify:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return context.wrap_socket(plain, server_hostname=parts.hostname)

    def exchange(self, pieces: Iterable[bytes], pause: float = 0.0, seconds: float = 20.0, wait: float = 1.5) -> Answer:
        """Send the pieces with a pause between them, and read until the server closes the connection.

        seconds: for all of it. wait: how long a server that has answered may stay silent.
        """
        began = time.monotonic()
        with self.connect(seconds) as sock:
            # A server that has refused a request need not read the rest.
            with suppress(OSError):
                for number, piece in enumerate(pieces):
                    if number and pause:
                        time.sleep(pause)
                    sock.sendall(piece)
                    if time.monotonic() - began > seconds:
                        break
            data, closed = _read(sock, began + seconds, wait)
        statuses = tuple(int(code) for code in _STATUS_LINE.findall(data) if not code.startswith(b"1"))
        return Answer(statuses, data, closed, time.monotonic() - began)


def _read(sock: socket.socket, deadline: float, wait: float) -> tuple[bytes, bool]:
    """All that comes, and whether the server closed the connection."""
    data = bytearray()
    while len(data) < _LARGEST_ANSWER:
        left = deadline - time.monotonic()
        if left <= 0:
            return bytes(data), False
        sock.settimeout(min(left, wait) if data else left)
        try:
            part = sock.recv(65536)
        except TimeoutError:
            return bytes(data), False
        except OSError:
            return bytes(data), True
        if not part:
            return bytes(data), True
        data += part
    return bytes(data), False
