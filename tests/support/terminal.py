"""Runs a command on a terminal, and says what a person sees there in the end."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ivr.cli.progress import ERASE


@dataclass(frozen=True)
class Shown:
    """status: the exit status. lines: what remains on the terminal. steps: what was shown in between, and erased."""

    status: int
    lines: list[str]
    steps: list[str]


def on_terminal(
    command: Sequence[str | Path],
    environment: Mapping[str, str],
    cwd: Path,
    is_done: Callable[[str], bool] = lambda _raw: False,
    seconds: float = 180.0,
) -> Shown:
    """Run a command until it ends. is_done: whether to press Ctrl-C, from everything written until now."""
    terminal, other_end = pty.openpty()
    process = subprocess.Popen(
        command, env=dict(environment), cwd=cwd, stdin=other_end, stdout=other_end, stderr=other_end, process_group=0
    )
    os.close(other_end)
    raw, has_pressed, deadline = "", False, time.monotonic() + seconds
    try:
        while (data := _read(terminal, deadline)) is not None:
            raw += data
            if not has_pressed and is_done(raw):
                os.killpg(process.pid, signal.SIGINT)
                has_pressed = True
        assert time.monotonic() < deadline, f"the command has not ended; it wrote {raw!r}"
    finally:
        if process.poll() is None and time.monotonic() >= deadline:
            process.kill()
        os.close(terminal)
    rows = raw.replace("\r\n", "\n").split("\n")
    steps = [step for row in rows for step in row.split(ERASE)[:-1] if step]
    return Shown(process.wait(30), [row for row in (row.split(ERASE)[-1] for row in rows) if row], steps)


def _read(terminal: int, deadline: float) -> str | None:
    """What was written within a moment; None when nobody can write anymore, or at the deadline."""
    if time.monotonic() > deadline:
        return None
    if not select.select([terminal], [], [], 0.2)[0]:
        return ""
    try:
        return os.read(terminal, 65536).decode(errors="replace") or None
    except OSError:
        # Linux's way to say that all processes have closed the terminal.
        return None
