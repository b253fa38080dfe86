"""The settings file: lines of NAME=VALUE, for shells and services that have no environment of their own.

INFOLINE_ENV names it. Without that, it is `.env` next to VAR_DIR, which is the working folder by default.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Collection, Mapping
from pathlib import Path

VARIABLE = "INFOLINE_ENV"
_LINE = re.compile(r"(?:export\s+)?([A-Z][A-Z0-9_]*)=(.*)")
_QUOTED = re.compile(r"""(["'])(.*)\1""")


class EnvFileError(Exception):
    """The settings file cannot be used; the message has its place and what to do, and no value."""


def find_env_file(environment: Mapping[str, str]) -> Path | None:
    """The settings file; None if there is none. Raises EnvFileError if INFOLINE_ENV names a missing one."""
    named = environment.get(VARIABLE)
    if named:
        path = Path(named)
        if not path.is_file():
            raise EnvFileError(f"{VARIABLE}: there is no file {path}: correct the name, or remove {VARIABLE}")
        return path
    path = Path(environment.get("VAR_DIR") or "var").parent / ".env"
    return path if path.is_file() else None


def read_env_file(path: Path, known: Collection[str]) -> dict[str, str]:
    """The settings in a file. known: the names of all settings. Raises EnvFileError.

    A value may be in quotes. Nothing in it is expanded. Blank lines and lines that start with # are skipped.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise EnvFileError(f"{path} cannot be read: {reason}") from None
    settings: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        match = _LINE.fullmatch(stripped)
        if not match:
            raise EnvFileError(f"{path}:{number}: write the line as NAME=VALUE, without spaces around the =")
        name, value = match[1], match[2].strip()
        if name not in known:
            raise EnvFileError(
                f"{path}:{number}: {name} is not a setting: correct it, or name another file with {VARIABLE}"
            )
        if name in settings:
            raise EnvFileError(f"{path}:{number}: {name} is set twice: remove one of the lines")
        quoted = _QUOTED.fullmatch(value)
        settings[name] = quoted[2] if quoted else value
    return settings


def access_problem(path: Path, *, secret: bool) -> str:
    """Who else can change the file, or read it if it must be secret; empty if nobody can."""
    status = path.stat()
    if status.st_uid not in (0, os.getuid()):
        return f"{path} belongs to another user: change its owner to the user of the line, or to root"
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return f"{path} can be changed by other users: run chmod 600 {path}"
    if secret and status.st_mode & stat.S_IRWXO:
        return f"{path} can be read by all users: run chmod 600 {path}"
    return ""
