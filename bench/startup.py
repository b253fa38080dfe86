"""Startup time and peak memory of commands, compared with an interpreter that only imports click."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from statistics import median

from ivr.shipped import ROOT

RUNS = 9
INFOLINE = [sys.executable, "-m", "ivr.cli"]
COMMANDS = {
    'python -c "import click"': [sys.executable, "-c", "import click"],
    "infoline --help": [*INFOLINE, "--help"],
    "infoline reminders status": [*INFOLINE, "reminders", "status"],
}
# A forked process counts the memory of its parent, so start the command from a small parent.
_WATCHER = """
import os, sys, time
started = time.perf_counter()
pid = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)
_, status, usage = os.wait4(pid, 0)
print(time.perf_counter() - started, usage.ru_maxrss, os.waitstatus_to_exitcode(status), file=sys.stderr)
"""


def main(_options: argparse.Namespace) -> int:
    """Print wall time and peak memory of each command. Returns 1 if a command fails."""
    failed = False
    with tempfile.TemporaryDirectory() as var_dir:
        environment = {**os.environ, "VAR_DIR": var_dir}
        subprocess.run([*INFOLINE, "db", "upgrade"], cwd=ROOT, env=environment, check=True, stdout=subprocess.DEVNULL)
        print(f"{'startup':28}{'median':>9}{'fastest':>9}{'peak':>8}")
        for name, command in COMMANDS.items():
            seconds, peaks, statuses = zip(*(_measure(command, environment) for _ in range(RUNS)), strict=True)
            failed |= any(statuses)
            print(f"{name:28}{median(seconds) * 1000:6.0f} ms{min(seconds) * 1000:6.0f} ms{max(peaks):5.0f} MB")
    return int(failed)


def _measure(command: list[str], environment: dict[str, str]) -> tuple[float, float, int]:
    """Wall time in seconds, peak resident memory in MB, and the exit status of one run."""
    measured = subprocess.run(
        [sys.executable, "-c", _WATCHER, *command],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    seconds, peak, status = measured.stderr.split()[-3:]
    # Linux counts in KB, macOS in bytes.
    return float(seconds), int(peak) / (1024 if sys.platform == "linux" else 1024 * 1024), int(status)
