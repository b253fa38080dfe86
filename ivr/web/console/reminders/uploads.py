"""Uploaded files: sealed on disk, for an hour, and worked on by one at a time.

Of an imported file, only the rows that had faults are kept, for an hour after the import.
"""

from __future__ import annotations

import base64
import json
import os
import re
import secrets
import shutil
import threading
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

from ivr import clock
from ivr.ledger import Vault
from ivr.ledger.vault import UnknownKey
from ivr.web.console import file_locks

KEPT_SECONDS = 3600
_SWEEP_SECONDS = 60.0
_ID = re.compile(r"[0-9a-f]{32}")
_STATE, _FILE, _LOCK = "state", "file", "lock"
_MOST_NAME_BYTES = 150
# Long enough for a page that looks whether it is locked; and for a process that has saved its result to end, on a
# machine with much to do.
_LOCK_TRIES, _ENDING_TRIES = 60, 400


class Phase(StrEnum):
    """Where an upload is. FAILED: it could not be read, through no fault of the file."""

    READING = "reading"
    READ = "read"
    IMPORTING = "importing"
    IMPORTED = "imported"
    FAILED = "failed"


@dataclass
class Upload:
    """An uploaded file. by: the id of the user who acts on it.

    rows: how many are read so far. lines: how many to expect; 0 if that is unknown. batch: of an import that added or
    changed something. interrupted: whether the last import of it ended halfway. received_at: in ISO 8601.
    """

    id: str
    filename: str
    size: int
    by: int
    phase: Phase = Phase.READING
    rows: int = 0
    lines: int = 0
    sheet: str = ""
    hidden_rows: bool = False
    batch: int | None = None
    imported: int = 0
    received_at: str = ""
    interrupted: bool = False

    @property
    def is_busy(self) -> bool:
        return self.phase in (Phase.READING, Phase.IMPORTING)


class Uploads:
    """The uploads in VAR_DIR. Several processes use them at once."""

    def __init__(self, var_dir: Path, vault: Vault) -> None:
        self._folder, self._vault = var_dir / "uploads", vault

    def add(self, filename: str, data: bytes, by: int) -> Upload:
        """Keep a file."""
        upload = Upload(secrets.token_hex(16), safe_name(filename), len(data), by)
        upload.received_at = clock.now().isoformat()
        if not data.startswith(b"PK"):
            upload.lines = data.count(b"\n")
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (self._folder / upload.id).mkdir(mode=0o700)
        self.write(upload.id, _FILE, base64.b64encode(data).decode())
        self.save(upload)
        return upload

    def get(self, upload_id: str) -> Upload | None:
        """An upload; None if there is none, or if its hour is over."""
        if not _ID.fullmatch(upload_id) or self._is_old(self._folder / upload_id):
            return None
        text = self.read(upload_id, _STATE)
        if text is None:
            return None
        values = json.loads(text)
        return Upload(**{**values, "phase": Phase(values["phase"])})

    def of(self, user_id: int) -> list[Upload]:
        """The uploads of a user, newest first."""
        uploads = filter(None, (self.get(folder.name) for folder in self._folder.glob("*")))
        mine = [each for each in uploads if each.by == user_id]
        return sorted(mine, key=lambda each: each.received_at, reverse=True)

    def unfinished(self, user_id: int) -> list[Upload]:
        """The uploads of a user that are not imported yet, newest first."""
        return [each for each in self.of(user_id) if each.phase is not Phase.IMPORTED]

    def save(self, upload: Upload) -> None:
        self.write(upload.id, _STATE, json.dumps(asdict(upload)))

    def write(self, upload_id: str, name: str, text: str) -> None:
        """Store a text beside the file, sealed."""
        folder = self._folder / upload_id
        draft = folder / f"{name}.{secrets.token_hex(4)}"
        with suppress(FileNotFoundError):
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(self._vault.seal(text))
            draft.replace(folder / name)

    def read(self, upload_id: str, name: str) -> str | None:
        """A text that `write` stored; None if there is none."""
        try:
            return self._vault.open((self._folder / upload_id / name).read_bytes())
        except (OSError, UnknownKey):
            return None

    @contextmanager
    def plain_file(self, upload: Upload) -> Iterator[Path]:
        """The file as it was uploaded, under its name, for as long as it is read. Raises OSError."""
        text = self.read(upload.id, _FILE)
        if text is None:
            raise FileNotFoundError(upload.id)
        folder = self._folder / upload.id / f"open-{secrets.token_hex(4)}"
        folder.mkdir(mode=0o700)
        try:
            path = folder / upload.filename
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
                file.write(base64.b64decode(text))
            del text
            yield path
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def lock(self, upload_id: str) -> int | None:
        """The right to work on an upload: see file_locks."""
        upload = self.get(upload_id)
        tries = _LOCK_TRIES if upload is None or upload.is_busy else _ENDING_TRIES
        return file_locks.lock(self._lock_file(upload_id), tries)

    def is_locked(self, upload_id: str) -> bool:
        return file_locks.is_locked(self._lock_file(upload_id))

    def _lock_file(self, upload_id: str) -> Path:
        return self._folder / upload_id / _LOCK

    def forget_content(self, upload_id: str, kept: Collection[str] = ()) -> None:
        """Delete everything but the state and some of what `write` stored, after an import."""
        for path in (self._folder / upload_id).glob("*"):
            if path.name not in (_STATE, _LOCK, *kept) and path.is_file():
                path.unlink(missing_ok=True)

    def remove(self, upload_id: str) -> None:
        shutil.rmtree(self._folder / upload_id, ignore_errors=True)

    def remove_old(self) -> int:
        """Delete uploads whose hour is over. Returns how many others there are."""
        left = 0
        for folder in self._folder.glob("*"):
            if self._is_old(folder) and not self.is_locked(folder.name):
                self.remove(folder.name)
            else:
                left += 1
        return left

    def watch(self, stopping: threading.Event) -> None:
        """Delete old uploads in the background, while there are any."""

        def sweep() -> None:
            while self.remove_old() and not stopping.wait(_SWEEP_SECONDS):
                pass

        threading.Thread(target=sweep, name="old-uploads", daemon=True).start()

    @staticmethod
    def _is_old(folder: Path) -> bool:
        try:
            # Written once, so its age is that of the upload; an import deletes it, but not the state.
            file = folder / _FILE
            moment = (file if file.exists() else folder / _STATE).stat().st_mtime
        except OSError:
            return folder.is_dir() and time.time() - folder.stat().st_mtime > KEPT_SECONDS
        return time.time() - moment > KEPT_SECONDS


def safe_name(filename: str) -> str:
    """A file name without folders and characters that a file system or a page cannot show."""
    name = "".join(char for char in re.split(r"[/\\]", filename)[-1] if char.isprintable()).strip(" .")
    stem, dot, ending = name.rpartition(".")
    ending = f"{dot}{ending}" if dot and len(ending) <= 8 else ""
    stem = stem if ending else name
    room = _MOST_NAME_BYTES - len(ending.encode())
    return (stem.encode()[:room].decode(errors="ignore") or "appointments") + ending
