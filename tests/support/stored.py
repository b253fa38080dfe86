"""What a line has stored, as bytes to search: the files of its machine, and a backup of its database."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import create_engine, make_url, text

from tests.support.paths import ROOT
from tests.support.processes import Processes

BACKUP, RESTORE = str(ROOT / "deploy/backup.py"), str(ROOT / "deploy/restore.py")
_HEX = re.compile(rb"\\\\x([0-9a-f]+)")


@contextmanager
def without_database(url: str) -> Iterator[None]:
    """The database is gone for every process, and comes back with its data."""
    address = make_url(url)
    if address.get_backend_name() == "sqlite":
        file = Path(str(address.database))
        moved = [path.rename(path.with_name(f"gone-{path.name}")) for path in file.parent.glob(f"{file.name}*")]
        yield
        for path in moved:
            path.rename(path.with_name(path.name.removeprefix("gone-")))
        return
    name = address.database
    other = create_engine(address.set(database="postgres"), isolation_level="AUTOCOMMIT")
    with other.connect() as connection:
        connection.execute(text(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false"))
        connection.execute(
            text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"), {"name": name}
        )
        try:
            yield
        finally:
            connection.execute(text(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true"))
    other.dispose()


def back_up(processes: Processes) -> Path:
    """The folder of a backup that deploy/backup.py makes."""
    folder = processes.folder / "backups"
    assert processes.start(BACKUP, str(folder), PYTHONPATH=ROOT).wait(120) == 0, processes.outputs()[-1000:]
    (made,) = folder.iterdir()
    return made


def stored(folder: Path, *databases: str) -> dict[str, bytes]:
    """Each file below VAR_DIR and each backup, and each file of SQLite. databases: how those files are named."""
    files = [*(folder / "var").rglob("*"), *(folder / "backups").rglob("*")]
    files += [path for name in databases for path in folder.glob(name)]
    return {str(path): _searchable(path) for path in files if path.is_file()}


def _searchable(path: Path) -> bytes:
    """The bytes of a file. A dump of PostgreSQL is compressed, and has bytes as hex: they follow its text."""
    if path.suffix != ".dump":
        return path.read_bytes()
    command = ["pg_restore", "--file=-", str(path)]
    script = subprocess.run(command, capture_output=True, check=True).stdout
    return b"\n".join([script, *(bytes.fromhex(found.decode()) for found in _HEX.findall(script))])
