"""What is on this machine: files, disk, backups, spool."""

from __future__ import annotations

import platform
import stat
from itertools import islice
from pathlib import Path

from ivr import clock
from ivr.doctor.measures import BACKUP_HOURS, free_bytes, last_backup
from ivr.doctor.result import Line, Result, ok, problem, warning
from ivr.private_files import exposed_paths
from ivr.version import version_text

_EXPOSED_SHOWN = 3
_GB = 10**9
LEAST_FREE, LITTLE_FREE = 0.2 * _GB, 1.0 * _GB
"""Free bytes below which a disk is a problem, or deserves a warning."""


def check_version(_line: Line) -> Result:
    """What runs here, for a report of an error, and to compare two machines."""
    return ok(f"infoline {version_text()}, on Python {platform.python_version()}.")


def check_settings(line: Line) -> Result:
    """That they are complete was checked before; what remains is what a line can start with, but should not."""
    settings = line.settings
    if not settings.secret_key:
        return warning("SECRET_KEY is not set, so there is no console: set it to 32 or more random characters.")
    if settings.twilio_auth_token_secondary:
        return warning("TWILIO_AUTH_TOKEN_SECONDARY is set: remove it once the rotation of the token has ended.")
    return ok("Local line." if settings.loopback else "All that a public line needs is set.")


def check_files(line: Line) -> Result:
    """Whether other users of the machine can open the line's files."""
    paths = list(islice(exposed_paths(line.settings.var_dir), _EXPOSED_SHOWN + 1))
    if paths:
        names = ", ".join(map(str, paths[:_EXPOSED_SHOWN])) + (" and more" if len(paths) > _EXPOSED_SHOWN else "")
        return problem(f"Other users of this machine can open {names}: run `infoline db upgrade` as their owner.")
    # What a group may read there is for the hospital to say: it copies backups, and the line reads keys of root.
    elsewhere = (line.settings.backup_folder, line.settings.hl7_key, line.settings.fhir_key)
    names = ", ".join(str(path) for path in elsewhere if path and _is_open_to_all(path))
    if names:
        return problem(f"The modes of {names} let every user of this machine in: run `chmod o-rwx` on each.")
    return ok("No other user of this machine can open the line's files, backups, and keys.")


def _is_open_to_all(path: Path) -> bool:
    try:
        return bool(path.stat().st_mode & stat.S_IRWXO)
    except OSError:
        return False


def check_disk(line: Line) -> Result:
    """Free space on the fullest disk of VAR_DIR, the backups, and an SQLite database."""
    name, free = min(free_bytes(line.settings).items(), key=lambda item: item[1])
    size = f"{free / _GB:.1f} GB"
    if free < LEAST_FREE:
        return problem(f"The disk of {name} has {size} left: free some space now, or opt-outs may be lost.")
    if free < LITTLE_FREE:
        return warning(f"The disk of {name} has {size} left: free some space.")
    return ok(f"The disk of {name} has {size} left.")


def check_backup(line: Line) -> Result:
    """Whether the backup of the last night is there, on this machine."""
    folder = line.settings.backup_folder
    try:
        newest = last_backup(folder)
    except FileNotFoundError:
        if line.settings.loopback:
            return ok("A local line needs no backup.")
        return warning(f"There is no folder {folder}: set BACKUP_FOLDER, and see docs/operations/backup.md.")
    except OSError as error:
        return warning(f"The backups in {folder} cannot be seen ({error.strerror}): make them with the line's user.")
    if newest is None:
        return warning(f"There is no backup in {folder}: run `systemctl start infoline-backup.service`.")
    hours = (clock.now() - newest).total_seconds() / 3600
    if hours > BACKUP_HOURS:
        return warning(f"The newest backup is {hours:.0f} hours old: read the log of infoline-backup.service.")
    return ok(f"The newest backup is {max(hours, 0):.0f} hours old.")


def check_spool(line: Line) -> Result:
    """Writes that wait on disk for the database, and those that could not be applied."""
    folder = line.settings.var_dir / "kept"
    names = [path.name for path in folder.iterdir() if path.is_file()] if folder.is_dir() else []
    damaged = sum(name.startswith(".unreadable-") for name in names)
    waiting = sum(not name.startswith(".") for name in names)
    if damaged:
        return problem(f"{damaged} spooled writes are set aside in {_short(folder)}: see `spool_file_set_aside`.")
    if waiting:
        return warning(f"{waiting} spooled writes wait for the database: keep a web process running on this machine.")
    return ok("No write waits for the database.")


def _short(folder: Path) -> str:
    return f"VAR_DIR/{folder.name}"
