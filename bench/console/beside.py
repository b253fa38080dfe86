"""A caller's turn beside 50 console users, against the same turn alone, in alternating rounds of the same run."""

from __future__ import annotations

import asyncio
import itertools
import multiprocessing
import random
import socket
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.sharedctypes import Synchronized
from multiprocessing.synchronize import Event
from typing import TypeAlias

from bench.support.load import read_response

ROUNDS = 6
SECONDS = 8.0
# Turns per second, as of a thousand calls at once.
RATE = 100
# Each user opens a page so often, and their open page refreshes its live part.
THINKING_SECONDS = (5.0, 15.0)
LIVE_SECONDS = 5.0
ASKED_RATIO = 1.2
OPENED = ("/", "/reminders", "/reminders/batches/2", "/reminders/appointments", "/work", "/work/items", "/people/8")
OPENED += ("/people/appointments/A7", "/prompts", "/prompts/en/cancer", "/settings/audit", "/line")
LIVE_PART = "/today/waiting"
Counter: TypeAlias = "Synchronized[int]"


@dataclass(frozen=True)
class Turns:
    """Milliseconds."""

    p50: float
    p99: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Turns:
        ordered = sorted(seconds)
        return cls(1000 * statistics.median(ordered), 1000 * ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))])


@dataclass(frozen=True)
class Beside:
    """Medians over the rounds, and of the ratios of neighboring rounds. opened: pages and live parts, by the users."""

    alone: Turns
    beside: Turns
    p50_ratio: float
    p99_ratio: float
    opened: int
    failed: int


def measure(port: int, cookies: list[str], turns: Iterator[bytes], rounds: int = ROUNDS) -> Beside:
    """Measure rounds alone and beside the users, in turn."""
    context = multiprocessing.get_context("spawn")
    running, opened, failed = context.Event(), context.Value("q"), context.Value("q")
    users = context.Process(target=_use, args=(port, cookies, running, opened, failed), daemon=True)
    users.start()
    _turns(port, turns, 2.0)
    pairs = []
    for number in range(rounds):
        order = (False, True) if number % 2 else (True, False)
        measured = {}
        for with_users in order:
            running.set() if with_users else running.clear()
            time.sleep(1.5)
            measured[with_users] = Turns.of(_turns(port, turns, SECONDS))
        pairs.append((measured[False], measured[True]))
    running.clear()
    time.sleep(1.5)
    users.terminate()
    users.join()
    return Beside(
        _median([alone for alone, _ in pairs]),
        _median([beside for _, beside in pairs]),
        statistics.median(beside.p50 / alone.p50 for alone, beside in pairs),
        statistics.median(beside.p99 / alone.p99 for alone, beside in pairs),
        opened=opened.value,
        failed=failed.value,
    )


def _median(turns: Sequence[Turns]) -> Turns:
    return Turns(statistics.median(turn.p50 for turn in turns), statistics.median(turn.p99 for turn in turns))


def _turns(port: int, requests: Iterator[bytes], seconds: float) -> list[float]:
    """Send turns at a steady rate over keep-alive connections; a late turn counts from when it was due."""
    sockets = itertools.cycle([socket.create_connection(("127.0.0.1", port), timeout=30) for _ in range(8)])
    latencies = []
    start = time.perf_counter()
    for number in range(int(seconds * RATE)):
        time.sleep(max(0.0, start + number / RATE - time.perf_counter()))
        sock = next(sockets)
        began = time.perf_counter()
        sock.sendall(next(requests))
        read_response(sock)
        latencies.append(time.perf_counter() - began)
    for sock in itertools.islice(sockets, 8):
        sock.close()
    return latencies


def _use(port: int, cookies: list[str], running: Event, opened: Counter, failed: Counter) -> None:
    asyncio.run(_use_all(port, cookies, running, opened, failed))


async def _use_all(port: int, cookies: list[str], running: Event, opened: Counter, failed: Counter) -> None:
    users = [_User(port, cookie, random.Random(number), running) for number, cookie in enumerate(cookies)]
    async with asyncio.TaskGroup() as tasks:
        for user in users:
            tasks.create_task(user.open_pages())
            tasks.create_task(user.refresh())
        while True:
            await asyncio.sleep(0.5)
            opened.value, failed.value = sum(user.opened for user in users), sum(user.failed for user in users)


@dataclass
class _User:
    port: int
    cookie: str
    rng: random.Random
    running: Event
    opened: int = 0
    failed: int = 0

    async def open_pages(self) -> None:
        await asyncio.sleep(self.rng.uniform(0, THINKING_SECONDS[1]))
        while True:
            await self._open(self.rng.choice(OPENED))
            await asyncio.sleep(self.rng.uniform(*THINKING_SECONDS))

    async def refresh(self) -> None:
        await asyncio.sleep(self.rng.uniform(0, LIVE_SECONDS))
        while True:
            await self._open(LIVE_PART, "HX-Request: true\r\nX-Live: 1\r\n")
            await asyncio.sleep(LIVE_SECONDS)

    async def _open(self, path: str, more: str = "") -> None:
        if not self.running.is_set():
            return
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            writer.write(
                f"GET /console{path} HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: {self.cookie}\r\n{more}"
                "Accept-Encoding: gzip\r\nConnection: close\r\n\r\n".encode()
            )
            answer = await reader.read()
            writer.close()
        except OSError:
            answer = b""
        if answer.startswith(b"HTTP/1.1 200"):
            self.opened += 1
        else:
            self.failed += 1
