"""The ports of `infoline run`: whether they are free, who holds one, and which others are."""

from __future__ import annotations

import contextlib
from pathlib import Path

from ivr.cli.processes import port_is_free

LISTENING = "0A"
MOST_TRIED = 100


def next_free_port(port: int) -> int | None:
    """The next free port after one that is taken; None if there is none near it."""
    last = min(port + MOST_TRIED, 65_535)
    return next((candidate for candidate in range(port + 1, last) if port_is_free(candidate)), None)


def holder_of(port: int, proc: Path = Path("/proc")) -> str | None:
    """The program that listens on a port, such as `python3 (process 4711)`; None if the system does not say.

    Reads /proc, as Linux has it; only processes of the same user can be seen.
    """
    sockets = _listening_sockets(port, proc)
    if not sockets:
        return None
    for process in proc.glob("[0-9]*"):
        with contextlib.suppress(OSError):
            links = {str(link.readlink()) for link in (process / "fd").iterdir()}
            if not links.isdisjoint(sockets):
                return f"{(process / 'comm').read_text().strip()} (process {process.name})"
    return None


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
