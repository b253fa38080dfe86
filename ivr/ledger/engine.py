"""Open the ledger: SQLite on one machine, PostgreSQL when there are more. Same code, same tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DatabaseError, DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

MIGRATIONS = Path(__file__).parent / "migrations"
BUSY_SECONDS = 10
# A process that is suspended, or cut off, in the middle of a transaction must not hold up all others for long.
IDLE_SECONDS = 60
# A server that is gone without a word is noticed by the wire itself: after so many milliseconds, or unanswered calls.
_NOTICED = {"tcp_user_timeout": 15_000, "keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3}
# One claimer at a time: see Ledger.turnstile.
TURNSTILE = 0x1F0
_FOR_MANY = ("cache_size=-16000", "wal_autocheckpoint=8000")
_NO_ROOM = ("disk is full", "No space left")
_READ_ONLY = "infoline_read_only"


class LedgerUnavailable(Exception):
    """The ledger cannot be reached, or was never set up; the message says which."""


class Ledger:
    """An open ledger. `write()` and `read()` give a connection for one short transaction."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        # PostgreSQL's default gives each statement a snapshot of its own.
        snapshot = {} if self.is_sqlite else {"isolation_level": "REPEATABLE READ"}
        self._reader = engine.execution_options(**{_READ_ONLY: True}, **snapshot)

    @property
    def is_sqlite(self) -> bool:
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that commits at the end. Never make a network call inside one."""
        with as_away(), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A snapshot to read from; it does not wait for writers in either store."""
        with as_away(), self._reader.begin() as connection:
            yield connection

    def expect_many(self, connection: Connection) -> None:
        """Before one connection writes many rows: room for SQLite's indexes, and fewer times to tidy its log."""
        if self.is_sqlite:
            for pragma in _FOR_MANY:
                connection.exec_driver_sql(f"PRAGMA {pragma}")

    def exclusive_lock(self, connection: Connection) -> None:
        """Let one claim at a time through, on all machines, until the transaction ends.

        Limits for a person span appointments, so two claims side by side could both be the last one
        allowed. SQLite's BEGIN IMMEDIATE is such a turnstile already.
        """
        if not self.is_sqlite:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": TURNSTILE})

    def upgrade(self) -> None:
        """Bring the tables up to this version; does nothing when they are."""
        with as_away(), self.engine.begin() as connection:
            if not self.is_sqlite:
                # Another upgrade may take its time.
                connection.execute(text("SET LOCAL lock_timeout = 0"))
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": TURNSTILE + 1})
            if _version(connection) != latest_migration():
                migrate(connection)

    def check(self) -> None:
        """Raise LedgerAway unless the ledger answers and its tables are of this version."""
        with self.read() as connection:
            found = _version(connection)
        if found != latest_migration():
            raise LedgerUnavailable("The ledger's tables are not of this version: run `infoline db upgrade`.")

    def close(self) -> None:
        self.engine.dispose()


def open_ledger(url: str) -> Ledger:
    """A ledger for a URL such as sqlite:///var/infoline.db or postgresql://user@host/name. Connects lazily."""
    address = make_url(url)
    if address.drivername in ("postgres", "postgresql"):
        address = address.set(drivername="postgresql+psycopg")
    if address.get_backend_name() == "sqlite":
        if address.database:
            # A folder that cannot be made is told when the ledger is first used.
            with suppress(OSError):
                Path(address.database).parent.mkdir(parents=True, exist_ok=True)
        return Ledger(_sqlite(create_engine(address, connect_args={"timeout": BUSY_SECONDS})))
    wire = {"connect_timeout": 3, **_NOTICED}
    return Ledger(_postgresql(create_engine(address, connect_args=wire, pool_pre_ping=True, pool_timeout=5)))


def _postgresql(engine: Engine) -> Engine:
    """Wait for others no longer than on SQLite, and let nobody hold a lock while it does nothing.

    https://www.postgresql.org/docs/current/runtime-config-client.html
    """

    @event.listens_for(engine, "connect")
    def _on_connect(connection: Any, _record: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"SET lock_timeout = '{BUSY_SECONDS}s'")
            cursor.execute(f"SET idle_in_transaction_session_timeout = '{IDLE_SECONDS}s'")
        connection.commit()

    return engine


def _sqlite(engine: Engine) -> Engine:
    """WAL so that readers never wait, FULL so that a committed claim survives a power cut, and
    BEGIN IMMEDIATE, because SQLAlchemy's default loses updates between two processes.

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
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")

    return engine


@contextmanager
def as_away() -> Iterator[None]:
    try:
        yield
    except (OperationalError, PoolTimeout) as error:
        raise LedgerUnavailable(_told(error)) from error
    except DBAPIError as error:
        # A damaged SQLite file is a DatabaseError itself; what a statement did wrong is one of its kinds.
        damaged = type(error) is DatabaseError
        if damaged or error.connection_invalidated or "no such table" in str(error) or "UndefinedTable" in str(error):
            raise LedgerUnavailable(_told(error)) from error
        raise


def _told(error: Exception) -> str:
    told = first_line(error)
    if any(words in told for words in _NO_ROOM):
        return "The disk that holds the ledger is full: make room, and do it again."
    return f"The ledger does not answer: {told}"


def first_line(error: Exception) -> str:
    return str(getattr(error, "orig", error)).splitlines()[0]


def latest_migration() -> str:
    """The version that the last migration brings the tables to: its file's name begins with it."""
    return max(path.name.partition("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*_*.py"))


def _version(connection: Connection) -> str | None:
    """The version of the tables as they are; None where there are none."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
    return found


def migrate(connection: Connection, version: str = "head") -> None:
    """Bring the tables from whichever version they are of to another, later one."""
    # It takes a third of the time in which a command starts, and there is hardly ever anything to do.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, version)
