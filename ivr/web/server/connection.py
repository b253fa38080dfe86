"""One client connection: receives whole requests within a time limit, and sends responses as fast as they are read."""

from __future__ import annotations

import asyncio
import math
import socket
from enum import Enum, auto
from http import HTTPStatus
from typing import TYPE_CHECKING, Protocol, cast

from ivr.web.body_files import BodyFolder
from ivr.web.routes import APART, MAX_BODY, body_limits, lane_of
from ivr.web.server.bodies import Body
from ivr.web.server.connections import Connections
from ivr.web.server.http import Head, HttpError, RequestReader
from ivr.web.server.site import Site
from ivr.web.server.wsgi import Response, build_environ, decoded_path, plain_response

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

# Seconds for all of a request's headers, and for the client to read a whole response.
HEAD_SECONDS, WRITE_SECONDS = 10.0, 60.0
# How long a connection is kept for another request, and how long a refused client may go on sending.
IDLE_SECONDS, LINGER_SECONDS = 75.0, 1.0
SLICE = 64 * 1024
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
REASONS = {
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "too_large",
    HTTPStatus.REQUEST_TIMEOUT: "timeout",
    HTTPStatus.SERVICE_UNAVAILABLE: "disk",
}


class State(Enum):
    HEAD = auto()  # waits for a request, or for the rest of its headers
    BODY = auto()
    ANSWERING = auto()  # the app has the request
    WRITING = auto()  # the client has not yet read the whole response
    LINGERING = auto()  # refused; what the client still sends is ignored
    PASSED_ON = auto()  # another process answers


class PassesOn(Protocol):
    """Has another process answer requests."""

    def pass_on(self, sock: socket.socket, received: bytes) -> None:
        """Pass on a connection with the bytes received since its request began. Closes the socket in this process."""


class Host(Protocol):
    """What a connection needs of its server. date: of the Date header. console: who answers the console and the API.

    bodies: where large bodies go; None keeps them in memory.
    """

    connections: Connections[Connection]
    site: Site
    port: int
    date: str
    stopping: bool
    console: PassesOn | None
    bodies: BodyFolder | None

    def now(self) -> float:
        """The clock by which deadlines are measured, in seconds."""


