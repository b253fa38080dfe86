"""Restores a backup: `python deploy/restore.py BACKUP [--replace]`, as the user of the line, while it is stopped.

It checks the backup, replaces the database, upgrades its tables, and runs `infoline reminders reconcile --since`, which
records what went out after the backup before anything is sent again. Exit status 0 if sending can go on, 1 if reconcile
says what is left to do, 2 if nothing was changed, 3 if the database is restored and a step after that failed.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from backup import MANIFEST, POSTGRES_NAME, SQLITE_NAME, BackupError, digest, run_postgresql
from sqlalchemy import Connection, create_engine, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from ivr import clock
from ivr.doctor.stopped import HOW_TO_STOP, still_running
from ivr.ledger import LedgerUnavailable, open_ledger
from ivr.ledger.engine import latest_migration
from ivr.private_files import set_private_umask
from ivr.settings import Settings, SettingsError, load

# The schema of the tables that a restore replaces, until it is complete.
_ASIDE = "infoline_replaced"
INFOLINE = (sys.executable, "-m", "ivr.cli")


def main(arguments: list[str]) -> int:
    """Restore a backup. Exit status: see above."""
    parser = argparse.ArgumentParser(description="Restore a backup of the information line.")
    parser.add_argument("backup", type=Path, help="the folder of the backup")
    parser.add_argument("--replace", action="store_true", help="replace a database that has tables")
    options = parser.parse_args(arguments)
    set_private_umask()
    try:
        settings = load(save_keys=False)
        clock.set_shift(settings.clock_shift_seconds)
        manifest = read_manifest(options.backup)
        _refuse_unless_ready(settings, manifest, replace=options.replace)
        _restore_database(settings, options.backup)
        _restore_spool(options.backup / "kept", settings.var_dir / "kept")
    except (BackupError, SettingsError, LedgerUnavailable, OSError) as error:
        print(f"The backup was not restored: {error}", file=sys.stderr)
        return 2
    print(f"Restored the database of {manifest['at']}. Looking for texts that went out since then…", flush=True)
    return _resume(str(manifest["at"]))


def _resume(since: str) -> int:
    """Upgrade the tables of the restored database, and reconcile. Exit status: see above."""
    upgrade, reconcile = ("db", "upgrade"), ("reminders", "reconcile", "--since", since)
    for command, fine in ((upgrade, (0,)), (reconcile, (0, 1))):
        status = subprocess.run([*INFOLINE, *command], check=False).returncode
        if status not in fine:
            print(
                f"The database is restored, but `infoline {' '.join(command)}` failed, for the reason above. Leave the"
                f" line stopped and correct it; then run `infoline db upgrade` and `infoline {' '.join(reconcile)}`.",
                file=sys.stderr,
            )
            return 3
    return status


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a backup whose files are complete and unchanged. Raises BackupError."""
    try:
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text())
        listed: dict[str, str] = manifest["files"]
        for name, expected in listed.items():
            if digest(folder / name) != expected:
                raise BackupError(f"{folder / name} was changed or damaged: use another backup")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BackupError(f"{folder} is not a complete backup ({type(error).__name__}): name its folder") from None
    return manifest


def _refuse_unless_ready(settings: Settings, manifest: dict[str, Any], *, replace: bool) -> None:
    if str(manifest["tables"]) > latest_migration():
        raise BackupError(f"its tables ({manifest['tables']}) are of a newer version: install the newest version first")
    name = SQLITE_NAME if settings.database_url.startswith("sqlite") else POSTGRES_NAME
    if name not in manifest["files"]:
        raise BackupError(
            "it is of another kind of database: restore it with the former DATABASE_URL, then run `infoline db copy`"
        )
    if running := still_running(settings):
        raise BackupError(f"{running}: {HOW_TO_STOP}")
    if _has_tables(settings.database_url) and not replace:
        raise BackupError("the database has tables: to replace it, add --replace")


def _has_tables(url: str) -> bool:
    ledger = open_ledger(url)
    try:
        return ledger.has_tables()
    except LedgerUnavailable:
        # What a damaged file had is not known. A server has answered just before.
        return True
    finally:
        ledger.close()


def _restore_database(settings: Settings, backup: Path) -> None:
    if not settings.database_url.startswith("sqlite"):
        _restore_postgresql(settings.database_url, backup / POSTGRES_NAME)
        return
    target = Path(str(make_url(settings.database_url).database)).absolute()
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    restored = target.with_name(f"{target.name}.restored")
    shutil.copyfile(backup / SQLITE_NAME, restored)
    # The log of the former database must not be applied to the restored one.
    stamp = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    for path in (target, *(target.with_name(target.name + end) for end in ("-wal", "-shm"))):
        if path.exists():
            path.rename(path.with_name(f"set-aside-{stamp}-{path.name}"))
    restored.rename(target)


def _restore_postgresql(url: str, dump: Path) -> None:
    """Put the tables aside, restore those of the dump, and delete what was put aside, or take it back.

    Dropping only what the dump has, as pg_restore can, fails if a later migration has added a table that refers to it.
    """
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            if inspect(connection).get_table_names():
                connection.execute(text(f"DROP SCHEMA IF EXISTS {_ASIDE} CASCADE"))
            connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {_ASIDE}"))
            _move_all(connection, _current_schema(connection), _ASIDE)
        try:
            options = ("--no-owner", "--no-privileges", "--single-transaction", "--exit-on-error")
            run_postgresql("pg_restore", url, *options, str(dump))
        except BaseException:
            with engine.begin() as connection:
                _move_all(connection, _ASIDE, _current_schema(connection))
                connection.execute(text(f"DROP SCHEMA {_ASIDE}"))
            raise
        with engine.begin() as connection:
            connection.execute(text(f"DROP SCHEMA {_ASIDE} CASCADE"))
    except DBAPIError as error:
        raise BackupError(str(error.orig).splitlines()[0]) from None
    finally:
        engine.dispose()


def _current_schema(connection: Connection) -> str:
    return str(connection.scalar(text("SELECT current_schema()")))


def _move_all(connection: Connection, source: str, target: str) -> None:
    """Move the tables of a schema, with all that belongs to them, and the functions of triggers to another one."""
    quote = connection.dialect.identifier_preparer.quote_identifier
    functions = connection.scalars(
        text("SELECT oid::regprocedure::text FROM pg_proc WHERE pronamespace = CAST(:schema AS regnamespace)"),
        {"schema": quote(source)},
    ).all()
    tables = [f"{quote(source)}.{quote(name)}" for name in inspect(connection).get_table_names(source)]
    for kind, names in (("TABLE", tables), ("FUNCTION", functions)):
        for name in names:
            connection.execute(text(f"ALTER {kind} {name} SET SCHEMA {quote(target)}"))


def _restore_spool(source: Path, target: Path) -> None:
    """Put back the writes that waited. One that is still there stays, and each is applied once."""
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    for path in sorted(source.iterdir()) if source.is_dir() else ():
        if not (target / path.name).exists():
            shutil.copyfile(path, target / path.name)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
