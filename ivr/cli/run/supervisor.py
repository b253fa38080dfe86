"""The child processes of `infoline run`: started together, restarted when one dies, stopped together."""

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
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

import click

from ivr import clock
from ivr.cli.progress import ProgressLine
from ivr.cli.run.embedded_queue import EmbeddedQueue
from ivr.cli.run.example_appointments import write_example
from ivr.cli.run.running_file import RunningFile, RunningLine
from ivr.demo.appointments import faulty_rows, write_file
from ivr.demo.sign_ins import SignIns
from ivr.env_file import VARIABLE as ENV_FILE
from ivr.env_file import find_env_file
from ivr.line.content.config import Config
from ivr.settings import Settings, example_with_faults, shift_file

HTTP_PORT = 80
READY_SECONDS = 120
STOP_SECONDS = 8
MAX_RESTART_DELAY = 30.0
# How many of the processes answer a call.
_FIRST = 2
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# What --empty moves to another folder; keys and logs stay.
SET_ASIDE = ("infoline.db", "infoline.db-wal", "infoline.db-shm", "queue", "releases", "kept", "demo-password")
# Settings that a child must share, even those with a generated default.
_SHARED_SETTINGS = (
    "database_url",
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

# The webhooks that docs/operations.md sets at Twilio, faults in TwiML that Twilio would only log, and an early start.
_CHILD_DEFAULTS = {
    "SIMULATOR_STATUS_CALLBACK": "/receipts/call/incoming",
    "SIMULATOR_STRICT": "true",
    "START_UNTRAINED": "1",
}


def simulator_port(settings: Settings) -> int:
    """The port in SIMULATOR_URL, or the standard one of http."""
    return urlsplit(settings.simulator_url).port or HTTP_PORT


def contacts_of(config: Config) -> str:
    """The names that the phones show for the numbers of the directory, as SIMULATOR_CONTACTS takes them."""
    language = next(iter(config.languages))
    return "; ".join(f"{entry.e164}={entry.name[language].replace(';', ',')}" for entry in config.directory)


def set_aside(var_dir: Path) -> None:
    """Move the data of earlier runs to a new folder in VAR_DIR."""
    paths = [var_dir / name for name in SET_ASIDE if (var_dir / name).exists()]
    if not paths:
        return
    folder = var_dir / f"set-aside-{datetime.now().astimezone():%Y%m%d-%H%M%S}"
    folder.mkdir(parents=True, exist_ok=True)
    for path in paths:
        shutil.move(str(path), str(folder / path.name))
    click.echo(f"Moved the data of earlier runs to {folder}.")


@dataclass
class ChildProcess:
    """One process of the line. deaths: in a row, each soon after a start; restart_at: 0 while it runs."""

    name: str
    command: list[str]
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    deaths: int = 0
    restart_at: float = 0.0

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def kill_group(self) -> None:
        """Kill what remains of its process group."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


class Supervisor:
    """Runs the line on this machine until Ctrl-C.

    shift: seconds that its clock is ahead. config: the line's. sign_ins: the made-up users of the console, if any.
    """

    def __init__(self, settings: Settings, shift: float, config: Config, sign_ins: SignIns | None = None) -> None:
        self._settings = settings
        self._contacts = contacts_of(config)
        self._sign_ins = sign_ins
        self._shift = shift
        self._zone = config.zone
        self._stop = threading.Event()
        self._example = settings.var_dir / "example-appointments.csv"
        self._queue: EmbeddedQueue | None = None
        self._running_file: RunningFile | None = None
        self._logs = settings.var_dir / "logs"
        self._children = [
            ChildProcess("phone network", [sys.executable, "-m", "simulator"]),
            ChildProcess("web", [sys.executable, "-m", "ivr.cli", "web"]),
            ChildProcess("worker", [sys.executable, "-m", "worker"]),
            ChildProcess("clock", [sys.executable, "-m", "worker", "clock"]),
        ]
        self._publishing = ChildProcess("release", [sys.executable, "-m", "ivr.cli", "release"])
        self._progress = ProgressLine()

    def begin(self) -> None:
        """Start the queue and what answers calls, which needs no trained model.

        From now on, a signal that would end this process ends it by way of `stop`.
        """
        for number in _SIGNALS:
            signal.signal(number, _exit_on_signal)
        self._progress.show("Starting ...")
        self._logs.mkdir(parents=True, exist_ok=True)
        shift_file(self._settings.var_dir).write_text(str(self._shift))
        if not self._settings.redis_url:
            self._queue = EmbeddedQueue(self._settings.var_dir / "queue")
        self._running_file = RunningFile(
            self._settings.var_dir,
            RunningLine(self._settings.public_url, self._settings.simulator_url, self._queue_url()),
        )
        self._environment = self._child_environment()
        for child in self._children[:_FIRST]:
            self._start(child)

    def run(self, *, publishes: bool) -> int:
        """Start the rest, and watch everything until a signal comes. Returns the exit status.

        publishes: whether the prompts have changed, and are to be published.
        """
        for number in _SIGNALS:
            signal.signal(number, lambda *_: self._stop.set())
        is_ready = self._wait_until_ready()
        if self._stop.is_set():
            return 0
        # Started later, so that on a small machine the first call is answered sooner.
        for child in (*self._children[_FIRST:], *([self._publishing] if publishes else [])):
            self._start(child)
        self._progress.clear()
        if is_ready:
            self._welcome()
        if publishes:
            self._progress.show("Learning what people ask. Until then, keys and known sentences are understood.")
        while not self._stop.wait(0.5):
            self._restart_dead()
            self._watch_publishing()
        return 0

    def _watch_publishing(self) -> None:
        """Once the process that publishes the prompts has ended: print why it could not."""
        process = self._publishing.process
        if process is None or process.poll() is None:
            return
        self._publishing.process = None
        self._progress.clear()
        if process.returncode:
            click.echo(self._log_path(self._publishing).read_text(errors="replace"), nl=False, err=True)

    def _child_environment(self) -> dict[str, str]:
        settings = self._settings
        file = find_env_file(os.environ)
        shared = {name.upper(): str(value) for name in _SHARED_SETTINGS if (value := getattr(settings, name))}
        shift = shift_file(settings.var_dir).resolve()
        # Each process reads the shift from the file, which the phones may change while the line runs.
        inherited = {name: value for name, value in os.environ.items() if name != "CLOCK_SHIFT_SECONDS"}
        return {
            **_CHILD_DEFAULTS,
            **inherited,
            **shared,
            "VAR_DIR": str(settings.var_dir.resolve()),
            "PROMPTS_DIR": str(settings.prompts_dir.resolve()),
            "PORT": str(settings.port),
            "REDIS_URL": self._queue_url(),
            "SIMULATOR_PORT": str(simulator_port(settings)),
            "SIMULATOR_TIME_ZONE": self._zone.key,
            "SIMULATOR_CONTACTS": self._contacts,
            "CLOCK_SHIFT_FILE": str(shift),
            "DEMO_SIGN_IN": "1" if self._sign_ins else "",
            **({ENV_FILE: str(file.resolve())} if file else {}),
        }

    def _queue_url(self) -> str:
        return self._queue.url if self._queue else self._settings.redis_url

    def _start(self, child: ChildProcess) -> None:
        # The log of publishing is printed, so it has no earlier runs.
        with self._log_path(child).open("wb" if child is self._publishing else "ab") as output:
            # A new session, so that Ctrl-C reaches only this process, which stops the others in order.
            child.process = subprocess.Popen(
                child.command,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        child.started_at = time.monotonic()
        child.restart_at = 0.0

    def _log_path(self, child: ChildProcess) -> Path:
        return self._logs / f"{child.name.replace(' ', '-')}.log"

    def _restart_dead(self) -> None:
        """Restart what died, with a growing delay for a process that dies soon after each start."""
        if self._queue and not self._queue.is_running():
            self._progress.warn("The queue died and is being restarted.")
            with contextlib.suppress(Exception):
                self._queue.restart()
        for child in self._children:
            if child.process is None or child.is_running:
                continue
            now = time.monotonic()
            if not child.restart_at:
                # The children of a killed process would keep its port.
                child.kill_group()
                child.deaths = child.deaths + 1 if now - child.started_at < MAX_RESTART_DELAY else 1
                child.restart_at = now + min(2.0 ** (child.deaths - 1) - 1, MAX_RESTART_DELAY)
                log = self._log_path(child)
                self._progress.warn(f"The {child.name} process died and is being restarted. Its log: {log}")
            if now >= child.restart_at:
                self._start(child)

    def _wait_until_ready(self) -> bool:
        waiting = {"web": f"{self._settings.public_url}/healthz", "phone network": f"{self._settings.simulator_url}/"}
        deadline = time.monotonic() + READY_SECONDS
        while waiting and not self._stop.is_set():
            waiting = {name: url for name, url in waiting.items() if not _answers(url)}
            if waiting and time.monotonic() > deadline:
                self._progress.warn(f"The {' and the '.join(waiting)} process does not answer: see {self._logs}/")
                return False
            self._restart_dead()
            self._stop.wait(0.1)
        return not self._stop.is_set()

    def _welcome(self) -> None:
        settings, sign_ins = self._settings, self._sign_ins
        now = clock.now().astimezone(self._zone)
        write_example(self._example, now)
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        write_file(example_with_faults(settings.var_dir), faulty_rows(midnight))
        console = [f"{settings.public_url}/console"]
        if sign_ins:
            *others, last = sign_ins.emails
            console += [f"{', '.join(others)}, or {last}", f"password: {sign_ins.password}"]
        if self._shift:
            click.echo(f"The line's clock shows {now:%A, %Y-%m-%d %H:%M}, hospital time.")
        for name, *lines in (
            ("Phone", f"{settings.simulator_url}/"),
            ("Console", *console),
            ("Stop", "Ctrl-C"),
            ("Docs", "README.md and docs/; infoline --help lists the commands"),
        ):
            click.echo(f"{name:10}" + f"\n{'':10}".join(lines))

    def stop(self) -> None:
        """Ask all children to stop, ask again, then kill them and every process that they started."""
        for number in _SIGNALS:
            # An impatient second Ctrl-C must leave no process behind.
            signal.signal(number, signal.SIG_IGN)
        self._watch_publishing()
        self._progress.clear()
        started = [*self._children, self._publishing]
        for attempt in (1, 2):
            for child in started:
                if child.process is not None and child.is_running:
                    child.process.terminate()
            deadline = time.monotonic() + STOP_SECONDS / 2 * attempt
            while time.monotonic() < deadline and any(child.is_running for child in started):
                time.sleep(0.05)
        for child in started:
            child.kill_group()
        if self._running_file:
            self._running_file.remove()
        if self._queue:
            self._queue.stop()
        shift_file(self._settings.var_dir).unlink(missing_ok=True)


def _exit_on_signal(number: int, _frame: object) -> NoReturn:
    raise SystemExit(128 + number)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1) as answer:  # noqa: S310 - a loopback address
            return bool(answer.status == 200)
    except OSError:
        return False
