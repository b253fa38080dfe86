"""Connections of a carrier that are kept and used again, and one to a ledger that can be cut."""

from __future__ import annotations

import asyncio
from contextlib import suppress


class Wire(asyncio.Protocol):
    """One kept connection to the line: a request at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None
        self._data = b""
        self.closed = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def ask(self, message: bytes) -> asyncio.Future[tuple[int, bytes]]:
        """Post a request; the future holds the status and the body."""
        assert self._transport is not None
        self._answer, self._data = asyncio.get_running_loop().create_future(), b""
        self._transport.write(message)
        return self._answer

    def data_received(self, data: bytes) -> None:
        self._data += data
        head, end, body = self._data.partition(b"\r\n\r\n")
        if not end or self._answer is None or self._answer.done():
            return
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
        if len(body) >= length:
            self._answer.set_result((int(head.split(b" ", 2)[1]), body))

    def connection_lost(self, error: Exception | None) -> None:
        self.closed = True
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error or ConnectionError("the server closed the connection"))

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


class Pool:
    """The carrier's connections to one port. most: how many at once; turns beyond it wait, and their time counts."""

    def __init__(self, port: int, most: int) -> None:
        self._port = port
        self._free: list[Wire] = []
        self._room = asyncio.Semaphore(most)

    async def ask(self, message: bytes, seconds: float) -> tuple[int, bytes]:
        """The status and body of an answer. Raises OSError or TimeoutError."""
        async with asyncio.timeout(seconds), self._room:
            wire = await self._wire()
            try:
                answer = await wire.ask(message)
            except BaseException:
                wire.close()
                raise
            self._free.append(wire)
            return answer

    async def _wire(self) -> Wire:
        while self._free:
            wire = self._free.pop()
            if not wire.closed:
                return wire
        loop = asyncio.get_running_loop()
        _, wire = await loop.create_connection(Wire, "127.0.0.1", self._port)
        return wire

    def close(self) -> None:
        for wire in self._free:
            wire.close()


class Proxy:
    """A way to another port that can be cut: what is open breaks off, and nothing new comes through."""

    def __init__(self, host: str, port: int) -> None:
        self._target = host, port
        self._open: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> int:
        """Returns the port to come in by."""
        self._server = await asyncio.start_server(self._pass, "127.0.0.1", 0)
        return int(self._server.sockets[0].getsockname()[1])

    def cut(self) -> None:
        if self._server is not None:
            self._server.close()
        for writer in self._open:
            writer.transport.abort()

    async def close(self) -> None:
        """Cut it, and wait until nothing is under way."""
        self.cut()
        while self._open:
            await asyncio.sleep(0.01)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection(*self._target)
        except OSError:
            writer.close()
            return
        self._open |= {writer, back}
        try:
            await asyncio.gather(_pump(reader, back), _pump(there, writer))
        finally:
            self._open -= {writer, back}


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()
