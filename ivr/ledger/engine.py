"""Opening the ledger: SQLite on a single machine, PostgreSQL otherwise; one code base and one set of tests for both."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from glob import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DatabaseError, DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from ivr.ledger.driver import execute

MIGRATIONS = Path(__file__).parent / "migrations"
BUSY_SECONDS = 10
# A process that hangs or loses its connection during a transaction must not block the others for long.
IDLE_SECONDS = 60
# TCP settings that detect a dead server: a timeout in milliseconds, and unanswered keepalives.
_DEAD_SERVER = {"tcp_user_timeout": 15_000, "keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3}
# How long a migration waits for a table, and writers behind it, and how often it is tried again. The wait is shorter
# than PostgreSQL's deadlock_timeout, so that in a deadlock the migration gives way and no writer fails.
UPGRADE_WAIT_MS, UPGRADE_PAUSE_SECONDS, UPGRADE_TRIES = 500, 0.5, 120
# https://www.postgresql.org/docs/current/errcodes-appendix.html: a deadlock, and a lock that was not available.
_GAVE_WAY = ("40P01", "55P03")
_CLAIM_LOCK = 0x1F0
_UPGRADE_LOCK = _CLAIM_LOCK + 1
_BULK_PRAGMAS = ("cache_size=-16000", "wal_autocheckpoint=8000")
_DISK_FULL = ("disk is full", "No space left")
_READ_ONLY = "infoline_read_only"


class LedgerUnavailable(Exception):
    """The ledger cannot be reached, or its tables are missing or outdated; the message says which."""


class NewerTables(LedgerUnavailable):
    """A newer version has upgraded the tables. Migrations only add, so what this version needs is still there."""


class Ledger:
    """An open ledger. `write()` and `read()` give a connection for one short transaction.

    file: the SQLite file, which only `upgrade()` creates. guard: a check to pass once before the first transaction; it
    gets a ledger without a guard, and raises LedgerUnavailable.
    """

    def __init__(self, engine: Engine, file: Path | None = None, guard: Callable[[Ledger], None] | None = None) -> None:
        self.engine = engine
        self.file, self._guard = file, guard
        self._writing: AbstractContextManager[Any] = nullcontext()
        # PostgreSQL's default isolation level takes a new snapshot for each statement.
        snapshot = {} if self.is_sqlite else {"isolation_level": "REPEATABLE READ"}
        self._reader = engine.execution_options(**{_READ_ONLY: True}, **snapshot)

    @property
    def is_sqlite(self) -> bool:
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that commits at the end. Never make a network call inside one."""
        self._pass_guard()
        with self._writing, raises_unavailable(), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def write_unsynced(self) -> Iterator[Connection]:
        """A transaction that reaches the disk with the next commit of `write`, at the latest; nobody may rely on it
        before.

        A crash of the machine may undo it, with everything after it: both databases write one log in order.
        https://www.postgresql.org/docs/current/wal-async-commit.html, https://www.sqlite.org/pragma.html#pragma_synchronous
        """
        self._pass_guard()
        with self._writing, raises_unavailable(), self.engine.connect() as connection:
            driver = connection.connection
            if self.is_sqlite:
                # Cannot change within a transaction.
                driver.execute("PRAGMA synchronous=NORMAL")
            try:
                with connection.begin():
                    if not self.is_sqlite:
                        connection.exec_driver_sql("SET LOCAL synchronous_commit = off")
                    yield connection
            finally:
                if self.is_sqlite:
                    driver.execute("PRAGMA synchronous=FULL")

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A read-only snapshot, which does not wait for writers on either database."""
        self._pass_guard()
        with raises_unavailable(), self._reader.begin() as connection:
            yield connection

    def _pass_guard(self) -> None:
        if self._guard is not None:
            self._guard(Ledger(self.engine, self.file))
            self._guard = None

    def guarded(self, guard: Callable[[Ledger], None]) -> Ledger:
        """The same ledger with a guard."""
        return Ledger(self.engine, self.file, guard)

    def with_turns(self) -> Ledger:
        """The same ledger, for threads that write all the time: on SQLite, which has one writer, they take turns.

        A thread that waits for another one's transaction polls, and sleeps for up to 100 ms.
        """
        ledger = Ledger(self.engine, self.file, self._guard)
        if self.is_sqlite:
            ledger._writing = threading.Lock()
        return ledger

    def prepare_bulk_write(self, connection: Connection) -> None:
        """Prepare a connection for many writes: on SQLite, a larger cache and fewer checkpoints."""
        if self.is_sqlite:
            for pragma in _BULK_PRAGMAS:
                connection.exec_driver_sql(f"PRAGMA {pragma}")

    def exclusive_lock(self, connection: Connection) -> None:
        """Take the lock that only one transaction at a time, across all machines, can hold until it ends.

        Limits per person span appointments, so two concurrent claims could each take the last text that the limit
        allows. On SQLite, BEGIN IMMEDIATE already takes such a lock.
        """
        if not self.is_sqlite:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _CLAIM_LOCK})

    def overwrite_deleted(self, connection: Connection) -> None:
        """Have SQLite overwrite what this connection deletes; otherwise the file keeps it until the space is reused."""
        if self.is_sqlite:
            connection.exec_driver_sql("PRAGMA secure_delete=ON")

    def upgrade(self) -> None:
        """Run the pending migrations. Creates a SQLite file, and its folder, readable by this user only."""
        if self.file is not None:
            _create_file(self.file)
        with raises_unavailable(), self._upgrading_alone():
            with self.engine.begin() as connection:
                version = _version(connection)
                if self.is_sqlite or version is None:
                    if version is not None and version > latest_migration():
                        raise NewerTables(_newer(version))
                    if version != latest_migration():
                        migrate(connection)
                    return
            for revision in _migrations():
                if revision > version:
                    self._migrate_beside_writers(revision)

    @contextmanager
    def _upgrading_alone(self) -> Iterator[None]:
        """Hold the lock that only one upgrade at a time can hold. Another process's upgrade may take a long time."""
        if self.is_sqlite:
            yield
            return
        with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            # Closed at the end, with its lock and its setting.
            connection.detach()
            connection.execute(text("SET lock_timeout = 0"))
            connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _UPGRADE_LOCK})
            yield

    def _migrate_beside_writers(self, revision: str) -> None:
        """Run one migration while other processes write. It gives way to them, and is tried again.

        A migration that waits for a table has all later writers wait behind it, and one that holds a table may wait for
        a transaction that needs it.
        """
        for pause in (*[UPGRADE_PAUSE_SECONDS] * UPGRADE_TRIES, None):
            try:
                with self.engine.begin() as connection:
                    connection.execute(text(f"SET LOCAL lock_timeout = {UPGRADE_WAIT_MS}"))
                    migrate(connection, revision)
                return
            except OperationalError as error:
                if pause is None or getattr(error.orig, "sqlstate", None) not in _GAVE_WAY:
                    raise
                time.sleep(pause)

    def check(self) -> None:
        """Raise LedgerUnavailable unless the ledger answers and its tables match this version of the code.

        Raises NewerTables if they are those of a newer one.
        """
        if self.file is not None and not self.file.exists():
            raise LedgerUnavailable(_no_file(self.file))
        version = self.version()
        if version is not None and version > latest_migration():
            raise NewerTables(_newer(version))
        if version != latest_migration():
            raise LedgerUnavailable("The ledger's tables do not match this version: run `infoline db upgrade`.")

    def is_usable(self) -> bool:
        """Whether the ledger answers and has what this version needs, as after a rollback of the program."""
        try:
            self.check()
        except NewerTables:
            return True
        except LedgerUnavailable:
            return False
        return True

    def has_tables(self) -> bool:
        """Whether an upgrade has created the tables, of any version. Raises LedgerUnavailable."""
        return self.version() is not None

    def version(self) -> str | None:
        """The revision of the tables; None if there are none. Raises LedgerUnavailable."""
        if self.file is not None and not self.file.exists():
            return None
        with self.read() as connection:
            return _version(connection)

    @property
    def address(self) -> str:
        """Where the ledger is, for people: a file, or a server and its database, without user and password."""
        if self.file is not None:
            return str(self.file.absolute())
        url = self.engine.url
        return URL.create("postgresql", host=url.host, port=url.port, database=url.database).render_as_string()

    def close(self) -> None:
        self.engine.dispose()


