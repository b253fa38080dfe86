"""The processes of the line as tests start them: told all by their environment."""

from __future__ import annotations

import base64
import os
import re
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


def free_port() -> int:
    with socket.socket() as wire:
        wire.bind(("127.0.0.1", 0))
        return wire.getsockname()[1]


def environment(folder: Path, **more: object) -> dict[str, str]:
    """All that a process of a line in `folder` needs; it plays that it is NOW."""
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "PYTHONPATH")}
    told = {
        "VAR_DIR": folder / "var",
        "DATABASE_URL": f"sqlite:///{folder}/small.db",
        "PHONE_KEY": base64.urlsafe_b64encode(KEY).decode(),
        "SECRET_KEY": "x" * 32,
        "TWILIO_ACCOUNT_SID": SID,
        "TWILIO_AUTH_TOKEN": TOKEN,
        "TWILIO_FROM": LINE,
        "CLOCK_SECONDS": 0.2,
        "CLOCK_SHIFT_SECONDS": (NOW - datetime.now(UTC)).total_seconds(),
        "SIMULATOR_RECEIPT_SECONDS": 0.05,
        **more,
    }
    return {**kept, **{name: str(value) for name, value in told.items()}}


def parents_of_all() -> list[tuple[int, int]]:
    """The processes of this machine: (id, its parent's)."""
    listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True)
    return [(int(pid), int(parent)) for pid, parent in map(str.split, listed.stdout.splitlines())]


def wait_until(what: Callable[[], object], seconds: float = 60.0) -> None:
    """Return once `what` holds; it is asked seldom, because what it waits for needs this machine too."""
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.1)


class Processes:
    """A phone network, a queue server, and whatever else of the line a test starts."""

    def __init__(self, clinic: Clinic, queue_url: str, **more: object) -> None:
        self.clinic, self.folder = clinic, clinic.folder
        self.web_port = free_port()
        public = {"PORT": self.web_port, "PUBLIC_URL": f"http://127.0.0.1:{self.web_port}"}
        self.told = environment(self.folder, REDIS_URL=queue_url, **{**public, **more})
        self._started: list[subprocess.Popen[bytes]] = []
        self.start("-m", "simulator", "--port", "0")
        self.carrier_url = wait_for(lambda: re.search(r"http://[\d.:]+", self.output(0)), 30)[0]
        self.told["TWILIO_API_URL"] = self.carrier_url
        self._client = Client(SID, TOKEN, http_client=Transport(self.carrier_url))

    def start(self, *command: str) -> subprocess.Popen[bytes]:
        with (self.folder / f"{len(self._started)}.log").open("wb") as output:
            one = subprocess.Popen(
                [sys.executable, *command],
                cwd=ROOT,
                env=self.told,
                stdout=output,
                stderr=output,
            )
        self._started.append(one)
        return one

    def outputs(self) -> str:
        return "".join(self.output(number) for number in range(len(self._started)))

    def output(self, number: int) -> str:
        return (self.folder / f"{number}.log").read_text()

    def kill(self, one: subprocess.Popen[bytes]) -> None:
        """SIGKILL for a process and its children."""
        self.tell(one, signal.SIGKILL)
        one.wait()

    def tell(self, one: subprocess.Popen[bytes], what: signal.Signals) -> None:
        """A signal for a process and its children: a worker runs each job in a child, in a group of its own."""
        for pid in (one.pid, *(child for child, parent in parents_of_all() if parent == one.pid)):
            with suppress(ProcessLookupError):
                os.kill(pid, what)

    def sent(self) -> list[str]:
        """To whom texts went out, by the carrier's own log."""
        return [
            message.to for message in self._client.messages.list(page_size=1000) if message.direction == "outbound-api"
        ]

    def end(self) -> None:
        for one in self._started:
            if one.poll() is None:
                self.kill(one)
