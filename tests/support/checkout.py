"""A copy of this checkout's files, without those that git ignores."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from tests.support.paths import ROOT

_LIST = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]


def copy_checkout(folder: Path, without: tuple[str, ...]) -> Path:
    """Copy the files whose paths do not start with one of `without`, and return the folder."""
    listed = subprocess.run(_LIST, cwd=ROOT, capture_output=True, check=True).stdout.decode()
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file() and not name.startswith(without):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    return folder
