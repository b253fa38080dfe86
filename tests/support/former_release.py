"""The release that hospitals upgrade from, as the history of the repository has it."""

from __future__ import annotations

import re
import subprocess
import tarfile
from collections.abc import Sequence
from pathlib import Path

from tests.support.paths import ROOT

# The first commit with everything of release 0.2.0 that changes the tables.
FORMER = "89a6b779dc90add9ea00d3a3ef7df806ee1ffd88"
VERSIONS = "ivr/ledger/migrations/versions/"


def _git(*words: str) -> str:
    done = subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, text=True, check=True)
    return done.stdout


def has_history() -> bool:
    """Whether git is installed, and this clone is not a shallow one."""
    try:
        _git("cat-file", "-e", f"{FORMER}^{{commit}}")
    except (OSError, subprocess.CalledProcessError):
        return False
    return True


def former_file(path: str) -> str:
    """The text of a file of the former release."""
    return _git("show", f"{FORMER}:{path}")


def former_schema() -> str:
    """The number of its newest migration."""
    return newest_migration(_git("ls-tree", "--name-only", FORMER, VERSIONS).splitlines())


def newest_migration(paths: Sequence[str]) -> str:
    return max(found[1] for path in paths if (found := re.search(r"(\d{4})_\w+\.py$", path)))


def extract_former(folder: Path, *parts: str) -> Path:
    """Write parts of its source, such as ivr, into `folder / "former"`, and return that."""
    archive, source = folder / "former.tar", folder / "former"
    _git("archive", "-o", str(archive), FORMER, *parts)
    with tarfile.open(archive) as files:
        files.extractall(source, filter="data")
    return source
