"""What one machine carries, in calls and reminders an hour, and what limits it, as rows of a Markdown table.

On SQLite, or with `--database postgresql`.
"""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
from collections import Counter
from pathlib import Path

from bench import sending
from bench.crowds import crowd
from bench.memory import measure as measure_memory
from bench.memory import print_table
from bench.support.load import Round, drive
from bench.support.machine import DATABASES, cpu_seconds, empty_ledger
from bench.support.procfile import TOKEN, Line, running
from bench.texts import text_requests
from bench.voice import Requests, call_requests

SECONDS, CROWD_SECONDS = 15.0, 60.0
CONNECTIONS = 32
# As callers do: a greeting, a choice, an answer, another choice, another answer, and the end.
TURNS_PER_CALL = 6
# Half of what was measured is left for peaks, for the console, and for the clients, which ran on the same machine.
SHARE = 0.5


def main(options: argparse.Namespace) -> int:
    cores, database = os.cpu_count() or 1, options.database or DATABASES[0]
    # Before the line runs: what is left of the machine for reminders while people call depends on how many do.
    reminders = sending.measure(database, 1, sending.NEAR_MS, options.rows or sending.TEXTS)["rate"]
    with (
        tempfile.TemporaryDirectory() as folder,
        empty_ledger(database, "capacity") as url,
        running(Path(folder), cores, url) as line,
    ):
        print(f"\ncapacity: {cores} cores, {_memory_gb():.0f} GB, Python {platform.python_version()}, {database},")
        print(f"{cores} web processes, one worker; clients on the same machine", flush=True)
        names, idle = line.processes(), measure_memory(line)
        turns = _drive(line, "turns of calls", call_requests)
        texts = _drive(line, "texts in, answered", text_requests)
        after = measure_memory(line)
        found = crowd.measure(line, options.callers or crowd.CALLERS, options.seconds or CROWD_SECONDS)
        p50, p99 = found.turns.milliseconds(0.5), found.turns.milliseconds(0.99)
        errors = sum(found.turns.errors.values())
        print("\n| what | one machine |\n|---|---|")
        _row("turns of calls per second, at most", f"{turns.per_second:,.0f}")
        calls = _hourly(turns.per_second, TURNS_PER_CALL)
        _row(f"calls an hour, of {TURNS_PER_CALL} turns, at {SHARE:.0%} of that", calls)
        _row("texts received and answered per second, at most", f"{texts.per_second:,.0f}")
        _row(f"texts received an hour, at {SHARE:.0%} of that", _hourly(texts.per_second))
        _row("reminders handed over per second by one worker, at most", f"{reminders:,.0f}")
        _row(f"reminders an hour, at {SHARE:.0%} of that", _hourly(reminders))
        callers = options.callers or crowd.CALLERS
        _row(f"{callers:,} callers at once: turns per second", f"{found.per_second:,.0f}")
        _row(f"{callers:,} callers at once: p50, p99", f"{p50:.0f} ms, {p99:.0f} ms")
        _row(f"{callers:,} callers at once: failed turns", f"{errors}")
        _row(f"{callers:,} callers at once: cores, web and callers", f"{found.web_cores:.1f}, {found.client_cores:.1f}")
        _row("memory of all processes (PSS), idle and after this", f"{_sum(idle):,.0f} MB, {_sum(after):,.0f} MB")
        print_table(names, idle, after)
        for error, count in found.turns.errors.items():
            print(f"error: {error} ({count} times)")
    return 0 if not errors and p99 < crowd.TARGET_MS else 1


def _drive(line: Line, name: str, requests: Requests) -> Round:
    """Send requests as fast as they are answered, and print which processes used the CPU."""
    names = line.processes()
    before = {pid: cpu_seconds([pid]) for pid in names}
    measured = drive(line.port, requests(line.port, TOKEN), line.web, SECONDS, CONNECTIONS)
    used: Counter[str] = Counter()
    for pid, seconds in before.items():
        used[names[pid]] += cpu_seconds([pid]) - seconds
    busiest = ", ".join(f"{name} {seconds / measured.seconds:.2f}" for name, seconds in used.most_common(3))
    p50, p99 = 1000 * measured.percentile(0.5), 1000 * measured.percentile(0.99)
    print(f"{name:20}{measured.per_second:8.0f}/s  p50 {p50:.1f} ms, p99 {p99:.1f} ms; cores: {busiest}", flush=True)
    return measured


def _hourly(per_second: float, requests: int = 1) -> str:
    """What an hour carries, rounded down to two digits."""
    number = int(per_second * SHARE * 3600 / requests)
    unit = 10 ** max(0, len(str(number)) - 2)
    return f"{number // unit * unit:,}"


def _row(what: str, value: str) -> None:
    print(f"| {what} | {value} |")


def _sum(measured: dict[int, tuple[float, float]]) -> float:
    return sum(pss for _, pss in measured.values())


def _memory_gb() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
