"""The file in VAR_DIR by which other commands find a running `infoline run`: its addresses, and its queue."""

from __future__ import annotations

import fcntl
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

NAME = "running-line.json"


@dataclass(frozen=True)
class RunningLine:
    """Where a line runs. redis_url contains the queue's password."""

    public_url: str
    simulator_url: str
    redis_url: str


class RunningFile:
    """Holds the addresses of a line, readable by this user only, while this process lives."""

    def __init__(self, var_dir: Path, line: RunningLine) -> None:
        path = var_dir / NAME
        # A file of an earlier run may be readable by others.
        path.unlink(missing_ok=True)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        fcntl.flock(self._file, fcntl.LOCK_EX)
        os.write(self._file, json.dumps(asdict(line)).encode())
        self._path = path

    def remove(self) -> None:
        self._path.unlink(missing_ok=True)
        os.close(self._file)


def running_line(var_dir: Path) -> RunningLine | None:
    """The `infoline run` that uses this folder now; None if there is none.

    The lock ends with the process that holds it, however it ends, so a file that was left behind counts for nothing.
    """
    try:
        with (var_dir / NAME).open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return RunningLine(**json.load(file))
    except (OSError, ValueError, TypeError):
        pass
    return None
