"""Memory that the processes of a machine share: a mapped file, so that a change takes no input or output."""

from __future__ import annotations

import mmap
import os
import time
from contextlib import suppress
from fcntl import LOCK_EX, LOCK_NB, LOCK_UN, flock
from pathlib import Path
from threading import Lock
from weakref import finalize

# Another process holds the lock for microseconds. One that was stopped meanwhile must not stop the others: then they go
# on without it, and what they count may be wrong by a few.
_TRIES, _PAUSE_SECONDS = 50, 0.0002


class SharedMemory:
    """`size` bytes, zero at first, that all processes with the same file change one after the other:

        with memory as changed:
            changed[0] = 1

    Never written with fsync: the bytes may be lost with the machine's power. error: why the file cannot be used, so
    that the memory is this process's own; None if it is shared.
    """

    def __init__(self, path: Path, size: int) -> None:
        self._file, self._turn = -1, Lock()
        self.error: OSError | None = None
        try:
            self._file = _open(path, size)
            finalize(self, os.close, self._file)
            self._memory = mmap.mmap(self._file, size)
        except OSError as error:
            self.error = error
            self._memory = mmap.mmap(-1, size)

    def __enter__(self) -> mmap.mmap:
        self._turn.acquire()
        if self._file >= 0:
            for _ in range(_TRIES):
                try:
                    flock(self._file, LOCK_EX | LOCK_NB)
                    break
                except OSError:
                    time.sleep(_PAUSE_SECONDS)
        return self._memory

    def __exit__(self, *_: object) -> None:
        if self._file >= 0:
            with suppress(OSError):
                flock(self._file, LOCK_UN)
        self._turn.release()


def _open(path: Path, size: int) -> int:
    """Open or create the file, with room on the disk: a change of a page that finds none would end the process."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        flock(file, LOCK_EX)
        if os.fstat(file).st_size != size:
            os.ftruncate(file, 0)
            os.ftruncate(file, size)
            if hasattr(os, "posix_fallocate"):  # macOS has none
                os.posix_fallocate(file, 0, size)
        flock(file, LOCK_UN)
    except OSError:
        os.close(file)
        raise
    return file
