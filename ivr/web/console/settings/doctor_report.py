"""The latest report of `infoline doctor` that somebody asked for in the console.

It runs in a process of its own, because the same web process may answer callers. The report is a file in VAR_DIR, so
every web process on the machine shows it, and a lock on the folder says that one is being made.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from ivr import clock, log
from ivr.shipped import ROOT
from ivr.web.console import file_locks

MODULE = "ivr.doctor"
_LOCK_TRIES = 8
LONGEST = 60.0
"""Seconds after which a report has failed. The checks themselves end after less than half of it."""


@dataclass(frozen=True)
class Report:
    """A report and its time. checks: each with name, level and message, as in `doctor --json`; none if it failed."""

    at: datetime
    checks: tuple[dict[str, str], ...]

    def count(self, level: str) -> int:
        return sum(check["level"] == level for check in self.checks)


class DoctorReports:
    """The report of this machine."""

    def __init__(self, var_dir: Path) -> None:
        self._folder = var_dir / "doctor"
        self._file = self._folder / "report.json"
        self._lock_file = self._folder / "lock"

    def latest(self) -> Report | None:
        """The last report; None if there was none."""
        try:
            values: dict[str, Any] = json.loads(self._file.read_text())
            return Report(datetime.fromisoformat(values["at"]), tuple(values["checks"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def is_running(self) -> bool:
        """Whether a report is being made on this machine."""
        return self._folder.is_dir() and file_locks.is_locked(self._lock_file)

    def start(self) -> bool:
        """Begin a report; False if one is being made."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = file_locks.lock(self._lock_file, _LOCK_TRIES)
        if lock is None:
            return False
        threading.Thread(target=self._make, args=(lock,), name="doctor", daemon=True).start()
        return True

    def _make(self, lock: int) -> None:
        try:
            command = [sys.executable, "-m", MODULE]
            # The child holds the lock too, so that no second one starts if this process ends first.
            done = subprocess.run(
                command, stdout=subprocess.PIPE, pass_fds=(lock,), cwd=ROOT, timeout=LONGEST, check=True
            )
            self._save(json.loads(done.stdout)["checks"])
        except (OSError, subprocess.SubprocessError, ValueError, KeyError) as error:
            log.get_logger().error("doctor_report_failed", reason=type(error).__name__)
            with suppress(OSError):
                self._save([])
        finally:
            os.close(lock)

    def _save(self, checks: list[dict[str, str]]) -> None:
        draft = self._folder / f".{secrets.token_hex(4)}"
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump({"at": clock.now().isoformat(), "checks": checks}, file)
        draft.replace(self._file)
