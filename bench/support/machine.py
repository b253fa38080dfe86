"""Helpers for this machine: free ports, processes with their CPU time and memory, PostgreSQL databases."""

from __future__ import annotations

import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import OperationalError

DATABASES = ("sqlite", "postgresql")
POSTGRES = os.environ.get("TEST_POSTGRES_URL", "postgresql+psycopg://postgres@127.0.0.1:5432/test")
_TICKS = os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(port: int, seconds: float = 30) -> None:
    """Return once a server listens on a local port. Raises RuntimeError after `seconds`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError(f"no server listens on port {port} after {seconds:.0f} seconds")


def children(pid: int) -> list[int]:
    processes = subprocess.run(["ps", "-A", "-o", "ppid=,pid="], capture_output=True, text=True, check=True)
    rows = (row.split() for row in processes.stdout.splitlines())
    return [int(child) for parent, child in rows if int(parent) == pid]


def cpu_seconds(pids: list[int], *, with_children: bool = False) -> float:
    """User and system time of processes so far. with_children: and of their children that have exited."""
    total = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        total += sum(map(int, fields[11 : 15 if with_children else 13]))
    return total / _TICKS


def megabytes(pid: int) -> float:
    """The resident memory of a process."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


@contextmanager
def empty_ledger(database: str, purpose: str) -> Iterator[str]:
    """The URL of a new database of either kind, deleted at the end. Raises OperationalError without a server."""
    if database == "postgresql":
        with empty_database(purpose) as url:
            yield url
    else:
        with tempfile.TemporaryDirectory() as folder:
            yield f"sqlite:///{folder}/ledger.db"


@contextmanager
def empty_database(purpose: str) -> Iterator[str]:
    """The URL of a new PostgreSQL database, dropped at the end. Raises OperationalError if no server answers."""
    name = f"infoline_{purpose}_{os.getpid()}"
    admin = create_engine(POSTGRES, isolation_level="AUTOCOMMIT", connect_args={"connect_timeout": 3})
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    try:
        yield make_url(POSTGRES).set(database=name).render_as_string(hide_password=False)
    finally:
        with suppress(OperationalError), admin.connect() as connection:
            connection.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
        admin.dispose()