class Connection(asyncio.Protocol):
    """Receives, has the site answer, and sends, one request at a time. deadline: of the state, by the loop's clock.

    received: what another process received of the first request. Such a connection is closed after its response,
    because the next request on it may be for the other process.
    """

    def __init__(self, server: Host, received: bytes = b"") -> None:
        self._server = server
        self._passed = received
        self._transport: asyncio.Transport | None = None
        self.address = ""
        self.deadline = math.inf
        self._paused = False
        self._unsent = memoryview(b"")
        self._start_over()

    def _start_over(self) -> None:
        self._state = State.HEAD
        self._reader = RequestReader(self._begin, MAX_BODY)
        self._body = Body(self._server.bodies)
        self._received = bytearray()
        self._environ: WSGIEnvironment = {}
        self._keep_alive = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        self.address = str(peer[0]) if isinstance(peer, tuple) else ""
        if not self._server.connections.admit(self):
            self._server.site.count_unread(plain_response("429 Too Many Requests"), "too_many_connections")
            self._transport.abort()
            return
        # So that the transport reports when the client has read everything.
        self._transport.set_write_buffer_limits(0)
        self._allow(HEAD_SECONDS)
        if self._passed:
            self.data_received(self._passed)

    def data_received(self, data: bytes) -> None:
        if self._state in (State.HEAD, State.BODY):
            if self._server.console is not None and self._state is State.HEAD:
                self._received += data
            try:
                self._receive(data)
            except HttpError as error:
                # After a refusal, nothing that follows changes the response.
                if not self._is_decided():
                    self._refuse(error.status)
            self._pass_on()
        elif self._state is not State.LINGERING:
            self._refuse_more()

    def _is_decided(self) -> bool:
        return self._state in (State.LINGERING, State.PASSED_ON)

    def _pass_on(self) -> None:
        """Give the connection away if its request is for the console or the API."""
        if self._state is not State.PASSED_ON or self._transport is None or self._server.console is None:
            return
        self._server.console.pass_on(self._transport.get_extra_info("socket").dup(), bytes(self._received))
        # Closes only this process's descriptor of the socket.
        self._transport.abort()

    def _refuse_more(self) -> None:
        """Do not read a second request before the response to the first; the client sends it again.

        https://www.rfc-editor.org/rfc/rfc9112.html#section-9.3.2
        """
        self._keep_alive = False
        if self._transport is not None:
            self._transport.pause_reading()

    def eof_received(self) -> bool:
        """Keep the connection open if the client waits for a response."""
        self._keep_alive = False
        return self._state in (State.ANSWERING, State.WRITING)

    def connection_lost(self, _error: Exception | None) -> None:
        self._transport = None
        self._server.connections.remove(self)
        if self._state is not State.ANSWERING:
            self._body.close()

    def _allow(self, seconds: float) -> None:
        self.deadline = self._server.now() + seconds

    def _receive(self, data: bytes) -> None:
        reader, is_first = self._reader, not self._reader.is_started
        reader.feed(data)
        if is_first and reader.is_started and self._state is State.HEAD:
            self.deadline = min(self.deadline, self._server.now() + HEAD_SECONDS)
        if self._state is State.BODY and self._body.must_write(reader.body, is_complete=reader.is_complete):
            self._store_received()
        elif reader.is_complete and self._state is State.BODY:
            self._answer()

    def _store_received(self) -> None:
        """Move what was received of a large body to its file, and read no more meanwhile."""
        if self._transport is not None:
            self._transport.pause_reading()
        received, self._reader.body = self._reader.body, bytearray()
        self._body.write(received, self._after_storing)

    def _after_storing(self, error: OSError | None) -> None:
        if self._transport is None or self._state is not State.BODY:
            return
        self._transport.resume_reading()
        if error is not None:
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE)
        elif self._reader.is_complete:
            self._answer()

    def _answer(self) -> None:
        reader = self._reader
        self._state, self.deadline = State.ANSWERING, math.inf
        self._server.connections.set_waiting(self, waiting=False)
        if reader.has_more:
            self._refuse_more()
        self._server.site.answer(self._environ, self._body.take(reader.body), reader.body_size, self._send)

    def _begin(self, head: Head) -> None:
        """Refuse a request because of its headers, or begin to receive its body."""
        # Decoded, because the limits of bodies are: /%63onsole may send 22 MB, but not to the process that takes calls.
        if self._server.console is not None and lane_of(decoded_path(head.target)) in APART:
            self._state = State.PASSED_ON
            return
        self._keep_alive = head.keep_alive and not self._passed
        self._environ = build_environ(head, self.address, self._server.port)
        refusal = self._server.site.refusal(self._environ)
        if refusal is not None:
            self._state = State.LINGERING
            self._send(refusal)
            return
        self._state = State.BODY
        self._reader.limit, seconds = body_limits(self._environ["PATH_INFO"])
        self._allow(seconds)
        if head.expects_continue and head.length != 0 and self._transport is not None:
            self._transport.write(CONTINUE)

    def _refuse(self, status: HTTPStatus) -> None:
        """Refuse a request whose headers or body cannot be read."""
        response = plain_response(f"{status.value} {status.phrase}")
        self._server.site.count_unread(response, REASONS.get(status, "malformed"))
        self._state = State.LINGERING
        self._send(response)

    def _send(self, response: Response) -> None:
        self._body.close()
        if self._transport is None:
            return
        if self._state is State.LINGERING or self._server.stopping:
            self._keep_alive = False
        head = response.head(self._server.date, keep_alive=self._keep_alive)
        if self._state is State.ANSWERING:
            self._state = State.WRITING
        self._allow(WRITE_SECONDS)
        if len(response.body) <= SLICE:
            self._transport.write(head + response.body)
        else:
            self._transport.write(head)
            self._unsent = memoryview(response.body)
        self._continue_sending()

    def _continue_sending(self) -> None:
        """Send a slice whenever the client has read the last one, so that slow clients cost little memory."""
        while self._unsent and not self._paused and self._transport is not None:
            part, self._unsent = self._unsent[:SLICE], self._unsent[SLICE:]
            self._transport.write(part)
        if not self._paused:
            self._end_response()

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        if self._state in (State.WRITING, State.LINGERING):
            self._continue_sending()

    def _end_response(self) -> None:
        if self._transport is None:
            return
        if self._keep_alive:
            self._start_over()
            self._server.connections.set_waiting(self, waiting=True)
            self._allow(IDLE_SECONDS)
        elif self._state is State.LINGERING and self._transport.can_write_eof():
            # Closing at once would reset the connection, and the client might never see the response.
            self._transport.write_eof()
            self._allow(LINGER_SECONDS)
        else:
            self._transport.close()

    def expire(self) -> None:
        """End a connection whose deadline has passed."""
        if self._state is State.BODY or (self._state is State.HEAD and self._reader.is_started):
            self._refuse(HTTPStatus.REQUEST_TIMEOUT)
        else:
            self.abort()

    def close_if_idle(self) -> None:
        """Close the connection unless a request is being received or answered."""
        if self._state is State.HEAD and not self._reader.is_started:
            self.abort()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()
