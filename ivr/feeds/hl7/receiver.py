"""The network side of a feed: MLLP connections in, acknowledgments out. A group of messages shares one commit."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from ivr import clock, log
from ivr.feeds.hl7.acks import UNAVAILABLE, Reply, acknowledgments, batch_reply
from ivr.feeds.hl7.inbox import Received
from ivr.feeds.hl7.mllp import Frame, FrameReader, framed
from ivr.feeds.hl7.reading import ReadFrame
from ivr.ledger import LedgerUnavailable

_CHUNK_BYTES = 1 << 16
# One commit takes about as long for a hundred messages as for one.
_GROUP = 200
_PAUSE_SECONDS = 0.01
"""Between two commits, unless all senders wait: a commit of each message alone takes most of the server's time."""
_MAX_CONNECTIONS = 100
_PART_SECONDS = 60.0
"""How long a connection may be silent within a message. Between two messages, it may be silent forever."""
Read = Callable[[Frame, datetime], ReadFrame]
Store = Callable[[Sequence[Received]], list[Reply]]


@dataclass(frozen=True)
class _Waiting:
    received: Received
    reply: asyncio.Future[Reply]


class Receiver:
    """read: a frame to what is stored of it. store: commits messages and returns the reply to each; it runs on a
    thread, and raises LedgerUnavailable."""

    def __init__(self, read: Read, store: Store) -> None:
        self._read, self._store = read, store
        self._waiting: list[_Waiting] = []
        self._arrived, self._is_full, self._last_group = asyncio.Event(), asyncio.Event(), 0.0
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
        await asyncio.gather(committer, return_exceptions=True)

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
        while data := await _read_more(reader, frames):
            for frame in frames.feed(data):
                writer.write(await self._answer(frame))
            await writer.drain()
        if cut_off := frames.close():
            writer.write(await self._answer(cut_off))

    async def _answer(self, frame: Frame) -> bytes:
        """The bytes that answer a frame, after its messages are committed."""
        read = self._read(frame, clock.now())
        received = [*read.messages, *read.faults]
        replies = [await reply for reply in [self._commit_later(each) for each in received]]
        for reply in replies:
            if reply.code != "AA":
                log.get_logger().warning(
                    "hl7_message_refused", code=reply.code, condition=reply.condition, place=reply.place
                )
        acks = [
            ack
            for each, reply in zip(read.messages, replies, strict=False)
            for ack in acknowledgments(each.message.header, reply, clock.now())
        ]
        if read.envelope and (acks or not read.messages):
            comment = " ".join(reply.text for reply in replies[len(read.messages) :])
            return framed(batch_reply(read.envelope, acks, comment))
        return b"".join(map(framed, acks))

    def _commit_later(self, received: Received) -> asyncio.Future[Reply]:
        """The reply, once the message is committed."""
        waiting = _Waiting(received, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        self._arrived.set()
        if len(self._waiting) >= min(_GROUP, len(self._connections)):
            self._is_full.set()
        return waiting.reply

    async def _commit(self) -> None:
        loop = asyncio.get_running_loop()
        # A thread of its own keeps its connection to the database.
        with ThreadPoolExecutor(1, "hl7-store") as thread:
            while True:
                group = await self._next_group()
                replies = await loop.run_in_executor(thread, self._store_each, [each.received for each in group])
                for waiting, reply in zip(group, replies, strict=True):
                    if not waiting.reply.done():
                        waiting.reply.set_result(reply)

    def _store_each(self, group: Sequence[Received]) -> list[Reply]:
        """Store a group of messages. One that cannot be stored keeps no other one out."""
        try:
            return self._store(group)
        except LedgerUnavailable as error:
            log.get_logger().error("hl7_messages_not_stored", count=len(group), reason=str(error))
        except Exception as error:  # noqa: BLE001 - the feed must go on; the sender still has the message
            if len(group) > 1:
                return [reply for received in group for reply in self._store_each([received])]
            log.get_logger().error("hl7_messages_not_stored", count=1, reason=type(error).__name__)
        return [UNAVAILABLE] * len(group)

    async def _next_group(self) -> list[_Waiting]:
        """The messages that wait, at least one: all that come until a while after the last group, or until each
        connection waits for its acknowledgment."""
        await self._arrived.wait()
        with suppress(TimeoutError):
            async with asyncio.timeout_at(self._last_group + _PAUSE_SECONDS):
                await self._is_full.wait()
        self._last_group = asyncio.get_running_loop().time()
        group, self._waiting = self._waiting[:_GROUP], self._waiting[_GROUP:]
        if not self._waiting:
            self._arrived.clear()
            self._is_full.clear()
        return group


async def _read_more(reader: asyncio.StreamReader, frames: FrameReader) -> bytes:
    """What comes next on a connection; empty at its end, or after a silence within a message."""
    try:
        async with asyncio.timeout(_PART_SECONDS if frames.is_inside else None):
            return await reader.read(_CHUNK_BYTES)
    except TimeoutError:
        return b""
