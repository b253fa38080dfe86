"""10,000 callers at once, each with a connection of their own, on as many web processes as there are cores.

Each caller answers after 5 to 10 seconds, and calls again when a call ends. A turn that fails in any way is an error.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import random
import tempfile
import time
from dataclasses import dataclass, field
from multiprocessing.connection import Connection as Pipe
from pathlib import Path

from bench.crowds.callers import CARRIER_SECONDS, NUMBERS, answer_to
from bench.support.carrier import FIELDS, request, with_token
from bench.support.connections import Connection
from bench.support.machine import cpu_seconds
from bench.support.procfile import TOKEN, Line, memory, running
from ivr.web.server.server import connection_limit

CALLERS, SECONDS = 10_000, 60.0
CLIENTS = 2
ARRIVAL_SECONDS = 10.0
THINKING_SECONDS = (5.0, 10.0)
TARGET_MS = 250


@dataclass
class Turns:
    """Latencies in seconds, and how often each error occurred."""

    latencies: list[float] = field(default_factory=list)
    errors: dict[str, int] = field(default_factory=dict)

    def add(self, other: Turns) -> None:
        self.latencies += other.latencies
        for error, count in other.errors.items():
            self.errors[error] = self.errors.get(error, 0) + count

    def milliseconds(self, share: float) -> float:
        ordered = sorted(self.latencies) or [float("inf")]
        return 1000 * ordered[min(len(ordered) - 1, int(len(ordered) * share))]


@dataclass(frozen=True)
class Crowd:
    """web_cores, client_cores: the CPU time of each, as cores used all the time."""

    turns: Turns
    seconds: float
    web_cores: float
    client_cores: float

    @property
    def per_second(self) -> float:
        return len(self.turns.latencies) / self.seconds


def main(options: argparse.Namespace) -> int:
    callers, seconds = options.callers or CALLERS, options.seconds or SECONDS
    cores = os.cpu_count() or 1
    with tempfile.TemporaryDirectory() as folder, running(Path(folder), cores) as line:
        print(f"\ncrowd: {callers:,} callers at once for {seconds:.0f} s, {cores} web processes", flush=True)
        found = measure(line, callers, seconds)
        print(f"{'turns':>8}{'turns/s':>9}{'errors':>8}{'p50 ms':>9}{'p99 ms':>9}{'max ms':>9}")
        turns = found.turns
        p50, p99, longest = map(turns.milliseconds, (0.5, 0.99, 1))
        errors = sum(turns.errors.values())
        print(f"{len(turns.latencies):8}{found.per_second:9.0f}{errors:8}{p50:9.2f}{p99:9.2f}{longest:9.1f}")
        print(f"CPU cores used: {found.web_cores:.2f} by the web processes, {found.client_cores:.2f} by the callers")
        print(f"resident memory of the web processes: {sum(memory(pid)[0] for pid in line.web):.0f} MB")
    for error, count in turns.errors.items():
        print(f"error: {error} ({count} times)")
    return 0 if turns.latencies and not turns.errors and p99 < TARGET_MS else 1


def measure(line: Line, callers: int, seconds: float) -> Crowd:
    """Have callers call a running line from several processes, so that these do not slow each other down."""
    context = multiprocessing.get_context("spawn")
    web_cpu = cpu_seconds(line.web)
    pipes, clients = [], []
    for number in range(CLIENTS):
        ours, theirs = context.Pipe(duplex=False)
        arguments = (line.port, TOKEN, range(number, callers, CLIENTS), seconds, theirs)
        clients.append(context.Process(target=_call, args=arguments, daemon=True))
        pipes.append(ours)
        clients[-1].start()
    turns, client_cpu = Turns(), 0.0
    for ours, client in zip(pipes, clients, strict=True):
        found, cpu = ours.recv()
        turns.add(found)
        client_cpu += cpu
        client.join()
    web_cores = (cpu_seconds(line.web) - web_cpu) / seconds
    return Crowd(turns, seconds, web_cores, client_cpu / seconds)


def _call(port: int, token: str, numbers: range, seconds: float, results: Pipe) -> None:
    """token: with which requests are signed. A process that is started anew would draw another."""
    connection_limit()
    turns = Turns()
    asyncio.run(_call_all(port, token, numbers, seconds, turns))
    results.send((turns, time.process_time()))


async def _call_all(port: int, token: str, numbers: range, seconds: float, turns: Turns) -> None:
    callers = [asyncio.create_task(_Caller(port, token, number, turns).call()) for number in numbers]
    await asyncio.sleep(seconds)
    for caller in callers:
        caller.cancel()
    for result in await asyncio.gather(*callers, return_exceptions=True):
        if isinstance(result, Exception):
            raise result


class _Caller:
    def __init__(self, port: int, token: str, number: int, turns: Turns) -> None:
        self._port, self._token, self._number, self._turns = port, token, number, turns
        self._base = f"http://127.0.0.1:{port}"
        self._rng = random.Random(number)
        self._connection: Connection | None = None

    async def call(self) -> None:
        """Call again and again, with pauses between calls as between turns."""
        await asyncio.sleep(self._rng.uniform(0, ARRIVAL_SECONDS))
        phone = NUMBERS[self._number % len(NUMBERS)]
        calls = 0
        while True:
            calls += 1
            call = {**FIELDS, "CallSid": f"CA{self._number:016x}{calls:016x}", "From": phone, "Caller": phone}
            url, answer = f"{self._base}/voice", {"CallStatus": "ringing"}
            while url:
                document = await self._turn(url, {**call, **answer})
                await asyncio.sleep(self._rng.uniform(*THINKING_SECONDS))
                url, answer = answer_to(document, self._rng)

    async def _turn(self, url: str, fields: dict[str, str]) -> str:
        """Return the document of a turn; empty if the turn failed, after counting the error."""
        message = request(self._base, url.removeprefix(self._base), fields, self._token)
        message = with_token(message, self._rng.getrandbits(32))
        started = time.perf_counter()
        try:
            async with asyncio.timeout(CARRIER_SECONDS):
                status, body = await (await self._connected()).send(message)
        except (OSError, TimeoutError) as error:
            self._fail(f"{type(error).__name__} {error}")
            return ""
        self._turns.latencies.append(time.perf_counter() - started)
        if status != 200 or not body.startswith(b"<?xml"):
            self._fail(f"status {status}")
            return ""
        return body.decode()

    def _fail(self, error: str) -> None:
        self._turns.errors[error] = self._turns.errors.get(error, 0) + 1

    async def _connected(self) -> Connection:
        if self._connection is None or self._connection.closed:
            loop = asyncio.get_running_loop()
            _, self._connection = await loop.create_connection(Connection, "127.0.0.1", self._port)
        return self._connection