def open_ledger(url: str) -> Ledger:
    """A ledger for a URL such as sqlite:///var/infoline.db or postgresql://user@host/name. Connects lazily."""
    address = make_url(url)
    if address.drivername in ("postgres", "postgresql"):
        address = address.set(drivername="postgresql+psycopg")
    if address.get_backend_name() == "sqlite":
        file = Path(address.database) if address.database else None
        if file is not None:
            # Mode rw does not create a missing file: a command in the wrong folder must not write into a new database.
            address = address.set(database=f"file:{quote(str(file.absolute()))}", query={"mode": "rw", "uri": "true"})
        return Ledger(_sqlite(create_engine(address, connect_args={"timeout": BUSY_SECONDS})), file)
    options = {"connect_timeout": 3, **_DEAD_SERVER}
    return Ledger(_postgresql(create_engine(address, connect_args=options, pool_pre_ping=True, pool_timeout=5)))


def _create_file(file: Path) -> None:
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Closing a descriptor of an existing file would drop the locks of SQLite's connections in this process. Another
        # process would then take itself for the last one and delete the log to which this one goes on writing.
        # https://www.sqlite.org/howtocorrupt.html#_posix_advisory_locks_canceled_by_a_separate_thread_doing_close_
        if not file.exists():
            os.close(os.open(file, os.O_CREAT | os.O_RDWR, 0o600))
        for path in file.parent.glob(f"{escape(file.name)}*"):
            if path.name.removeprefix(file.name) in ("", "-wal", "-shm"):
                path.chmod(0o600)
    except OSError as error:
        raise LedgerUnavailable(f"The database {file} cannot be created: {error.strerror}.") from error


