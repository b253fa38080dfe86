"""Checks VAR_DIR before anything starts: whether it can be written, has room, and fits this version."""

from __future__ import annotations

import os
import shutil
import sqlite3
from pathlib import Path

NEEDED_BYTES = 200 * 1024 * 1024


def problem_with(var_dir: Path, *, empty: bool = False) -> str | None:
    """Why a line cannot run in this folder, as sentences; None if it can. empty: its database is to be set aside."""
    folder = var_dir.absolute()
    while not folder.exists():
        folder = folder.parent
    if not folder.is_dir():
        return f"VAR_DIR is {var_dir}, but {folder} is a file: name a folder, or delete the file."
    if not os.access(folder, os.W_OK | os.X_OK):
        return f"VAR_DIR is {var_dir}, but you may not write in {folder}: set VAR_DIR to a folder of yours."
    free = shutil.disk_usage(folder).free
    if free < NEEDED_BYTES:
        return (
            f"The disk of {folder} has {free // 1024**2} MB left, but the line needs {NEEDED_BYTES // 1024**2} MB: "
            "delete something, or set VAR_DIR to a folder on another disk."
        )
    return None if empty else _database_problem(var_dir / "infoline.db")


def _database_problem(path: Path) -> str | None:
    """A database of a newer version has a revision that this version does not know."""
    if not path.exists() or not path.stat().st_size:
        return None
    from ivr.ledger.engine import latest_migration

    try:
        connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        try:
            revisions = {row[0] for row in connection.execute("SELECT version_num FROM alembic_version")}
        finally:
            connection.close()
    except sqlite3.OperationalError:
        # Without the table it is not a database of the line; upgrading reports what it is.
        return None
    except sqlite3.DatabaseError:
        return f"{path} is damaged: restore it from a backup, or start anew with `infoline run --empty`."
    newest = max(revisions, default="")
    if newest > latest_migration():
        return (  # noqa: S608 - a sentence
            f"{path} was written by a newer version of infoline (schema {newest}): install that "
            "version, set VAR_DIR to another folder, or start anew with `infoline run --empty`."
        )
    return None
