"""A port that is taken: who holds it, and which other one is free.

simulator/ports.py does the same, because the simulator shares no code with the line.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

LISTENING = "0A"
MOST_TRIED = 100
LSOF_SECONDS = 5


def port_is_free(port: int, host: str = "127.0.0.1") -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def in_use(port: int) -> str:
    """The beginning of a sentence about a port that is taken."""
    holder = holder_of(port)
    return f"Port {port} is in use by {holder}" if holder else f"Port {port} is in use or reserved"


def next_free_port(port: int) -> int | None:
    """The next free port after one that is taken; None if there is none near it."""
    last = min(port + MOST_TRIED, 65_535)
    return next((candidate for candidate in range(port + 1, last) if port_is_free(candidate)), None)


def holder_of(port: int, proc: Path = Path("/proc")) -> str | None:
    """The program that listens on a port, such as `python3 (process 4711)`; None if the system does not say.

    Linux says it in /proc, other systems by lsof; only processes of the same user can be seen.
    """
    if not (proc / "net").exists():
        return _holder_by_lsof(port)
    sockets = _listening_sockets(port, proc)
    if not sockets:
        return None
    for process in proc.glob("[0-9]*"):
        if not sockets.isdisjoint(_links(process / "fd")):
            with contextlib.suppress(OSError):
                return f"{(process / 'comm').read_text().strip()} (process {process.name})"
    return None


def _links(folder: Path) -> Iterator[str]:
    """Where the links of a folder lead. Files are closed, and processes end, while they are read."""
    with contextlib.suppress(OSError):
        for link in folder.iterdir():
            with contextlib.suppress(OSError):
                yield str(link.readlink())


def _holder_by_lsof(port: int) -> str | None:
    command = ["lsof", "-nP", f"-iTCP:{port}", "-sTCP:LISTEN", "-Fpc"]
    try:
        output = subprocess.run(command, capture_output=True, text=True, timeout=LSOF_SECONDS, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return None
    # One line a field, after its letter; the first process is the one to name.
    fields = {line[:1]: line[1:] for line in reversed(output.splitlines())}
    return f"{fields['c']} (process {fields['p']})" if {"c", "p"} <= fields.keys() else None


def _listening_sockets(port: int, proc: Path) -> set[str]:
    """The sockets that listen on a port, as the links in /proc/<pid>/fd name them."""
    found = set()
    for table in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):
            for line in (proc / "net" / table).read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                    found.add(f"socket:[{fields[9]}]")
    return found
