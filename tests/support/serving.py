"""A server of the web process in a thread, and raw connections to it."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ivr.web.body_files import BodyFolder
from ivr.web.server.process import listen
from ivr.web.server.request_counts import RequestCounts
from ivr.web.server.server import Server
from ivr.web.server.site import Site


@dataclass
class Serving:
    """A running server. counts: of its requests."""

    port: int
    server: Server
    counts: RequestCounts
    loop: asyncio.AbstractEventLoop = field(repr=False)

    def connect(self) -> Client:
        return Client(self.port)

    def ask(self, request: bytes) -> tuple[int, dict[str, str], bytes]:
        """Send a request on a new connection: (status, headers, body) of the response."""
        with self.connect() as client:
            client.send(request)
            return client.response()

    def stop(self, seconds: float = 20.0) -> None:
        asyncio.run_coroutine_threadsafe(self.server.stop(seconds), self.loop).result(30)


class Client:
    """A connection to the server. Every read times out."""

    def __init__(self, port: int) -> None:
        # The first answer of a process that starts takes long on a busy machine.
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self._received = bytearray()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_error: object) -> None:
        self._socket.close()

    def send(self, data: bytes | memoryview) -> None:
        self._socket.sendall(data)

    def response(self, *, to_head: bool = False) -> tuple[int, dict[str, str], bytes]:
        """(status, headers by lower-case names, body) of the next response. to_head: to a HEAD request."""
        while b"\r\n\r\n" not in self._received:
            self._receive()
        head, _, self._received = self._received.partition(b"\r\n\r\n")
        line, *rows = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (row.partition(":") for row in rows)}
        length = 0 if to_head else int(headers.get("content-length", 0))
        while len(self._received) < length:
            self._receive()
        body, self._received = bytes(self._received[:length]), self._received[length:]
        return int(line.split()[1]), headers, body

    def is_closed_by_server(self) -> bool:
        """Wait until the server sends more, which fails, or ends the connection."""
        try:
            return not self._received and not self._socket.recv(1)
        except ConnectionError:
            return True

    def _receive(self) -> None:
        data = self._socket.recv(65536)
        if not data:
            raise ConnectionError("the server closed the connection")
        self._received += data


@contextmanager
def serving(
    app: Any, folder: Path, per_address: int = 10_000, proxies: tuple[Any, ...] = (), bodies: BodyFolder | None = None
) -> Iterator[Serving]:
    """Serve a WSGI app on a free port. folder: for the counts. bodies: for large bodies."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def start() -> tuple[Server, RequestCounts]:
        counts = RequestCounts(folder)
        server = Server(Site(app, counts), per_address, proxies, bodies=bodies)
        await server.start(listen("127.0.0.1", 0))
        return server, counts

    server, counts = asyncio.run_coroutine_threadsafe(start(), loop).result(30)
    running = Serving(server.port, server, counts, loop)
    try:
        yield running
    finally:
        running.stop(0)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(30)
        loop.close()


def http_request(path: str, body: bytes = b"", method: str = "POST", **headers: object) -> bytes:
    """An HTTP/1.1 request with its Content-Length. headers: with underscores for hyphens; None leaves one out."""
    fields: dict[str, object] = {"Host": "127.0.0.1", "Content_Length": len(body), **headers}
    rows = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items() if value is not None)
    return f"{method} {path} HTTP/1.1\r\n{rows}\r\n".encode() + body
