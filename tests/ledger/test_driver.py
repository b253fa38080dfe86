"""Statements on the driver's own cursor fail as SQLAlchemy's do, and say nothing personal."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from ivr.ledger import Ledger, LedgerUnavailable
from ivr.ledger.driver import execute
from ivr.ledger.tables import person


def placeholder(ledger: Ledger) -> str:
    return "?" if ledger.is_sqlite else "%s"


def insert_without_its_other_columns(ledger: Ledger) -> None:
    with ledger.write() as connection:
        execute(connection, f"INSERT INTO person (phone_hash) VALUES ({placeholder(ledger)})", ("+16035550123",))


def test_a_refused_row_raises_the_usual_error_without_its_values(ledger: Ledger) -> None:
    with pytest.raises(IntegrityError) as refused:
        insert_without_its_other_columns(ledger)
    # PostgreSQL's own message has the row as its detail.
    assert "parameters" not in str(refused.value)
    with ledger.read() as connection:
        assert execute(connection, f"SELECT count(*) FROM {person.name}").fetchone() == (0,)


def test_a_missing_table_makes_the_ledger_unavailable(ledger: Ledger) -> None:
    with pytest.raises(LedgerUnavailable), ledger.read() as connection:
        execute(connection, "SELECT 1 FROM a_later_table")


def test_the_transaction_is_rolled_back_with_what_the_cursor_wrote(ledger: Ledger) -> None:
    with pytest.raises(IntegrityError), ledger.write() as connection:
        delete_then_fail(connection)
    ledger.check()


def delete_then_fail(connection: Connection) -> None:
    execute(connection, "DELETE FROM alembic_version")
    execute(connection, "INSERT INTO person (id) VALUES (1)")
