"""A way to a server that can be cut and mended: what is open breaks off, and nothing new comes through."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress


class Way:
    """A port of this machine that leads to another one."""

    def __init__(self, host: str, port: int) -> None:
        self._target = host, port
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._cut = False
        self._door = socket.create_server(("127.0.0.1", 0), backlog=200)
        self.port: int = self._door.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        with self._lock:
            self._cut = True
            for wire in self._open:
                with suppress(OSError):
                    wire.shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        self._cut = False

    def close(self) -> None:
        self.cut()
        self._door.close()

    def _accept(self) -> None:
        while True:
            try:
                wire, _ = self._door.accept()
            except OSError:
                return
            if self._cut:
                wire.close()
                continue
            try:
                there = socket.create_connection(self._target)
            except OSError:
                wire.close()
                continue
            with self._lock:
                self._open |= {wire, there}
            for one, other in ((wire, there), (there, wire)):
                threading.Thread(target=self._pump, args=(one, other), daemon=True).start()

    def _pump(self, one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError):
            while data := one.recv(65536):
                other.sendall(data)
        for wire in (one, other):
            with suppress(OSError):
                wire.shutdown(socket.SHUT_RDWR)
        with self._lock:
            self._open -= {one, other}
