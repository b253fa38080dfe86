"""Keeps other users of the machine out of VAR_DIR, which holds the database, keys, logs and spooled writes."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

# What the line writes into VAR_DIR, for a VAR_DIR that also holds other files.
_CONTENT = (
    "infoline.db*", "local-keys.json", "claims.json", "clock-shift", "running-line.json", "demo-password",
    "example-*.csv", "kept", "kept-forms", "kept-sounds", "uploads", "logs", "queue", "releases", "set-aside-*",
    "prompt-jobs", "doctor", "bodies", "api-rates", "limits",
)  # fmt: skip


def set_private_umask() -> None:
    """Make new files of this process and its children readable by their user only. Call it first."""
    os.umask(0o077)


def exposed_paths(var_dir: Path) -> Iterator[Path]:
    """The files and folders of the line in VAR_DIR that other users may read or change. Links are not followed."""
    for root in _roots(var_dir):
        for path in (root, *(root.rglob("*") if root.is_dir() else ())):
            with suppress(OSError):
                status = path.lstat()
                if not stat.S_ISLNK(status.st_mode) and status.st_mode & 0o077:
                    yield path


def make_private(var_dir: Path) -> None:
    """Take all access of other users away. What belongs to another user stays as it is; `infoline doctor` lists it."""
    with suppress(OSError):
        for path in exposed_paths(var_dir):
            with suppress(OSError):
                path.chmod(path.lstat().st_mode & 0o700)


def _roots(var_dir: Path) -> list[Path]:
    if not var_dir.is_dir():
        return []
    if not _is_shared(var_dir.resolve()):
        return [var_dir]
    return [path for pattern in _CONTENT for path in var_dir.glob(pattern)]


def _is_shared(folder: Path) -> bool:
    """Whether the folder has other uses, so that its own mode must stay: a home, /tmp, or the folder of the code."""
    in_use = [Path(__file__).resolve()]
    # A container's user may have no home, and the working folder may be gone.
    with suppress(OSError):
        in_use.append(Path.cwd())
    with suppress(RuntimeError):
        in_use.append(Path.home())
    sticky = bool(folder.stat().st_mode & stat.S_ISVTX)
    return sticky or any(path.is_relative_to(folder) for path in in_use)
