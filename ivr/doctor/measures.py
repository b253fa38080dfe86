"""What `infoline doctor` and /metrics both measure: free disk, the newest backup, and when certificates end.

Settings name what is measured, in results and in labels.
"""

from __future__ import annotations

import os
import shutil
import ssl
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from sqlalchemy import make_url

from ivr.settings import Settings

BACKUP_NAME = "infoline-%Y%m%dT%H%M%SZ"
"""The name of a complete backup: when it began, in UTC. deploy/backup.py makes them every night."""
BACKUP_HOURS = 27
"""How old the newest backup may be: the timer starts one each night, which may take two hours."""
_CONNECT_SECONDS = 6.0


def folders(settings: Settings) -> dict[str, Path]:
    """The folders that the line fills, by their settings."""
    found = {"VAR_DIR": settings.var_dir}
    database = make_url(settings.database_url) if settings.database_url else None
    if database is not None and database.drivername.startswith("sqlite") and database.database:
        found["DATABASE_URL"] = Path(database.database).parent
    # Unlike Path.is_dir, this raises nothing where a folder above may not be entered.
    if os.path.isdir(settings.backup_folder):  # noqa: PTH112
        found["BACKUP_FOLDER"] = settings.backup_folder
    return found


def free_bytes(settings: Settings) -> dict[str, int]:
    """The free space where each of these folders is, or will be."""
    return {name: shutil.disk_usage(_existing(folder.absolute())).free for name, folder in folders(settings).items()}


def _existing(folder: Path) -> Path:
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder


def last_backup(folder: Path) -> datetime | None:
    """When the newest complete backup in a folder began; None if there is none. Raises OSError."""
    times = []
    for path in folder.iterdir():
        with suppress(ValueError):
            times.append(datetime.strptime(path.name, BACKUP_NAME).replace(tzinfo=UTC))
    return max(times, default=None)


def certificate_ends(settings: Settings) -> dict[str, float]:
    """When each certificate ends, in seconds since 1970, also of one that is not valid.

    One that cannot be read is left out.
    """
    ends = {}
    address = urlsplit(settings.public_url)
    if address.scheme == "https":
        with suppress(OSError, ValueError):
            server = (address.hostname or "", address.port or 443)
            pem = ssl.get_server_certificate(server, timeout=_CONNECT_SECONDS)
            ends["PUBLIC_URL"] = certificate_end(pem.encode())
    if settings.hl7_certificate:
        with suppress(OSError, ValueError):
            ends["HL7_CERTIFICATE"] = certificate_end(settings.hl7_certificate.read_bytes())
    return ends


def certificate_end(pem: bytes) -> float:
    """When the first certificate of a PEM file ends, in seconds since 1970. Raises ValueError."""
    # Imported here because it takes a fifth of a second, and a web process starts without it.
    from cryptography.x509 import load_pem_x509_certificate

    return load_pem_x509_certificate(pem).not_valid_after_utc.timestamp()
