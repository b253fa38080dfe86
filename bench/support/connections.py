"""Asynchronous keep-alive connections to the line, and a TCP proxy that can be cut."""

from __future__ import annotations

import asyncio
from contextlib import suppress


class Connection(asyncio.Protocol):
    """A keep-alive HTTP connection with one request at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._response: asyncio.Future[tuple[int, bytes]] | None = None
        self._data = b""
        self.closed = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def send(self, request: bytes) -> asyncio.Future[tuple[int, bytes]]:
        """Send a request. The future resolves to (status, body)."""
        assert self._transport is not None
        self._response, self._data = asyncio.get_running_loop().create_future(), b""
        self._transport.write(request)
        return self._response

    def data_received(self, data: bytes) -> None:
        self._data += data
        head, end, body = self._data.partition(b"\r\n\r\n")
        if not end or self._response is None or self._response.done():
            return
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
        if len(body) >= length:
            self._response.set_result((int(head.split(b" ", 2)[1]), body))

    def connection_lost(self, error: Exception | None) -> None:
        self.closed = True
        if self._response is not None and not self._response.done():
            self._response.set_exception(error or ConnectionError("the server closed the connection"))

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


class Pool:
    """At most `size` connections to one local port. Requests wait for a free one, and the wait counts as latency."""

    def __init__(self, port: int, size: int) -> None:
        self._port = port
        self._idle: list[Connection] = []
        self._slots = asyncio.Semaphore(size)

    async def send(self, request: bytes, timeout: float) -> tuple[int, bytes]:
        """(status, body) of the response. Raises OSError, or TimeoutError after `timeout` seconds."""
        async with asyncio.timeout(timeout), self._slots:
            connection = await self._connection()
            try:
                response = await connection.send(request)
            except BaseException:
                connection.close()
                raise
            self._idle.append(connection)
            return response

    async def _connection(self) -> Connection:
        while self._idle:
            connection = self._idle.pop()
            if not connection.closed:
                return connection
        _, connection = await asyncio.get_running_loop().create_connection(Connection, "127.0.0.1", self._port)
        return connection

    def close(self) -> None:
        for connection in self._idle:
            connection.close()


class Proxy:
    """A TCP proxy to a host and port. `cut` aborts open connections and stops accepting new ones."""

    def __init__(self, host: str, port: int) -> None:
        self._target = host, port
        self._open: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> int:
        """Start accepting connections. Returns the local port."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return int(self._server.sockets[0].getsockname()[1])

    def cut(self) -> None:
        if self._server is not None:
            self._server.close()
        for writer in self._open:
            writer.transport.abort()

    async def close(self) -> None:
        """Cut, and wait until every connection has ended."""
        self.cut()
        while self._open:
            await asyncio.sleep(0.01)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            target_reader, target_writer = await asyncio.open_connection(*self._target)
        except OSError:
            writer.close()
            return
        self._open |= {writer, target_writer}
        try:
            await asyncio.gather(_copy(reader, target_writer), _copy(target_reader, writer))
        finally:
            self._open -= {writer, target_writer}


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()
