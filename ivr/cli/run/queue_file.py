"""The file in VAR_DIR by which other commands find the queue of a running `infoline run`."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path


def _file_of(var_dir: Path) -> Path:
    return var_dir / "queue-url"


class QueueFile:
    """Holds a queue's URL, which contains its password, readable by this user only, while this process lives."""

    def __init__(self, var_dir: Path, url: str) -> None:
        path = _file_of(var_dir)
        # A file of an earlier run may be readable by others.
        path.unlink(missing_ok=True)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        fcntl.flock(self._file, fcntl.LOCK_EX)
        os.write(self._file, url.encode())
        self._path = path

    def remove(self) -> None:
        self._path.unlink(missing_ok=True)
        os.close(self._file)


def running_queue_url(var_dir: Path) -> str | None:
    """The URL of the queue of the `infoline run` that uses this folder now; None if there is none.

    The lock ends with the process that holds it, however it ends.
    """
    try:
        with _file_of(var_dir).open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return file.read() or None
    except OSError:
        pass
    return None
