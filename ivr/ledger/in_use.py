"""Whether other processes have a database open. What copies or replaces one must be alone with it."""

from __future__ import annotations

import fcntl
from pathlib import Path

from sqlalchemy import text

from ivr.ledger.engine import Ledger, open_ledger

# In WAL mode, each connection locks these bytes for reading as long as it is open, also in a damaged file.
# https://www.sqlite.org/c3ref/io_methods.html, SHARED_FIRST and SHARED_SIZE of SQLite's os.h
_SHARED_FIRST, _SHARED_SIZE = 0x40000002, 510
# Monitoring and administrators have roles of their own, and their sessions write nothing for the line.
_SESSIONS = """
SELECT count(*) AS sessions, coalesce(string_agg(DISTINCT host(client_addr), ', '), 'this machine') AS addresses
FROM pg_stat_activity
WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()
"""


def used_by(url: str) -> str:
    """Who else has the database at a URL open, as a clause for people; empty if nobody has.

    This process must have no connection to it: closing a file drops the locks of its connections. Raises
    LedgerUnavailable if a server does not answer, and OSError if a file cannot be opened for writing.
    """
    ledger = open_ledger(url)
    try:
        if ledger.file is not None:
            return f"a process has {ledger.file} open" if _is_open(ledger.file) else ""
        return _sessions(ledger)
    finally:
        ledger.close()


def _is_open(file: Path) -> bool:
    try:
        with file.open("rb+") as probed:
            fcntl.lockf(probed, fcntl.LOCK_EX | fcntl.LOCK_NB, _SHARED_SIZE, _SHARED_FIRST)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def _sessions(ledger: Ledger) -> str:
    with ledger.read() as connection:
        others = connection.execute(text(_SESSIONS)).one()
    return f"other sessions use the database ({others.sessions}, from {others.addresses})" if others.sessions else ""
