"""The ledger on both databases: datetimes, transactions, and migrations."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta, timezone

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import func, insert, select, text, update
from sqlalchemy.exc import IntegrityError

from ivr.ledger import LedgerUnavailable, engine, open_ledger
from ivr.ledger.tables import alarm, appointment, appointment_change, batch, metadata, person, text_move
from ivr.ledger.tables import text as texts
from tests.support.paths import ROOT

NOW = datetime(2026, 12, 1, 15, tzinfo=UTC)


def add_alarm(ledger, name="a", at=NOW):
    with ledger.write() as connection:
        connection.execute(insert(alarm).values(name=name, raised_at=at, detail=""))


def alarms(ledger):
    with ledger.read() as connection:
        return {row.name: row.raised_at for row in connection.execute(select(alarm))}


def test_the_migrations_create_the_tables_that_the_code_defines(ledger):
    ledger.check()
    with ledger.write() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), metadata)
    assert differences == []


def test_the_latest_migration_is_the_head_of_alembics_chain():
    assert engine.latest_migration() == ScriptDirectory(engine.MIGRATIONS).get_current_head()


def test_a_second_upgrade_changes_nothing(ledger):
    add_alarm(ledger)
    ledger.upgrade()
    assert alarms(ledger) == {"a": NOW}


ROWS_OF_0001 = """
INSERT INTO batch (created_at, filename) VALUES ('2026-12-01', 'a.csv');
INSERT INTO person (phone_hash, phone_sealed, created_at) VALUES ('h', 's', '2026-12-01');
INSERT INTO appointment (appointment_id, person_id, batch_id, starts_at, timezone, site, channel, status, created_at,
    updated_at) VALUES ('A1', 1, 1, '2026-12-03', 'UTC', 'a', 'text', 'booked', '2026-12-01', '2026-12-01');
INSERT INTO text (appointment_id, person_id, starts_at, step, state, attempt, updated_at)
    VALUES (1, 1, '2026-12-03', '2d', 'claimed', 'a', '2026-12-01');
