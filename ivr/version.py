"""Which version of the line runs: the release, and the commit that was built or is checked out."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path

COMMIT_FILE = Path(__file__).resolve().parent / "commit.txt"
"""setup.py writes it into what it builds. A checkout has none, but git."""
# One more could be taken for a phone number, which no log line shows.
_DIGITS = 9
_SECONDS = 5


def release() -> str:
    """The release, such as 0.2.0."""
    # A command that prints no version should not wait for this import.
    from importlib.metadata import version

    return version("infoline")


@cache
def commit() -> str:
    """The first digits of the commit; empty if nobody knows it."""
    try:
        return COMMIT_FILE.read_text().strip()
    except FileNotFoundError:
        return commit_of(COMMIT_FILE.parent.parent)


def commit_of(checkout: Path, revision: str = "HEAD") -> str:
    """The first digits of the commit of a folder; empty if it is no checkout or there is no git."""
    # Otherwise git would find the repository that an installation happens to be in.
    if not (checkout / ".git").exists():
        return ""
    command = ["git", "rev-parse", f"--short={_DIGITS}", revision]
    try:
        done = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=True, timeout=_SECONDS)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()


def version_text() -> str:
    """Both for people: 0.2.0 (ac2dfd0e5), or the release alone."""
    return f"{release()} ({commit()})" if commit() else release()
