"""Two lines that the tests share: one on a Tuesday morning, one on a Sunday night."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.running import RunningLine, running_line


@pytest.fixture(scope="session")
def open_line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningLine]:
    """A line on Tuesday, 1 December 2026, 10:00 in New Hampshire: all numbers are open."""
    with running_line(tmp_path_factory.mktemp("open"), "--at", "2026-12-01T10:00") as line:
        yield line


@pytest.fixture(scope="session")
def closed_line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningLine]:
    """A line on Sunday, 6 December 2026, 23:00: all numbers are closed, and no reminder may go out."""
    with running_line(tmp_path_factory.mktemp("closed"), "--at", "2026-12-06T23:00") as line:
        yield line
