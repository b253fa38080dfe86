"""Files that hold the bodies of requests until these are answered.

A file has a name, so that another process can read it, and a lock, by which the next process to start knows whether
the one that received the body still runs.
"""

from __future__ import annotations

import fcntl
import io
import os
import secrets
from contextlib import suppress
from pathlib import Path

MAX_FILES = 64
"""At once, so that clients cannot fill the disk that the database may be on."""


class TooManyBodies(OSError):
    """MAX_FILES bodies are being received or answered."""


class BodyFile(io.BufferedRandom):
    """An open file for one body. Readable by its user only; `remove` deletes it."""

    def __init__(self, descriptor: int, path: Path) -> None:
        super().__init__(io.FileIO(descriptor, "r+"))
        self.path = path

    def remove(self) -> None:
        """Delete the file. Does nothing if that has happened already."""
        self.path.unlink(missing_ok=True)
        self.close()


class BodyFolder:
    """VAR_DIR/bodies. Several processes use it at once."""

    def __init__(self, var_dir: Path) -> None:
        self._folder = var_dir / "bodies"

    def create(self, *, limited: bool = True) -> BodyFile:
        """A new, empty file. limited: raise TooManyBodies if there are too many. Raises OSError."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if limited and sum(1 for _ in self._folder.iterdir()) >= MAX_FILES:
            raise TooManyBodies
        while True:
            path = self._folder / secrets.token_hex(16)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
            # A process that starts may take a file for a leftover before it is locked.
            if _lock(descriptor) and os.fstat(descriptor).st_nlink:
                return BodyFile(descriptor, path)
            os.close(descriptor)

    def remove_leftovers(self) -> int:
        """Delete the files of processes that were killed. Returns how many."""
        removed = 0
        for path in self._folder.glob("*"):
            with suppress(OSError):
                descriptor = os.open(path, os.O_RDWR)
                try:
                    if _lock(descriptor):
                        path.unlink()
                        removed += 1
                finally:
                    os.close(descriptor)
        return removed


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
