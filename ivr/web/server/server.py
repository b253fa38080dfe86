"""The server of one web process."""

from __future__ import annotations

import asyncio
import resource
import socket
import time
from contextlib import suppress
from email.utils import formatdate

from ivr.web.body_files import BodyFolder
from ivr.web.server.connection import Connection, PassesOn
from ivr.web.server.connections import Connections, Networks
from ivr.web.server.site import Site

MAX_CONNECTIONS = 10_000
# Files that are not client connections: databases, queues, releases, logs.
OTHER_FILES = 200
BACKLOG = 1024
SWEEP_SECONDS = 0.5
# How long requests in flight may take once the process has been asked to end.
STOP_SECONDS = 20.0


class Server:
    """Accepts connections until `stop`. per_address, proxies: see Connections.

    console: who answers the console's requests; None if the site does. bodies: where large bodies of requests go; None
    keeps them in memory.
    """

    def __init__(
        self,
        site: Site,
        per_address: int,
        proxies: Networks = (),
        console: PassesOn | None = None,
        bodies: BodyFolder | None = None,
    ) -> None:
        self.site, self.console, self.bodies = site, console, bodies
        self.connections: Connections[Connection] = Connections(connection_limit(), per_address, proxies)
        self.stopping = False
        self.date = ""
        self.port = 0
        self._listener: asyncio.Server | None = None
        self._sweeping: asyncio.Task[None] | None = None

    def now(self) -> float:
        """The clock by which deadlines are measured, in seconds."""
        return time.monotonic()

    async def start(self, listener: socket.socket) -> None:
        """Serve the connections of a bound socket."""
        self.start_without_listener(listener.getsockname()[1])
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_server(lambda: Connection(self), sock=listener, backlog=BACKLOG)

    def start_without_listener(self, port: int) -> None:
        """Serve only what `adopt` is given. port: of the listener of the other process."""
        self.port = port
        self.date = formatdate(usegmt=True)
        if self.bodies is not None:
            self.bodies.remove_leftovers()
        self._sweeping = asyncio.create_task(self._sweep())

    async def adopt(self, sock: socket.socket, received: bytes) -> None:
        """Serve a connection that another process accepted. received: what it has received since the request began."""
        try:
            await asyncio.get_running_loop().connect_accepted_socket(lambda: Connection(self, received), sock)
        except OSError:
            sock.close()

    async def stop(self, seconds: float = STOP_SECONDS) -> None:
        """Accept no more connections, and return once all requests in flight are answered, or after `seconds`."""
        self.stopping = True
        if self._listener is not None:
            self._listener.close()
        end = self.now() + seconds
        while len(self.connections) and self.now() < end:
            for connection in self.connections:
                connection.close_if_idle()
            await asyncio.sleep(0.02)
        for connection in self.connections:
            connection.abort()
        self.site.close()
        if self._sweeping is not None:
            self._sweeping.cancel()
            with suppress(asyncio.CancelledError):
                await self._sweeping

    async def _sweep(self) -> None:
        """End connections that are past their deadline. A timer for each would cost more than looking at all."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            self.date = formatdate(usegmt=True)
            now = self.now()
            for connection in self.connections:
                if connection.deadline <= now:
                    connection.expire()


def connection_limit() -> int:
    """Allow this process as many open files as the system permits, and return how many may be connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_CONNECTIONS + OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
            soft = allowed
    return MAX_CONNECTIONS if soft == resource.RLIM_INFINITY else max(1, min(MAX_CONNECTIONS, soft - OTHER_FILES))