def _no_file(file: Path) -> str:
    return f"There is no database {file.absolute()}: create it with `infoline db upgrade`, or correct DATABASE_URL."


def _newer(version: str) -> str:
    return (
        f"A newer version of infoline wrote the ledger (schema {version}): install that version, or restore a backup "
        "of before its upgrade."
    )


def _postgresql(engine: Engine) -> Engine:
    """Limit lock waits to the same time as on SQLite, and end idle transactions, which may hold locks.

    A query gets one process: several would take the processor from callers, and starting them takes longer than most
    queries. Rows are cheap to find by an index, as in memory and on an SSD; PostgreSQL assumes a disk, and would rather
    read a whole table of a million texts.
    https://www.postgresql.org/docs/current/runtime-config-client.html
    """

    @event.listens_for(engine, "connect")
    def _on_connect(connection: Any, _record: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"SET lock_timeout = '{BUSY_SECONDS}s'")
            cursor.execute(f"SET idle_in_transaction_session_timeout = '{IDLE_SECONDS}s'")
            cursor.execute("SET max_parallel_workers_per_gather = 0")
            cursor.execute("SET random_page_cost = 1.1")
        connection.commit()

    return engine


def _sqlite(engine: Engine) -> Engine:
    """Use WAL so that readers never wait, FULL so that a committed claim survives a power cut, and BEGIN IMMEDIATE
    because SQLAlchemy's default loses updates between two processes.

    https://docs.sqlalchemy.org/en/21/dialects/sqlite.html#sqlite-transactions
    """

    @event.listens_for(engine, "connect")
    def _on_connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _on_begin(connection: Connection) -> None:
        read_only = connection.get_execution_options().get(_READ_ONLY)
        execute(connection, "BEGIN" if read_only else "BEGIN IMMEDIATE")

    return engine


@contextmanager
def raises_unavailable() -> Iterator[None]:
    """Turn the errors of an unreachable, damaged or empty database into LedgerUnavailable."""
    try:
        yield
    except (OperationalError, PoolTimeout) as error:
        raise LedgerUnavailable(_message(error)) from error
    except DBAPIError as error:
        # A damaged SQLite file raises DatabaseError itself; a faulty statement raises one of its subclasses.
        damaged = type(error) is DatabaseError
        if damaged or error.connection_invalidated or "no such table" in str(error) or "UndefinedTable" in str(error):
            raise LedgerUnavailable(_message(error)) from error
        raise


def _message(error: Exception) -> str:
    line = first_line(error)
    if any(phrase in line for phrase in _DISK_FULL):
        return "The disk that holds the ledger is full: free some space and try again."
    if "disk I/O error" in line:
        return "The disk that holds the ledger cannot be written: free some space, and check the disk."
    return f"The ledger does not answer: {line}"


def first_line(error: Exception) -> str:
    return str(getattr(error, "orig", error)).splitlines()[0]


def latest_migration() -> str:
    """The revision of the newest migration: the number that its file name starts with."""
    return _migrations()[-1]


def _migrations() -> list[str]:
    """The revisions of all migrations, oldest first."""
    return sorted(path.name.partition("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*_*.py"))


def _version(connection: Connection) -> str | None:
    """The revision of the tables; None if there are none."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    version: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
    return version


def migrate(connection: Connection, version: str = "head") -> None:
    """Run the migrations from the tables' current revision up to a later one."""
    # Imported here because it takes a third of a command's start-up time, and an upgrade is rarely needed.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, version)
