"""Sounds that are heard before they are saved: on disk for half an hour, and for one user only.

Words as they are typed, in the local voice, and a recording that collided with somebody else's.
"""

from __future__ import annotations

import os
import re
import secrets
import time
from contextlib import suppress
from pathlib import Path

SECONDS = 1800
MOST_OF_A_USER = 20
_TOKEN = re.compile(r"[0-9a-f]{32}")


class KeptSounds:
    """The sounds in VAR_DIR. Several processes use them at once."""

    def __init__(self, var_dir: Path) -> None:
        self._folder = var_dir / "kept-sounds"

    def keep(self, user_id: int, sound: bytes) -> str:
        """Keep a sound of a user. Returns its token."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._forget(user_id)
        token = secrets.token_hex(16)
        path = self._path(user_id, token)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(sound)
        return token

    def get(self, user_id: int, token: str) -> bytes | None:
        """A sound; None if there is none, its time is over, or it is another user's."""
        if not _TOKEN.fullmatch(token):
            return None
        path = self._path(user_id, token)
        try:
            return path.read_bytes() if path.stat().st_mtime > time.time() - SECONDS else None
        except OSError:
            return None

    def _path(self, user_id: int, token: str) -> Path:
        return self._folder / f"{user_id}-{token}"

    def _forget(self, user_id: int) -> None:
        """Delete what is too old, and the oldest of a user who has too many."""
        times = {}
        for path in self._folder.iterdir():
            with suppress(OSError):
                times[path] = path.stat().st_mtime
        newest_first = sorted(times, key=lambda path: times[path], reverse=True)
        mine = [path for path in newest_first if path.name.startswith(f"{user_id}-")]
        old = {path for path, at in times.items() if at <= time.time() - SECONDS}
        for path in old.union(mine[MOST_OF_A_USER - 1 :]):
            path.unlink(missing_ok=True)
