"""`infoline db copy`: all data moves to another database, of either kind, or none does."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Boolean, Column, Integer, LargeBinary, String, Table, insert, select, update

from ivr.ledger import Ledger, copy, open_ledger
from ivr.ledger.copy import CopyError, copy_ledger
from ivr.ledger.tables import alarm, batch, metadata, person, release
from ivr.ledger.types import UtcDateTime
from tests.support.clinic import NOW, write_empty_ledger

# Ids with gaps, as deletions leave them.
IDS = (3, 4, 9)
Rows = dict[str, list[tuple[Any, ...]]]


def value(table: Table, column: Column[Any], number: int) -> Any:
    """A value of the column's type that differs by row. The last row has NULL wherever that is allowed."""
    if column.nullable and number == IDS[-1]:
        return None
    if isinstance(column.type, UtcDateTime):
        return NOW + timedelta(hours=number, microseconds=number)
    if isinstance(column.type, Boolean):
        return number == IDS[0]
    if isinstance(column.type, Integer):
        return number
    if isinstance(column.type, LargeBinary):
        return f"{table.name} {number}".encode() + b"\x00\xff"
    if isinstance(column.type, String):
        return f"{number}’é{column.name}"[: column.type.length]
    raise AssertionError(column)


def fill(ledger: Ledger) -> None:
    with ledger.write() as connection:
        for table in metadata.sorted_tables:
            for number in IDS:
                row = {column.name: value(table, column, number) for column in table.columns}
                if table.name == "text":
                    # Of an appointment, or requested by a caller.
                    row |= {"appointment_id": None, "starts_at": None} if number == IDS[0] else {"asked_in": None}
                    row |= {"appointment_id": number, "starts_at": NOW} if number == IDS[-1] else {}
                connection.execute(insert(table).values(row))


def rows(ledger: Ledger) -> Rows:
    with ledger.read() as connection:
        return {
            table.name: [tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key))]
            for table in metadata.sorted_tables
        }


@pytest.fixture
def source(tmp_path: Path) -> Iterator[Ledger]:
    """A SQLite ledger with rows in every table."""
    path = tmp_path / "source.db"
    write_empty_ledger(path)
    ledger = open_ledger(f"sqlite:///{path}")
    fill(ledger)
    yield ledger
    ledger.close()


@pytest.fixture
def target(database_url: str) -> Iterator[Ledger]:
    """An empty database, without tables."""
    ledger = open_ledger(database_url)
    yield ledger
    ledger.close()


def test_every_row_of_every_table_is_the_same_there_and_back(
    source: Ledger, target: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copy, "ROWS_AT_ONCE", 2)
    back = open_ledger(f"sqlite:///{tmp_path}/back.db")
    expected = dict.fromkeys(metadata.tables, len(IDS))
    seen: list[str] = []
    assert copy_ledger(source, target, seen.append) == expected
    assert seen == [table.name for table in metadata.sorted_tables]
    assert copy_ledger(target, back) == expected
    before = rows(source)
    assert set(before) == set(metadata.tables)
    assert all(len(found) == len(IDS) for found in before.values())
    assert rows(target) == before
    assert rows(back) == before
    back.close()


def test_new_rows_get_new_ids_after_a_copy(source: Ledger, target: Ledger) -> None:
    copy_ledger(source, target)
    for table in metadata.sorted_tables:
        key = table.autoincrement_column
        if key is None:
            continue
        row = {column.name: value(table, column, IDS[0] + 100) for column in table.columns if column is not key}
        row |= {column.name: IDS[0] for column in table.columns if column.foreign_keys}
        if table.name == "text":
            row |= {"appointment_id": None, "starts_at": None}
        with target.write() as connection:
            assert connection.execute(insert(table).values(row)).inserted_primary_key == (IDS[-1] + 1,), table.name


def test_a_table_without_rows_starts_at_the_first_id(target: Ledger, tmp_path: Path) -> None:
    write_empty_ledger(tmp_path / "empty.db")
    empty = open_ledger(f"sqlite:///{tmp_path}/empty.db")
    assert set(copy_ledger(empty, target).values()) == {0}
    with target.write() as connection:
        added = connection.execute(insert(batch).values(created_at=NOW, filename="a.csv"))
        assert added.inserted_primary_key == (1,)
    empty.close()


def test_a_database_with_data_is_not_written_to(source: Ledger, target: Ledger) -> None:
    target.upgrade()
    with target.write() as connection:
        connection.execute(insert(alarm).values(name="a", raised_at=NOW, detail="", subject=""))
    before = rows(target)
    with pytest.raises(CopyError, match=r"holds data \(alarm\): name an empty database"):
        copy_ledger(source, target)
    assert rows(target) == before


def test_a_value_that_the_new_database_refuses_copies_nothing(source: Ledger, target: Ledger) -> None:
    if target.is_sqlite:
        pytest.skip("SQLite stores a longer text than the column allows")
    with source.write() as connection:
        connection.execute(update(person).values(language="a language of more than eight letters"))
    with pytest.raises(CopyError, match="a row of the table person") as raised:
        copy_ledger(source, target)
    assert "letters" not in str(raised.value)
    assert not any(rows(target).values())


def test_a_copy_that_is_interrupted_leaves_nothing(source: Ledger, target: Ledger) -> None:
    def stop(table: str) -> None:
        if table == metadata.sorted_tables[-1].name:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        copy_ledger(source, target, stop)
    assert not any(rows(target).values())


def test_releases_are_read_one_at_a_time_because_of_their_recordings() -> None:
    assert (copy._rows_at_once(release), copy._rows_at_once(person)) == (1, copy.ROWS_AT_ONCE)
