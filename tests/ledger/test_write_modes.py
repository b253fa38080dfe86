"""Writes that need not reach the disk at once, and writers that take turns."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import insert, select, text

from ivr.ledger import open_ledger
from ivr.ledger.tables import batch
from tests.support.clinic import NOW


def add(connection, name: str) -> None:
    connection.execute(insert(batch).values(created_at=NOW, filename=name))


def names(ledger) -> list[str]:
    with ledger.read() as connection:
        return list(connection.execute(select(batch.c.filename).order_by(batch.c.id)).scalars())


def sync_setting(ledger, connection) -> str:
    setting = "PRAGMA synchronous" if ledger.is_sqlite else "SHOW synchronous_commit"
    return str(connection.execute(text(setting)).scalar_one())


def test_an_unsynced_write_is_committed_and_the_next_write_is_synced_again(ledger):
    with ledger.write() as connection:
        synced = sync_setting(ledger, connection)
    for _ in range(3):
        with ledger.write_unsynced() as connection:
            assert sync_setting(ledger, connection) == {"sqlite": "1", "postgresql": "off"}[connection.dialect.name]
            add(connection, "unsynced")
        # The same connection of the pool, as a rule.
        with ledger.write() as connection:
            assert sync_setting(ledger, connection) == synced
    assert names(ledger) == ["unsynced"] * 3


def test_an_unsynced_write_that_fails_leaves_nothing_behind_and_is_synced_again(ledger):
    with ledger.write() as connection:
        synced = sync_setting(ledger, connection)

    def fail():
        with ledger.write_unsynced() as connection:
            add(connection, "never")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with ledger.write() as connection:
        assert sync_setting(ledger, connection) == synced
    assert names(ledger) == []


def test_an_unsynced_write_passes_the_guard_first(ledger_url):
    def refuse(_ledger):
        raise RuntimeError("refused")

    ledger = open_ledger(ledger_url).guarded(refuse)
    with pytest.raises(RuntimeError, match="refused"), ledger.write_unsynced():
        pass
    ledger.close()


def test_threads_of_a_ledger_with_turns_wait_for_each_other_on_sqlite_alone(ledger, store):
    """The second thread must not begin a transaction before the first one ends: SQLite would have it poll."""
    turns = ledger.with_turns()
    began, go_on, second_is_in = threading.Event(), threading.Event(), threading.Event()

    def first():
        with turns.write() as connection:
            add(connection, "first")
            began.set()
            assert go_on.wait(10)

    def second():
        assert began.wait(10)
        with turns.write_unsynced() as connection:
            second_is_in.set()
            add(connection, "second")

    begun = []
    original = ledger.engine.connect
    ledger.engine.connect = lambda *arguments: begun.append(threading.current_thread().name) or original(*arguments)
    threads = [threading.Thread(target=each, name=each.__name__) for each in (first, second)]
    for thread in threads:
        thread.start()
    assert began.wait(10)
    if store == "sqlite":
        assert not second_is_in.wait(0.3)
        assert "second" not in begun
    else:
        assert second_is_in.wait(10)
    go_on.set()
    for thread in threads:
        thread.join(10)
    assert sorted(names(ledger)) == ["first", "second"]
