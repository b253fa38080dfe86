"""The memory of each process of the Procfile, idle and after a minute's work."""

from __future__ import annotations

import argparse
import tempfile
from contextlib import suppress
from pathlib import Path

from bench.support.load import drive
from bench.support.procfile import TOKEN, Line, memory, running
from bench.texts import text_requests
from bench.voice import call_requests

SECONDS = 5.0
Memory = dict[int, tuple[float, float]]


def main(_options: argparse.Namespace) -> int:
    with tempfile.TemporaryDirectory() as folder, running(Path(folder), 1) as line:
        names, idle = line.processes(), measure(line)
        work(line)
        print_table(names, idle, measure(line))
    return 0


def work(line: Line) -> None:
    """Answer calls and texts as fast as possible."""
    for requests in (call_requests(line.port, TOKEN), text_requests(line.port, TOKEN)):
        drive(line.port, requests, line.web, SECONDS)


def measure(line: Line) -> Memory:
    """Return RSS and PSS in MB by process. A process that ends meanwhile is left out."""
    found = {}
    for pid in line.processes():
        with suppress(KeyError):
            found[pid] = memory(pid)
    return found


def print_table(names: dict[int, str], idle: Memory, after: Memory) -> None:
    """Print a row for each process that ran before and after the work, and their sum."""
    print(f"\n{'memory in MB':28}{'idle RSS':>10}{'PSS':>8}{'after RSS':>11}{'PSS':>8}")
    rows = [(names[pid], *idle[pid], *after[pid]) for pid in names if pid in idle and pid in after]
    sums = [sum(column) for column in list(zip(*rows, strict=True))[1:]]
    for name, *values in [*rows, ("all", *sums)]:
        idle_rss, idle_pss, rss, pss = values
        print(f"{name:28}{idle_rss:10.0f}{idle_pss:8.0f}{rss:11.0f}{pss:8.0f}")
