"""Long work on the draft beside the requests: its check takes seconds, and learning new words up to a minute.

Each job runs in a process of its own, because the same web process may answer callers. Its state is a file in VAR_DIR,
so every web process on the machine shows it.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path

from ivr.i18n import Sentence
from ivr.line.content.findings import Finding
from ivr.shipped import ROOT
from ivr.web.console import file_locks

MODULE = "ivr.web.console.prompts.publishing.job_process"
CHANGE = "change"
"""The name of the job that publishes or rolls back: one at a time."""
_MOST_CHECKS = 20
_LOCK_TRIES = 8


class Kind(StrEnum):
    """What a job does."""

    CHECK = "check"
    PUBLISH = "publish"
    ROLL_BACK = "roll-back"


class Outcome(StrEnum):
    """How a job ended. UNCONFIRMED: a person must read findings first. REFUSED: `detail` says why."""

    RUNNING = ""
    CHECKED = "checked"
    LIVE = "live"
    BROKEN = "broken"
    UNCONFIRMED = "unconfirmed"
    REFUSED = "refused"
    UNREADABLE = "unreadable"
    UNSAFE = "unsafe"
    FAILED = "failed"


@dataclass
class Job:
    """A job and its result. by, name: the id and name of the user. stamp: the draft that they saw. begun: when it was
    begun, which tells it from any other draft.

    number: the release to go back to. seen: the release that was live. release: the new one. reason: the sentence of
    `detail`, to translate it.
    """

    kind: Kind
    by: int
    name: str
    stamp: str = ""
    begun: str = ""
    number: int = 0
    seen: int = 0
    note: str = ""
    confirmed: bool = False
    outcome: Outcome = Outcome.RUNNING
    release: int | None = None
    detail: str = ""
    reason: Sentence | None = None
    findings: list[Finding] = field(default_factory=list)
    warnings: list[Finding] = field(default_factory=list)

    def as_json(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Job:
        values = json.loads(text)
        values |= {"kind": Kind(values["kind"]), "outcome": Outcome(values["outcome"])}
        for name in ("findings", "warnings"):
            values[name] = [Finding(**finding) for finding in values[name]]
        return cls(**values)

    @property
    def is_running(self) -> bool:
        return self.outcome is Outcome.RUNNING

    @property
    def is_refused(self) -> bool:
        return self.outcome not in (Outcome.RUNNING, Outcome.CHECKED, Outcome.LIVE)

    @property
    def errors(self) -> list[Finding]:
        return [finding for finding in self.findings if finding.level == "error"]


class Jobs:
    """The jobs of a machine. A job's name is CHANGE, or that of a check."""

    def __init__(self, var_dir: Path) -> None:
        self._folder = var_dir / "prompt-jobs"

    def get(self, name: str) -> Job | None:
        """A job; None if there was none. One whose process ended early has failed."""
        # In this order: a job that ends between the two looks has saved its result before.
        is_locked = self._is_locked(name)
        try:
            job = Job.from_json((self._folder / f"{name}.json").read_text())
        except (OSError, ValueError, KeyError, TypeError):
            return None
        if job.is_running and not is_locked:
            job.outcome = Outcome.FAILED
        return job

    def save(self, name: str, job: Job) -> None:
        draft = self._folder / f".{name}.{secrets.token_hex(4)}"
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(job.as_json())
        draft.replace(self._folder / f"{name}.json")

    def start(self, name: str, job: Job) -> bool:
        """Begin a job; False if one of this name is running."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = file_locks.lock(self._lock_file(name), _LOCK_TRIES)
        if lock is None:
            return False
        self._forget_checks()
        self.save(name, job)

        def work() -> None:
            try:
                run_process(name, lock)
            finally:
                os.close(lock)

        threading.Thread(target=work, name="prompt-job", daemon=True).start()
        return True

    def _is_locked(self, name: str) -> bool:
        return self._folder.is_dir() and file_locks.is_locked(self._lock_file(name))

    def _lock_file(self, name: str) -> Path:
        return self._folder / f"{name}.lock"

    def _forget_checks(self) -> None:
        newest_last = sorted(self._folder.glob(f"{Kind.CHECK}-*.json"), key=lambda path: path.stat().st_mtime)
        for path in newest_last[:-_MOST_CHECKS]:
            path.unlink(missing_ok=True)
            path.with_suffix(".lock").unlink(missing_ok=True)


def check_name(stamp: str) -> str:
    """The name of the check of a draft."""
    return f"{Kind.CHECK}-{stamp}"


def run_process(name: str, lock: int) -> None:
    """Run a job to its end. The child holds the lock too, so that it stays locked if this process ends first."""
    with suppress(OSError):
        subprocess.run([sys.executable, "-m", MODULE, name, str(lock)], pass_fds=(lock,), cwd=ROOT, check=False)
