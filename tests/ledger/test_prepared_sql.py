"""SQL that goes straight to the driver: the same rows, types and errors as through SQLAlchemy, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.exc import DataError, IntegrityError

from ivr.ledger import open_ledger
from ivr.ledger.prepared_sql import BulkInsert, BulkLookup, PreparedQueries, PreparedStatement
from ivr.ledger.tables import appointment, batch, person
from ivr.ledger.types import UtcDateTime
from tests.support.clinic import NOW

PERSON = ("phone_hash", "phone_sealed", "language", "opted_out_at", "landline", "created_at")
EASTERN = timezone(timedelta(hours=-5))
# Everything that a text or a COPY of PostgreSQL escapes, and that JSON does.
AWKWARD = "a\tb\\N\\.\n\"c\" 'd' {e} é 🌹"


def people(*hashes: str, **more):
    row = {"phone_sealed": b"\x00\xff\\x", "language": None, "opted_out_at": None, "landline": False, "created_at": NOW}
    return [{**row, "phone_hash": each, **more} for each in hashes]


def stored(ledger):
    with ledger.read() as connection:
        return connection.execute(select(person).order_by(person.c.id)).all()


def inserted(ledger, *rows, **options):
    with ledger.write() as connection:
        BulkInsert(ledger.engine.dialect, person, PERSON, **options).execute(connection, rows)
    return stored(ledger)


@pytest.mark.parametrize("ignore_conflicts", [False, True])
def test_rows_inserted_in_bulk_are_those_that_sqlalchemy_inserts(ledger, ignore_conflicts):
    rows = [
        *people(AWKWARD, opted_out_at=NOW.astimezone(EASTERN), landline=True),
        *people("b" * 64, language="es", phone_sealed=b""),
        *people("c", created_at=datetime(2026, 12, 1, 15, 0, 0, 123456, tzinfo=UTC)),
    ]
    found = inserted(ledger, *rows, ignore_conflicts=ignore_conflicts)
    assert [{name: getattr(each, name) for name in PERSON} for each in found] == rows
    with ledger.write() as connection:
        connection.execute(person.delete())
        connection.execute(insert(person), rows)
    assert [each[1:] for each in stored(ledger)] == [each[1:] for each in found]


@pytest.mark.parametrize("ignore_conflicts", [False, True])
def test_no_rows_are_no_statement(ledger, ignore_conflicts):
    assert inserted(ledger, ignore_conflicts=ignore_conflicts) == []


def test_a_conflict_is_skipped_where_it_may_be_and_refuses_all_rows_where_not(ledger):
    inserted(ledger, *people("a"))
    assert [each.phone_hash for each in inserted(ledger, *people("a", "b"), ignore_conflicts=True)] == ["a", "b"]
    with pytest.raises(IntegrityError):
        inserted(ledger, *people("c", "a"))
    assert [each.phone_hash for each in stored(ledger)] == ["a", "b"]


def test_a_row_that_names_nothing_is_refused_with_the_error_of_sqlalchemy(ledger):
    columns = ("appointment_id", "person_id", "batch_id", "starts_at", "timezone", "site", "channel", "status")
    values = ("A1", 99, 99, NOW, "UTC", "elliot", "text", "booked")
    bulk = BulkInsert(ledger.engine.dialect, appointment, (*columns, "created_at", "updated_at"))
    with pytest.raises(IntegrityError), ledger.write() as connection:
        bulk.execute_values(connection, [(*values, NOW, NOW)])


def test_a_text_that_is_too_long_for_its_column_is_refused_and_not_cut_off(ledger):
    if ledger.is_sqlite:
        pytest.skip("SQLite does not limit the length of a text")
    for ignore_conflicts in (False, True):
        with pytest.raises(DataError, match="too long"):
            inserted(ledger, *people("a", language="far too long"), ignore_conflicts=ignore_conflicts)
    assert stored(ledger) == []


@pytest.mark.parametrize("count", [0, 1, 5000])
def test_a_lookup_takes_a_list_of_any_length(ledger, count):
    inserted(ledger, *people("1", "2", AWKWARD))
    find = BulkLookup(ledger.engine.dialect, person.c.phone_hash, person.c.phone_hash)
    keys = [AWKWARD, "2", *map(str, range(3, 3 + count))][:count]
    with ledger.read() as connection:
        assert sorted(row.phone_hash for row in find.among(connection, keys)) == sorted({AWKWARD, "2"} & set(keys))
        by_id = BulkLookup(ledger.engine.dialect, person.c.id, person.c.id, person.c.phone_hash)
        assert [row.phone_hash for row in by_id.among(connection, [stored(ledger)[0].id, 999])] == ["1"]


def test_a_prepared_statement_reads_and_writes_as_sqlalchemy_does(ledger):
    inserted(ledger, *people("a", "b"))
    opt_out = PreparedStatement(
        update(person)
        .where(person.c.phone_hash == bindparam("hash"), person.c.opted_out_at.is_(None))
        .values(opted_out_at=bindparam("at", type_=UtcDateTime), language="es")
    )
    found = PreparedStatement(
        select(person.c.phone_hash, person.c.opted_out_at, person.c.phone_sealed)
        .where(person.c.opted_out_at <= bindparam("at", type_=UtcDateTime))
        .order_by(person.c.id)
    )
    with ledger.write() as connection:
        assert opt_out.run(connection, hash="a", at=NOW.astimezone(EASTERN)) == 1
        assert opt_out.run(connection, hash="a", at=NOW) == 0
        assert opt_out.run(connection, hash="nobody", at=NOW) == 0
        [row] = found.rows(connection, at=NOW)
        assert (row.phone_hash, row.opted_out_at, bytes(row.phone_sealed)) == ("a", NOW, b"\x00\xff\\x")
        assert found.rows(connection, at=NOW - timedelta(microseconds=1)) == []
    assert [(each.opted_out_at, each.language) for each in stored(ledger)] == [(NOW, "es"), (None, None)]


def test_a_prepared_statement_is_undone_with_its_transaction(ledger):
    inserted(ledger, *people("a"))
    rename = PreparedStatement(update(person).values(language=bindparam("language")))

    def fail():
        with ledger.write() as connection:
            rename.run(connection, language="es")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert [each.language for each in stored(ledger)] == [None]


def test_one_prepared_statement_serves_both_databases(ledger, tmp_path):
    other = open_ledger(f"sqlite:///{tmp_path}/other.db")
    other.upgrade()
    count = PreparedStatement(select(batch.c.filename).where(batch.c.filename == bindparam("name")))
    for each in (ledger, other, ledger):
        with each.write() as connection:
            connection.execute(insert(batch).values(created_at=NOW, filename="a.csv"))
            assert count.rows(connection, name="a.csv")
    other.close()


def test_prepared_queries_see_what_was_committed_before_and_survive_a_lost_connection(ledger):
    queries = PreparedQueries(
        ledger,
        select(person.c.phone_hash, person.c.created_at).where(person.c.phone_hash == bindparam("hash")),
        select(batch.c.filename),
    )
    assert queries.fetch(hash="a") == [[], []]
    inserted(ledger, *people("a"))
    [[row], batches] = queries.fetch(hash="a")
    assert (row.phone_hash, row.created_at, batches) == ("a", NOW, [])
    ledger.engine.dispose()
    assert [row.phone_hash for row in queries.fetch(hash="a")[0]] == ["a"]
