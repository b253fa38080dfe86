"""The network side of a feed: MLLP connections in, acknowledgments out. A group of messages shares one commit."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from ivr import clock, log
from ivr.feeds.hl7.acks import UNAVAILABLE, Reply, acknowledgments, batch_reply
from ivr.feeds.hl7.inbox import Received
from ivr.feeds.hl7.message import is_batch, split_batch
from ivr.feeds.hl7.mllp import Frame, FrameReader, framed
from ivr.ledger import LedgerUnavailable

_CHUNK_BYTES = 1 << 16
# One commit takes as long for a hundred messages as for one.
_GROUP = 200
_MAX_CONNECTIONS = 100
Read = Callable[[Frame, bytes, datetime], Received]
Store = Callable[[Sequence[Received]], list[Reply]]


@dataclass(frozen=True)
class _Waiting:
    received: Received
    reply: asyncio.Future[Reply]


class Receiver:
    """read: a message of a frame to what is stored. store: commits messages and returns the reply to each; it runs on a
    thread, and raises LedgerUnavailable."""

    def __init__(self, read: Read, store: Store) -> None:
        self._read, self._store = read, store
        self._queue: asyncio.Queue[_Waiting] = asyncio.Queue()
        self._connections: set[asyncio.Task[None]] = set()

    async def serve(
        self, host: str, port: int, tls: ssl.SSLContext | None, stop: asyncio.Event, ready: Callable[[int], None]
    ) -> None:
        """Serve until `stop` is set. ready: called with the port once it listens. Raises OSError."""
        committer = asyncio.create_task(self._commit())
        server = await asyncio.start_server(self._connected, host, port, ssl=tls)
        ready(server.sockets[0].getsockname()[1])
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait((stopped, committer), return_when=asyncio.FIRST_COMPLETED)
        server.close()
        for task in (*self._connections, stopped):
            task.cancel()
        await asyncio.gather(*self._connections, stopped, return_exceptions=True)
        if committer.done():
            committer.result()
        committer.cancel()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        if len(self._connections) >= _MAX_CONNECTIONS:
            log.get_logger().warning("hl7_connection_refused", connections=len(self._connections))
            writer.close()
            return
        self._connections.add(task)
        try:
            with suppress(ConnectionError, ssl.SSLError):
                await self._converse(reader, writer)
        finally:
            self._connections.discard(task)
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        frames = FrameReader()
        while data := await reader.read(_CHUNK_BYTES):
            for frame in frames.feed(data):
                writer.write(await self._answer(frame))
            await writer.drain()
        if cut_off := frames.close():
            await self._answer(cut_off)

    async def _answer(self, frame: Frame) -> bytes:
        """The bytes that answer a frame, after its messages are committed."""
        parts = split_batch(frame.data) or [frame.data] if frame.fault is None else [frame.data]
        received = [self._read(frame, part, clock.now()) for part in parts]
        replies = await asyncio.gather(*map(self._committed, received))
        acks: list[bytes] = []
        for each, reply in zip(received, replies, strict=True):
            if reply.code != "AA":
                log.get_logger().warning(
                    "hl7_message_refused", code=reply.code, condition=reply.condition, place=reply.place
                )
            acks += acknowledgments(each.message.header, reply, clock.now())
        if is_batch(frame.data) and frame.fault is None and acks:
            return framed(batch_reply(received[0].message.header, acks))
        return b"".join(map(framed, acks))

    async def _committed(self, received: Received) -> Reply:
        waiting = _Waiting(received, asyncio.get_running_loop().create_future())
        await self._queue.put(waiting)
        return await waiting.reply

    async def _commit(self) -> None:
        while True:
            group = [await self._queue.get()]
            while len(group) < _GROUP and not self._queue.empty():
                group.append(self._queue.get_nowait())
            try:
                replies = await asyncio.to_thread(self._store, [waiting.received for waiting in group])
            except LedgerUnavailable as error:
                log.get_logger().error("hl7_messages_not_stored", count=len(group), reason=str(error))
                replies = [UNAVAILABLE] * len(group)
            for waiting, reply in zip(group, replies, strict=True):
                if not waiting.reply.done():
                    waiting.reply.set_result(reply)
