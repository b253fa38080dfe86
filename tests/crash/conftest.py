"""One world for each process that runs these tests, and a line at the end that says what was found."""

from __future__ import annotations

from collections import Counter

import pytest

from ivr.settings import load
from tests.crash.world import open_world
from tests.support.processes import environment


@pytest.fixture(scope="session")
def world(content, tmp_path_factory, queue_server):
    folder = tmp_path_factory.mktemp("crash")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment(folder, VAR_DIR=folder, CLOCK_SHIFT_SECONDS=0, REDIS_URL=queue_server).items():
            patch.setenv(name, value)
        settings = load()
    with open_world(content, settings, folder, queue_server) as world:
        yield world


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    counts: Counter[str] = Counter()
    for outcome in ("passed", "failed"):
        for report in terminalreporter.getreports(outcome):
            counts.update({name: value for name, value in report.user_properties if name in _SUMMARY})
    if counts:
        terminalreporter.write_line(", ".join(f"{counts[name]:,} {name}" for name in _SUMMARY))


_SUMMARY = ("schedules", "lost", "doubled", "unsettled")