INSERT INTO text_move (text_id, at, to_state) VALUES (1, '2026-12-01', 'claimed')
"""


def test_an_upgrade_from_the_first_tables_keeps_texts_and_their_history(database_url):
    ledger = open_ledger(database_url)
    with ledger.engine.begin() as connection:
        engine.migrate(connection, "0001")
        for statement in ROWS_OF_0001.split(";"):
            connection.execute(text(statement))
    ledger.upgrade()
    with ledger.write() as connection:
        connection.execute(insert(text_move).values(text_id=1, at=NOW, to_state="handed_over"))
        stored = connection.execute(select(texts)).one()
        history = connection.execute(select(text_move.c.text_id, text_move.c.to_state).order_by(text_move.c.id)).all()
    values = (stored.appointment_id, stored.step, stored.state, stored.tries, stored.asked_in)
    assert values == (1, "2d", "claimed", 0, None)
    assert history == [(1, "claimed"), (1, "handed_over")]
    with pytest.raises(IntegrityError), ledger.write() as connection:
        connection.execute(insert(text_move).values(text_id=2, at=NOW, to_state="claimed"))
    ledger.close()


def test_an_upgrade_keeps_from_where_the_last_change_came(database_url):
    ledger, later = open_ledger(database_url), NOW + timedelta(hours=1)
    booked = {"person_id": 1, "batch_id": 1, "starts_at": NOW, "timezone": "UTC", "site": "a", "channel": "text"}
    booked |= {"status": "booked", "created_at": NOW}
    rows = (
        {"appointment_id": "unchanged", "updated_at": NOW, "created_from": "a.csv"},
        {"appointment_id": "changed", "updated_at": later, "changed_at": later, "changed_from": "b.csv"},
        {"appointment_id": "before 0023", "updated_at": later},
        {"appointment_id": "answered", "updated_at": later, "answered_at": later},
    )
    with ledger.engine.begin() as connection:
        engine.migrate(connection, "0023")
        connection.execute(insert(batch).values(created_at=NOW, filename="a.csv"))
        connection.execute(insert(person).values(phone_hash="h", phone_sealed=b"s", created_at=NOW))
        for row in rows:
            connection.execute(insert(appointment).values(**booked, **row))
    ledger.upgrade()
    joined = select(appointment.c.appointment_id, appointment_change.c.at, appointment_change.c.source)
    joined = joined.join_from(appointment_change, appointment).order_by(appointment_change.c.id)
    with ledger.read() as connection:
        found = [tuple(row) for row in connection.execute(joined)]
    assert found == [("changed", later, "b.csv"), ("before 0023", later, "")]
    ledger.close()


def test_an_alarm_from_before_its_subject_was_stored_has_an_empty_subject(database_url):
    ledger = open_ledger(database_url)
    old_insert = text("INSERT INTO alarm (name, raised_at, detail) VALUES (:name, '2026-12-01 15:00:00', '')")
    with ledger.engine.begin() as connection:
        engine.migrate(connection, "0007")
        connection.execute(old_insert, {"name": "before the upgrade"})
    ledger.upgrade()
    with ledger.write() as connection:
        connection.execute(old_insert, {"name": "from a worker of the previous version"})
        subjects = connection.execute(select(alarm.c.subject)).scalars().all()
    assert subjects == ["", ""]
    ledger.close()


def test_an_upgrade_gives_way_to_a_process_that_holds_one_table_and_needs_another(database_url, store, monkeypatch):
    if store == "sqlite":
        pytest.skip("SQLite locks the file, so no writer waits while it holds a lock")
    monkeypatch.setattr(engine, "UPGRADE_PAUSE_SECONDS", 0.1)
    ledger = open_ledger(database_url)
    with ledger.engine.begin() as connection:
        engine.migrate(connection, "0014")
    upgrading = threading.Thread(target=ledger.upgrade)
    with ledger.write() as connection:
        # Migration 0015 changes `callback` first, and then waits for this lock.
        connection.execute(text("LOCK TABLE person IN ROW EXCLUSIVE MODE"))
        upgrading.start()
        waiting = text("SELECT count(*) FROM pg_locks WHERE relation = 'person'::regclass AND NOT granted")
        deadline = time.monotonic() + 30
        while not connection.execute(waiting).scalar_one():
            assert time.monotonic() < deadline, "the upgrade did not wait"
            time.sleep(0.01)
        connection.execute(text("LOCK TABLE callback IN ROW EXCLUSIVE MODE"))
    upgrading.join(60)
    ledger.check()
    ledger.close()


def test_several_processes_can_upgrade_at_once(database_url):
    code = "import sys; from ivr.ledger import open_ledger; open_ledger(sys.argv[1]).upgrade()"
    processes = [subprocess.Popen([sys.executable, "-c", code, database_url], cwd=ROOT) for _ in range(3)]
    assert [process.wait(20) for process in processes] == [0, 0, 0]
    open_ledger(database_url).check()


def test_a_ledger_without_tables_names_the_command_to_run(database_url):
    empty = open_ledger(database_url)
    with pytest.raises(LedgerUnavailable, match="infoline db upgrade"):
        empty.check()
    with pytest.raises(LedgerUnavailable):
        add_alarm(empty)
    empty.close()


@pytest.mark.parametrize(
    "url",
    ["postgresql://nobody@127.0.0.1:1/none", "sqlite:////proc/no/such/folder.db"],
    ids=["no server", "no file"],
)
def test_an_unreachable_ledger_is_reported_in_one_line(url):
    unreachable = open_ledger(url)
    with pytest.raises(LedgerUnavailable, match="does not answer") as raised, unreachable.read() as connection:
        connection.execute(text("SELECT 1"))
    assert "\n" not in str(raised.value)


def test_a_damaged_ledger_is_reported_in_one_line(tmp_path):
    (tmp_path / "damaged.db").write_bytes(b"this is not a database " * 500)
    with pytest.raises(LedgerUnavailable, match="not a database") as raised:
        open_ledger(f"sqlite:///{tmp_path}/damaged.db").check()
    assert "\n" not in str(raised.value)


def test_the_url_scheme_postgres_is_accepted():
    assert open_ledger("postgres://u@127.0.0.1/x").engine.dialect.driver == "psycopg"


def test_a_datetime_in_any_zone_is_read_back_as_the_same_moment_in_utc(ledger):
    in_nepal = datetime(2026, 12, 1, 20, 30, 15, 123456, tzinfo=timezone(timedelta(hours=5, minutes=45)))
    add_alarm(ledger, at=in_nepal)
    stored = alarms(ledger)["a"]
    assert (stored, stored.tzinfo) == (in_nepal, UTC)


def test_a_datetime_without_a_zone_is_rejected(ledger):
    with pytest.raises(Exception, match="without a time zone"):
        add_alarm(ledger, at=NOW.replace(tzinfo=None))


def test_stored_datetimes_sort_chronologically(ledger):
    add_alarm(ledger, "early", NOW.astimezone(timezone(timedelta(hours=9))))
    add_alarm(ledger, "late", NOW + timedelta(microseconds=1))
    with ledger.read() as connection:
        names = connection.execute(select(alarm.c.name).where(alarm.c.raised_at > NOW)).scalars()
        assert list(names) == ["late"]


def test_a_failed_write_leaves_nothing_behind(ledger):
    duplicates = [{"name": "a", "raised_at": NOW, "detail": ""}] * 2
    with pytest.raises(IntegrityError), ledger.write() as connection:
        connection.execute(insert(alarm), duplicates)
    assert alarms(ledger) == {}


def test_concurrent_writers_lose_no_update(ledger):
    with ledger.write() as connection:
        connection.execute(insert(batch).values(created_at=NOW, filename="0"))

    def count_up():
        for _ in range(10):
            with ledger.write() as connection:
                ledger.exclusive_lock(connection)
                count = int(connection.execute(select(batch.c.filename)).scalar_one())
                connection.execute(update(batch).values(filename=str(count + 1)))

    threads = [threading.Thread(target=count_up) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with ledger.read() as connection:
        assert connection.execute(select(batch.c.filename)).scalar_one() == "40"


def test_a_reader_sees_one_snapshot_and_waits_for_no_writer(ledger):
    add_alarm(ledger)
    counts = []
    with ledger.read() as reader:
        for name in ("b", "c"):
            counts.append(reader.execute(select(func.count()).select_from(alarm)).scalar_one())
            add_alarm(ledger, name)
    assert counts == [1, 1]
    assert len(alarms(ledger)) == 3
    with ledger.write() as connection:
        connection.execute(insert(alarm).values(name="d", raised_at=NOW, detail=""))
        assert len(alarms(ledger)) == 3


def test_foreign_keys_are_enforced(ledger):
    with pytest.raises(IntegrityError), ledger.write() as connection:
        connection.execute(text("INSERT INTO text_move (text_id, at, to_state) VALUES (77, '2026-12-01', 'claimed')"))


def test_a_process_that_hangs_inside_a_transaction_does_not_block_others_forever(ledger_url, monkeypatch):
    """On SQLite, the lock is held until the process ends; other writers get an error instead of waiting forever."""
    monkeypatch.setattr(engine, "BUSY_SECONDS", 0.2)
    monkeypatch.setattr(engine, "IDLE_SECONDS", 1)
    hanging, other = open_ledger(ledger_url), open_ledger(ledger_url)
    with pytest.raises(LedgerUnavailable) if not hanging.is_sqlite else nullcontext(), hanging.write() as connection:
        hanging.exclusive_lock(connection)
        connection.execute(select(func.count()).select_from(alarm))
        with pytest.raises(LedgerUnavailable), other.write() as second:
            other.exclusive_lock(second)
        if not hanging.is_sqlite:
            # PostgreSQL ends the idle transaction.
            time.sleep(1)
            add_alarm(other)
            connection.execute(select(alarm))
    if hanging.is_sqlite:
        add_alarm(other)
    assert alarms(other) == {"a": NOW}
    hanging.close()
    other.close()


def test_an_upgrade_of_an_open_database_loses_no_write_when_another_process_comes_and_goes(tmp_path):
    url = f"sqlite:///{tmp_path}/infoline.db"
    open_ledger(url).upgrade()
    ledger = open_ledger(url)
    assert ledger.has_tables()
    # As each command on a local line does.
    ledger.upgrade()
    code = "import sys; from ivr.ledger import open_ledger; ledger = open_ledger(sys.argv[1]); ledger.check();"
    visit = [sys.executable, "-c", f"{code} ledger.close()", url]
    subprocess.run(visit, cwd=ROOT, check=True)
    with ledger.write() as connection:
        connection.execute(insert(batch).values(created_at=datetime.now(UTC), filename="a.csv"))
    count = "with ledger.read() as read: print(read.exec_driver_sql('SELECT count(*) FROM batch').scalar())"
    seen = subprocess.run(
        [sys.executable, "-c", f"{code}\n{count}", url], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert seen.stdout.strip() == "1"
    ledger.close()
