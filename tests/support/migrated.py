"""The tables of an empty SQLite file, made by the migrations once for a test process: they take longer than most tests.

The tables of a file that has some, of a former version or of PostgreSQL, always come from the migrations themselves.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest
from sqlalchemy import Connection

from ivr.ledger import engine


@pytest.fixture(autouse=True, scope="session")
def migrate_once() -> Iterator[None]:
    migrate = engine.migrate
    # By what would make other tables.
    scripts: dict[object, list[str]] = {}

    def cached_migrate(connection: Connection, version: str = "head") -> None:
        driver = connection.connection.driver_connection
        if version != "head" or not isinstance(driver, sqlite3.Connection) or not _is_empty(driver):
            migrate(connection, version)
            return
        key = (engine.MIGRATIONS, engine.latest_migration())
        if key in scripts:
            for statement in scripts[key]:
                driver.execute(statement)
        else:
            migrate(connection)
            # Without BEGIN and COMMIT: the caller's transaction is open.
            scripts[key] = list(driver.iterdump())[1:-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "migrate", cached_migrate)
        yield


def _is_empty(driver: sqlite3.Connection) -> bool:
    return driver.execute("SELECT 1 FROM sqlite_master").fetchone() is None
