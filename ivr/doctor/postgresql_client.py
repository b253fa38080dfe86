"""The programs of PostgreSQL's client, by which deploy/backup.py makes backups."""

from __future__ import annotations

import re
import subprocess

from sqlalchemy import text

from ivr.doctor.result import Line, Result, ok, warning
from ivr.ledger import Ledger, LedgerUnavailable

_SECONDS = 5.0
_INSTALL = "install the client of the server's version (apt-get install postgresql-client)"
_ELSEWHERE = "unless another machine makes the backups"


def check_pg_dump(line: Line) -> Result:
    """Whether pg_dump is installed, and is not older than the server, whose data it then could not read.

    https://www.postgresql.org/docs/current/app-pgdump.html
    """
    if line.ledger.is_sqlite:
        return ok("Not needed: the database is SQLite.")
    client = _client_version()
    if client is None:
        return warning(f"pg_dump is missing, so no backup can be made: {_INSTALL}, {_ELSEWHERE}.")
    try:
        server = _server_version(line.ledger)
    except LedgerUnavailable:
        return warning("Unknown, because the database does not answer.")
    if client < server:
        return warning(
            f"pg_dump {client} cannot read a server of version {server}, so no backup can be made: {_INSTALL},"
            f" {_ELSEWHERE}."
        )
    return ok(f"pg_dump {client} can read the server, which is of version {server}.")


def _client_version() -> int | None:
    """The major version; None without a pg_dump that runs."""
    try:
        printed = subprocess.run(
            ["pg_dump", "--version"], capture_output=True, text=True, timeout=_SECONDS, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.search(r"\(PostgreSQL\) (\d+)", printed)
    return int(found[1]) if found else None


def _server_version(ledger: Ledger) -> int:
    """The major version."""
    with ledger.read() as connection:
        return int(connection.execute(text("SHOW server_version_num")).scalar_one()) // 10_000
