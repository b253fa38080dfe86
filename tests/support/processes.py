"""Real processes of the line, configured by their environment."""

from __future__ import annotations

import base64
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from twilio.rest import Client

from ivr.carrier.twilio.transport import Transport
from tests.support.clinic import NOW, Clinic
from tests.support.network import LINE, SID, TOKEN, wait_for
from tests.support.paths import ROOT

KEY = b"k" * 32


def free_port(address: str = "127.0.0.1") -> int:
    """A port that nobody uses at an address; 0.0.0.0: at none of this machine's.

    Below those that the system gives to connections, one of which may take it before the caller listens.
    """
    while True:
        with socket.socket() as listener, suppress(OSError):
            port = 10_000 + secrets.randbelow(22_000)
            listener.bind((address, port))
            return port


INHERITED = ("PATH", "HOME", "LANG", "PYTHONPATH", "MODEL_DIR")


def environment(folder: Path, **more: object) -> dict[str, str]:
    """The environment of a process whose line is in `folder` and whose clock starts at NOW."""
    inherited = {name: value for name, value in os.environ.items() if name in INHERITED}
    settings = {
        "VAR_DIR": folder / "var",
        "DATABASE_URL": f"sqlite:///{folder}/small.db",
        "PHONE_KEY": base64.urlsafe_b64encode(KEY).decode(),
        "TWILIO_ACCOUNT_SID": SID,
        "TWILIO_AUTH_TOKEN": TOKEN,
        "TWILIO_FROM": LINE,
        "CLOCK_SECONDS": 0.2,
        "HL7_PORT": free_port(),
        "CLOCK_SHIFT_SECONDS": (NOW - datetime.now(UTC)).total_seconds(),
        "SIMULATOR_RECEIPT_SECONDS": 0.05,
        **more,
    }
    return {**inherited, **{name: str(value) for name, value in settings.items()}}


def process_parents() -> list[tuple[int, int]]:
    """(process id, parent's id) of all processes on this machine."""
    listing = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True)
    return [(int(pid), int(parent)) for pid, parent in map(str.split, listing.stdout.splitlines())]


def wait_until(condition: Callable[[], object], seconds: float = 60.0) -> None:
    """Return once a condition holds. It is polled infrequently, to leave the CPU to other processes."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"the condition was not met within {seconds} s"
        time.sleep(0.1)


class Processes:
    """A phone network, a queue server, and any other processes of the line that a test starts."""

    def __init__(self, clinic: Clinic, queue_url: str, **more: object) -> None:
        self.clinic, self.folder = clinic, clinic.folder
        self.web_port = free_port()
        address = {"PORT": self.web_port, "PUBLIC_URL": f"http://127.0.0.1:{self.web_port}"}
        self.env = environment(self.folder, REDIS_URL=queue_url, **{**address, **more})
        self._started: list[subprocess.Popen[bytes]] = []
        self.start("-m", "simulator", "--port", "0")
        self.carrier_url = wait_for(lambda: re.search(r"http://[\d.:]+", self.output(0)), 30)[0]
        self.env["TWILIO_API_URL"] = self.carrier_url
        self._client = Client(SID, TOKEN, http_client=Transport(self.carrier_url))

    def start(self, *arguments: str, source: Path = ROOT, **more: object) -> subprocess.Popen[bytes]:
        """Start a process with Python. source: the folder of its code. more: settings of this process alone."""
        environment = self.env | {name: str(value) for name, value in more.items()}
        with (self.folder / f"{len(self._started)}.log").open("wb") as output:
            command = [sys.executable, *arguments]
            process = subprocess.Popen(command, cwd=source, env=environment, stdout=output, stderr=output)
        self._started.append(process)
        return process

    def outputs(self) -> str:
        return "".join(self.output(number) for number in range(len(self._started)))

    def output_of(self, process: subprocess.Popen[bytes]) -> str:
        return self.output(self._started.index(process))

    def output(self, number: int) -> str:
        return (self.folder / f"{number}.log").read_text()

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """Send SIGKILL to a process and its children, and wait until it has exited."""
        self.signal(process, signal.SIGKILL)
        process.wait()

    def signal(self, process: subprocess.Popen[bytes], number: signal.Signals) -> None:
        """Send a signal to a process and its children: a worker runs each job in a child with its own process group."""
        for pid in (process.pid, *(child for child, parent in process_parents() if parent == process.pid)):
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def sent(self) -> list[str]:
        """The recipient of each text that went out, from the carrier's log."""
        messages = self._client.messages.list(page_size=1000)
        return [message.to for message in messages if message.direction == "outbound-api"]

    def end(self) -> None:
        for process in self._started:
            if process.poll() is None:
                self.kill(process)
