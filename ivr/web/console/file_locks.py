"""The right to work on something, as a lock on a file. The system takes it back from a process that dies."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

_WAIT = 0.025


def lock(path: Path, tries: int = 1) -> int | None:
    """A descriptor that holds the lock until it is closed; None if another process has it.

    tries: a page that looks whether it is locked holds it for a moment.
    """
    for number in range(tries):
        descriptor = _flock(path, fcntl.LOCK_EX)
        if descriptor is not None:
            return descriptor
        if number + 1 < tries:
            time.sleep(_WAIT)
    return None


def is_locked(path: Path) -> bool:
    """Whether a process has the lock. A folder that is missing counts as locked."""
    descriptor = _flock(path, fcntl.LOCK_SH)
    if descriptor is not None:
        os.close(descriptor)
    return descriptor is None


def _flock(path: Path, kind: int) -> int | None:
    descriptor = -1
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except OSError:
        if descriptor >= 0:
            os.close(descriptor)
        return None
    return descriptor
