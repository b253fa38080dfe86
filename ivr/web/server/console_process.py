"""Has a process of its own answer the console's requests, so that no page takes time from a caller's turn.

Two threads of one interpreter never run at once, and a page takes a hundred times as long as a turn. The web process
reads the head of each request; a connection whose request is for the console it hands over whole: the other process
gets a descriptor of the same socket and the bytes received so far.
"""

from __future__ import annotations

import multiprocessing
import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.context import SpawnProcess
from queue import SimpleQueue

from ivr import log
from ivr.web.server.lanes import BUSY

PREPARE_SECONDS = 5.0
"""How long after the web process has begun to answer callers the console's process starts, if nobody asks earlier."""
_SEND_SECONDS = 10.0
_IDLE_END_SECONDS = 1.0
"""How long a process that got no request has to end: on a busy machine, it may still be starting."""
_LENGTH = struct.Struct("!I")

Serve = Callable[[socket.socket, int, int], None]


class ConsoleProcess:
    """The other process, as the web process sees it. Started at the first request, and again if it dies.

    serve: what it runs, with the channel on which connections arrive, the port and the number of the web process. It
    must be importable, because the process is started afresh.
    """

    def __init__(self, serve: Serve, port: int, number: int) -> None:
        self._arguments = (serve, port, number)
        self._process: SpawnProcess | None = None
        self._channel: socket.socket | None = None
        self._has_requests = False
        self._jobs: SimpleQueue[tuple[socket.socket, bytes] | None] = SimpleQueue()
        self._closing = threading.Event()
        # A thread, because sending waits while the other process starts.
        self._thread = threading.Thread(target=self._work, name="console-process", daemon=True)
        self._thread.start()
        threading.Thread(target=self._prepare, name="console-prepare", daemon=True).start()

    def pass_on(self, sock: socket.socket, received: bytes) -> None:
        """Have the other process answer. sock: closed in this process. received: since the request began."""
        self._jobs.put((sock, received))

    def close(self, seconds: float) -> None:
        """End the other process after the requests in flight or after `seconds`; at once if it never got a request."""
        self._closing.set()
        self._jobs.put(None)
        self._thread.join(seconds)
        self._end(seconds)

    def _prepare(self) -> None:
        if not self._closing.wait(PREPARE_SECONDS):
            # A socket that nothing is read from: the other process starts, and closes it.
            unused, other = socket.socketpair()
            unused.close()
            self.pass_on(other, b"")

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            sock, received = job
            with sock:
                if not (self._send(sock, received) or self._send(sock, received)):
                    _refuse(sock)

    def _send(self, sock: socket.socket, received: bytes) -> bool:
        """Send a connection to the other process. Returns False if that process has died."""
        try:
            if self._channel is None or self._process is None or not self._process.is_alive():
                self._start()
            channel = self._channel
            assert channel is not None
            self._has_requests = self._has_requests or bool(received)
            socket.send_fds(channel, [_LENGTH.pack(len(received))], [sock.fileno()])
            channel.sendall(received)
        except OSError as error:
            log.get_logger().error("console_process_unavailable", reason=str(error.strerror or type(error).__name__))
            self._end(0.0)
            return False
        return True

    def _start(self) -> None:
        if self._process is not None:
            log.get_logger().error("console_process_died", status=self._process.exitcode)
        self._end(0.0)
        self._has_requests = False
        serve, port, number = self._arguments
        self._channel, theirs = socket.socketpair()
        self._channel.settimeout(_SEND_SECONDS)
        with theirs:
            context = multiprocessing.get_context("spawn")
            self._process = context.Process(target=serve, args=(theirs, port, number), name=f"console-{number}")
            self._process.start()

    def _end(self, seconds: float) -> None:
        if self._channel is not None:
            # The other process ends once it has read everything.
            self._channel.close()
        if self._process is not None:
            self._process.join(seconds if self._has_requests else min(seconds, _IDLE_END_SECONDS))
            if self._process.is_alive():
                self._process.kill()
                self._process.join()
        self._channel = self._process = None


def _refuse(sock: socket.socket) -> None:
    with suppress(OSError):
        sock.setblocking(False)
        sock.send(BUSY.head("", keep_alive=False) + BUSY.body)


def receive_connections(
    channel: socket.socket, adopt: Callable[[socket.socket, bytes], None], closed: Callable[[], None]
) -> None:
    """Pass each connection that arrives to `adopt` with its bytes, on a thread; `closed` once the web process ends."""

    def receive() -> None:
        with channel, suppress(OSError):
            while True:
                head, descriptors, _, _ = socket.recv_fds(channel, _LENGTH.size, 1)
                if not descriptors:
                    break
                sock = socket.socket(fileno=descriptors[0])
                received = _exactly(channel, _LENGTH.unpack(head)[0])
                if received:
                    adopt(sock, received)
                else:
                    sock.close()
        closed()

    threading.Thread(target=receive, name="console-connections", daemon=True).start()


def _exactly(channel: socket.socket, length: int) -> bytes:
    """Read so many bytes. Raises OSError if the channel is closed before."""
    received = bytearray()
    while len(received) < length:
        part = channel.recv(min(65536, length - len(received)))
        if not part:
            raise ConnectionResetError
        received += part
    return bytes(received)
