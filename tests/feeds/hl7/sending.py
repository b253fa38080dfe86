"""A scheduling system that sends to `infoline hl7`, and the process of it."""

from __future__ import annotations

import re
import signal
import socket
import ssl
import subprocess
import sys
from contextlib import closing

import hl7

from ivr.feeds.hl7.mllp import FrameReader
from tests.feeds.hl7.messages import on_the_wire
from tests.support.network import wait_for
from tests.support.paths import ROOT
from tests.support.processes import environment


class Sender:
    """One connection of a scheduling system."""

    def __init__(self, port: int, tls: ssl.SSLContext | None = None) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_hostname="127.0.0.1")
        self._frames = FrameReader()

    def send(self, *messages: bytes) -> None:
        self.socket.sendall(on_the_wire(*messages))

    def answers(self, count: int = 1) -> list[str]:
        found: list[str] = []
        while len(found) < count:
            data = self.socket.recv(65536)
            assert data, "the connection was closed"
            found += [frame.data.decode() for frame in self._frames.feed(data)]
        return found

    def codes(self, count: int = 1) -> list[str]:
        return [hl7.parse(answer)["MSA.1"] for answer in self.answers(count)]


def ask(port: int, message: bytes, tls: ssl.SSLContext | None = None) -> list[str]:
    """The acknowledgment of one message on a connection of its own."""
    sender = Sender(port, tls)
    sender.send(message)
    with closing(sender.socket):
        return sender.codes()


class Process:
    """module: what to run with the arguments of `infoline`. more: other settings."""

    def __init__(self, folder, port: int, module: str = "ivr.cli", **more: object) -> None:
        self.log, self.port, self._module = folder / "hl7.log", port, module
        self.env = environment(folder, **more)
        self.start()

    def start(self) -> None:
        with self.log.open("wb") as output:
            command = [sys.executable, "-m", self._module, "hl7", "--port", str(self.port)]
            self.process = subprocess.Popen(command, cwd=ROOT, env=self.env, stdout=output, stderr=output)
        wait_for(lambda: re.search(r"process_started", self.log.read_text()), 60)

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
