"""One world for each process that runs these tests, and a line at the end that says what was found."""

from __future__ import annotations

import gc
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from ivr.settings import load
from tests.crash.world import open_world
from tests.support.processes import environment

# A kill loses nothing that was written, so a folder in memory shows the same as a disk, in two thirds of the time.
IN_MEMORY = Path("/dev/shm")


@pytest.fixture(scope="session")
def world(content, queue_server):
    with TemporaryDirectory(dir=IN_MEMORY if IN_MEMORY.is_dir() else None) as folder:
        yield from _world(content, Path(folder), queue_server)


def _world(content, folder, queue_server):
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment(folder, VAR_DIR=folder, CLOCK_SHIFT_SECONDS=0, REDIS_URL=queue_server).items():
            patch.setenv(name, value)
        settings = load()
    with open_world(content, settings, folder, queue_server) as world, _few_collections():
        yield world


@contextmanager
def _few_collections():
    """Collect garbage between the tests only: in a schedule, it takes a tenth of the time."""
    gc.collect()
    gc.freeze()
    gc.disable()
    yield
    gc.enable()
    gc.unfreeze()


@pytest.fixture(autouse=True)
def _collected(world):
    yield
    gc.collect()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    counts: Counter[str] = Counter()
    for outcome in ("passed", "failed"):
        for report in terminalreporter.getreports(outcome):
            counts.update({name: value for name, value in report.user_properties if name in _SUMMARY})
    if counts:
        terminalreporter.write_line(", ".join(f"{counts[name]:,} {name}" for name in _SUMMARY))


_SUMMARY = ("schedules", "lost", "doubled", "unsettled")
