"""Makes a backup of the line: `python deploy/backup.py [FOLDER] [--keep 14]`, as the user of the line, while it runs.

A backup is a folder with a consistent copy of the database, the spooled writes, and backup.json, which lists them with
their digests. It has no keys: keep the settings file elsewhere, or nobody can read what is encrypted. Redis, copies of
releases and trained models need no backup.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

from sqlalchemy.engine import make_url

from ivr import clock
from ivr.doctor.measures import BACKUP_NAME
from ivr.ledger import LedgerUnavailable, NewerTables, open_ledger
from ivr.private_files import set_private_umask
from ivr.settings import Settings, SettingsError, load
from ivr.version import version_text

MANIFEST = "backup.json"
SQLITE_NAME, POSTGRES_NAME = "database.sqlite3", "database.dump"
_COMPLETE, _PARTIAL = "infoline-*Z", ".infoline-*Z.partial"
# deploy/systemd/infoline-backup.service ends a backup that takes longer.
_LONGEST_SECONDS = 2 * 3600


class BackupError(Exception):
    """The backup cannot be made or restored; the message says what to do."""


def main(arguments: list[str]) -> int:
    """Make a backup, print its folder, and delete the oldest ones. Exit status 0, or 2 with an error."""
    parser = argparse.ArgumentParser(description="Make a backup of the information line.")
    parser.add_argument("folder", type=Path, nargs="?", help="where backups are kept (default: BACKUP_FOLDER)")
    parser.add_argument("--keep", type=int, default=14, metavar="N", help="delete all but the newest N (default: 14)")
    options = parser.parse_args(arguments)
    if options.keep < 1:
        parser.error("--keep must be at least 1")
    set_private_umask()
    # As Ctrl+C does: a backup that is stopped deletes what it has written.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        settings = load(save_keys=False)
        clock.set_shift(settings.clock_shift_seconds)
        folder = options.folder or settings.backup_folder
        made = make_backup(settings, folder)
    except (BackupError, SettingsError, LedgerUnavailable, OSError) as error:
        print(f"No backup was made: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("No backup was made: it was stopped.", file=sys.stderr)
        return 2
    for old in sorted(folder.glob(_COMPLETE))[: -options.keep]:
        shutil.rmtree(old)
    print(made)
    return 0


def make_backup(settings: Settings, folder: Path) -> Path:
    """Return the folder of the new backup. Raises BackupError, LedgerUnavailable or OSError."""
    ledger = open_ledger(settings.database_url)
    try:
        ledger.check()
    except NewerTables as error:
        print(f"Warning: {error}", file=sys.stderr)
    # Before the copy begins: what happens meanwhile may be in it or not, and reconcile looks at all of it.
    at = clock.now()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    name = at.strftime(BACKUP_NAME)
    partial, made = folder / f".{name}.partial", folder / name
    _delete_partial(folder)
    partial.mkdir(mode=0o700)
    try:
        if ledger.is_sqlite:
            _copy_sqlite(settings.database_url, partial / SQLITE_NAME)
        else:
            _dump_postgresql(settings.database_url, partial / POSTGRES_NAME)
        _copy_spool(settings.var_dir / "kept", partial / "kept")
        manifest = {
            "at": at.isoformat(timespec="seconds"),
            "version": version_text(),
            "tables": ledger.version(),
            "files": {path: digest(partial / path) for path in _files(partial)},
        }
        (partial / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n")
        partial.rename(made)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        ledger.close()
    return made


def _delete_partial(folder: Path) -> None:
    """Delete what a backup left that was killed long ago."""
    for path in folder.glob(_PARTIAL):
        if clock.now().timestamp() - path.stat().st_mtime > _LONGEST_SECONDS:
            shutil.rmtree(path, ignore_errors=True)


def _copy_sqlite(url: str, target: Path) -> None:
    """Copy the database through SQLite, so that a transaction under way is in it as a whole, or not at all."""
    source = Path(str(make_url(url).database)).absolute()
    with sqlite3.connect(f"file:{source}?mode=ro", uri=True) as database, sqlite3.connect(target) as copy:
        database.backup(copy)
        (result,) = copy.execute("PRAGMA integrity_check").fetchone()
    database.close()
    copy.close()
    if result != "ok":
        raise BackupError(f"the database {source} is damaged ({result}): restore an older backup")


def _dump_postgresql(url: str, target: Path) -> None:
    run_postgresql("pg_dump", url, "--format=custom", "--no-owner", "--no-privileges", f"--file={target}")
    run_postgresql("pg_restore", None, "--list", "--file=/dev/null", str(target))


def run_postgresql(program: str, url: str | None, *arguments: str) -> None:
    """Run a program of PostgreSQL's client. The password goes into its environment, which other users cannot read."""
    environment, command = dict(os.environ), [program, *arguments]
    if url is not None:
        address = make_url(url).set(drivername="postgresql")
        if address.password:
            environment["PGPASSWORD"] = str(address.password)
        command.append(f"--dbname={address.set(password=None).render_as_string()}")
    try:
        subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    except FileNotFoundError:
        raise BackupError(f"{program} is missing: install PostgreSQL's client, of the server's version") from None
    except subprocess.CalledProcessError as error:
        raise BackupError(f"{program} failed: {_reason(str(error.stderr))}") from None


def _reason(output: str) -> str:
    """The first line that names an error: what follows it says where it happened."""
    lines = output.strip().splitlines() or ["no message"]
    return next((line for line in lines if "error:" in line.lower()), lines[-1])


def _copy_spool(folder: Path, target: Path) -> None:
    """Copy the writes that wait for the database. One that is applied meanwhile is in the database instead."""
    target.mkdir(mode=0o700)
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.is_file() and not path.name.startswith("."):
            try:
                shutil.copyfile(path, target / path.name)
            except FileNotFoundError:
                continue


def _files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def digest(path: Path) -> str:
    """The SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
