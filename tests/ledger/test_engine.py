"""The ledger on both stores: moments, transactions, migrations; and the vault, which keeps what is personal."""

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
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import func, insert, select, text, update
from sqlalchemy.exc import IntegrityError

from ivr.ledger import LedgerUnavailable, Vault, engine, open_ledger
from ivr.ledger.tables import alarm, batch, metadata, text_move
from ivr.ledger.tables import text as texts
from tests.support.clinic import Clinic, at, row
from tests.support.paths import ROOT

NOW = datetime(2026, 12, 1, 15, tzinfo=UTC)
OLD, NEW, OTHER = b"o" * 32, b"n" * 32, b"x" * 32


def raise_one(ledger, name="a", at=NOW):
    with ledger.write() as connection:
        connection.execute(insert(alarm).values(name=name, raised_at=at, detail=""))


def raised(ledger):
    with ledger.read() as connection:
        return {one.name: one.raised_at for one in connection.execute(select(alarm))}


def test_the_migrations_make_the_tables_that_the_code_knows(ledger):
    ledger.check()
    with ledger.write() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), metadata)
    assert differences == []


def test_the_newest_version_is_the_one_that_the_last_migration_leads_to():
    assert engine.latest_migration() == ScriptDirectory(engine.MIGRATIONS).get_current_head()


def test_bringing_the_tables_up_to_date_again_changes_nothing(ledger):
    raise_one(ledger)
    ledger.upgrade()
    assert raised(ledger) == {"a": NOW}


AS_IT_WAS = """
INSERT INTO batch (created_at, filename) VALUES ('2026-12-01', 'a.csv');
INSERT INTO person (phone_hash, phone_sealed, created_at) VALUES ('h', 's', '2026-12-01');
INSERT INTO appointment (appointment_id, person_id, batch_id, starts_at, timezone, site, channel, status, created_at,
    updated_at) VALUES ('A1', 1, 1, '2026-12-03', 'UTC', 'a', 'text', 'booked', '2026-12-01', '2026-12-01');
INSERT INTO text (appointment_id, person_id, starts_at, step, state, attempt, updated_at)
    VALUES (1, 1, '2026-12-03', '2d', 'claimed', 'a', '2026-12-01');
INSERT INTO text_move (text_id, at, to_state) VALUES (1, '2026-12-01', 'claimed')
"""


def test_texts_and_their_history_are_still_there_when_their_tables_have_changed(database_url):
    ledger = open_ledger(database_url)
    with ledger.engine.begin() as connection:
        engine.migrate(connection, "0001")
        for statement in AS_IT_WAS.split(";"):
            connection.execute(text(statement))
    ledger.upgrade()
    with ledger.write() as connection:
        connection.execute(insert(text_move).values(text_id=1, at=NOW, to_state="handed_over"))
        kept = connection.execute(select(texts)).one()
        history = connection.execute(select(text_move.c.text_id, text_move.c.to_state).order_by(text_move.c.id)).all()
    assert (kept.appointment_id, kept.step, kept.state, kept.tries, kept.asked_in) == (1, "2d", "claimed", 0, None)
    assert history == [(1, "claimed"), (1, "handed_over")]
    with pytest.raises(IntegrityError), ledger.write() as connection:
        connection.execute(insert(text_move).values(text_id=2, at=NOW, to_state="claimed"))
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


def test_two_processes_may_bring_the_tables_up_to_date_at_once(database_url):
    code = "import sys; from ivr.ledger import open_ledger; open_ledger(sys.argv[1]).upgrade()"
    started = [subprocess.Popen([sys.executable, "-c", code, database_url], cwd=ROOT) for _ in range(3)]
    assert [one.wait(20) for one in started] == [0, 0, 0]
    open_ledger(database_url).check()


def test_a_ledger_without_its_tables_says_what_to_do(database_url):
    fresh = open_ledger(database_url)
    with pytest.raises(LedgerUnavailable, match="infoline db upgrade"):
        fresh.check()
    with pytest.raises(LedgerUnavailable):
        raise_one(fresh)
    fresh.close()


@pytest.mark.parametrize(
    "url",
    ["postgresql://nobody@127.0.0.1:1/none", "sqlite:////proc/no/such/folder.db"],
    ids=["no server", "no file"],
)
def test_a_ledger_that_is_away_is_told_in_one_line(url):
    away = open_ledger(url)
    with pytest.raises(LedgerUnavailable, match="does not answer") as caught, away.read() as connection:
        connection.execute(text("SELECT 1"))
    assert "\n" not in str(caught.value)


def test_a_damaged_ledger_is_told_in_one_line(tmp_path):
    (tmp_path / "damaged.db").write_bytes(b"this is no database " * 500)
    with pytest.raises(LedgerUnavailable, match="not a database"):
        open_ledger(f"sqlite:///{tmp_path}/damaged.db").check()


def test_the_short_name_of_postgresql_is_understood():
    assert open_ledger("postgres://u@127.0.0.1/x").engine.dialect.driver == "psycopg"


def test_a_moment_comes_back_as_it_went_in_whatever_its_zone(ledger):
    there = datetime(2026, 12, 1, 20, 30, 15, 123456, tzinfo=timezone(timedelta(hours=5, minutes=45)))
    raise_one(ledger, at=there)
    kept = raised(ledger)["a"]
    assert (kept, kept.tzinfo) == (there, UTC)


def test_a_moment_without_a_zone_is_refused(ledger):
    with pytest.raises(Exception, match="without a zone"):
        raise_one(ledger, at=NOW.replace(tzinfo=None))


def test_moments_are_ordered_in_the_store_as_they_are_in_time(ledger):
    raise_one(ledger, "early", NOW.astimezone(timezone(timedelta(hours=9))))
    raise_one(ledger, "late", NOW + timedelta(microseconds=1))
    with ledger.read() as connection:
        names = connection.execute(select(alarm.c.name).where(alarm.c.raised_at > NOW)).scalars()
        assert list(names) == ["late"]


def test_a_write_that_breaks_leaves_nothing(ledger):
    two = [{"name": "a", "raised_at": NOW, "detail": ""}] * 2
    with pytest.raises(IntegrityError), ledger.write() as connection:
        connection.execute(insert(alarm), two)
    assert raised(ledger) == {}


def test_no_update_is_lost_between_writers(ledger):
    with ledger.write() as connection:
        connection.execute(insert(batch).values(created_at=NOW, filename="0"))

    def count_up():
        for _ in range(10):
            with ledger.write() as connection:
                ledger.exclusive_lock(connection)
                seen = int(connection.execute(select(batch.c.filename)).scalar_one())
                connection.execute(update(batch).values(filename=str(seen + 1)))

    threads = [threading.Thread(target=count_up) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with ledger.read() as connection:
        assert connection.execute(select(batch.c.filename)).scalar_one() == "40"


def test_a_reader_sees_one_moment_and_waits_for_no_writer(ledger):
    raise_one(ledger)
    seen = []
    with ledger.read() as reader:
        for name in ("b", "c"):
            seen.append(reader.execute(select(func.count()).select_from(alarm)).scalar_one())
            raise_one(ledger, name)
    assert seen == [1, 1]
    assert len(raised(ledger)) == 3
    with ledger.write() as connection:
        connection.execute(insert(alarm).values(name="d", raised_at=NOW, detail=""))
        assert len(raised(ledger)) == 3


def test_foreign_keys_hold_on_both_stores(ledger):
    with pytest.raises(IntegrityError), ledger.write() as connection:
        connection.execute(text("INSERT INTO text_move (text_id, at, to_state) VALUES (77, '2026-12-01', 'claimed')"))


# The vault


@settings(max_examples=100, deadline=None)
@given(st.text())
def test_what_is_sealed_opens_again_and_never_looks_the_same_twice(words):
    vault = Vault([NEW])
    sealed = vault.seal(words)
    assert vault.open(sealed) == words
    assert sealed != vault.seal(words)
    assert len(words) < 4 or words.encode() not in sealed


def test_after_a_rotation_the_new_key_seals_the_old_one_still_opens_and_hashes_stay():
    before, during = Vault([OLD]), Vault([NEW, OLD])
    sealed = before.seal("+16035550101")
    assert during.open(sealed) == "+16035550101"
    assert during.hash("+16035550101") == before.hash("+16035550101")
    assert Vault([NEW], hash_key=OTHER).open(during.seal("Ann")) == "Ann"
    with pytest.raises(KeyError):
        before.open(during.seal("Ann"))
    with pytest.raises(KeyError):
        Vault([NEW]).open(sealed)


def test_a_hash_key_of_its_own_outlives_every_rotation():
    hashes = {Vault(keys, hash_key=OTHER).hash("+16035550101") for keys in ([OLD], [NEW, OLD], [NEW])}
    assert len(hashes) == 1


def test_a_hash_tells_nothing_without_the_key_and_is_the_same_for_the_same_words():
    one, other = Vault([OLD]), Vault([NEW])
    assert one.hash("+16035550101") == one.hash("+16035550101") != one.hash("+16035550102")
    assert one.hash("+16035550101") != other.hash("+16035550101")
    assert len(one.hash("")) == 64


def test_whatever_is_changed_in_what_was_sealed_is_refused():
    vault = Vault([NEW, OLD])
    sealed = vault.seal("+16035550101")
    for place in range(len(sealed)):
        changed = bytearray(sealed)
        changed[place] ^= 1
        with pytest.raises(KeyError):
            vault.open(bytes(changed))
    for length in range(len(sealed)):
        with pytest.raises(KeyError):
            vault.open(sealed[:length])
    with pytest.raises(KeyError):
        vault.open(sealed + b"x")


def test_a_ledger_whose_keys_were_rotated_still_knows_everybody(ledger, content, tmp_path):
    before = Clinic(ledger, Vault([OLD]), content, tmp_path)
    before.take(row(1, at(2, -1), first_name="Ann"), row(2, at(2, -1)))
    after = Clinic(ledger, Vault([NEW, OLD]), content, tmp_path)
    report = after.take(row(1, at(2, -1), first_name="Ann"), row(3, at(2, -1)))
    assert (report.unchanged, report.accepted) == (1, 1)
    assert {one.phone for one in after.claim()} == {"+16035550101", "+16035550102", "+16035550103"}


def test_a_process_that_stops_in_the_middle_of_a_transaction_holds_nobody_up_for_ever(ledger_url, monkeypatch):
    """On SQLite its end frees the others, and nothing else does; they are told, and do not wait for ever."""
    monkeypatch.setattr(engine, "BUSY_SECONDS", 1)
    monkeypatch.setattr(engine, "IDLE_SECONDS", 3)
    stopped, other = open_ledger(ledger_url), open_ledger(ledger_url)
    with pytest.raises(LedgerUnavailable) if not stopped.is_sqlite else nullcontext(), stopped.write() as connection:
        stopped.exclusive_lock(connection)
        connection.execute(select(func.count()).select_from(alarm))
        with pytest.raises(LedgerUnavailable), other.write() as second:
            other.exclusive_lock(second)
        if not stopped.is_sqlite:
            # Others go on although it never ended.
            time.sleep(3)
            raise_one(other)
            connection.execute(select(alarm))
    if stopped.is_sqlite:
        raise_one(other)
    assert raised(other) == {"a": NOW}
    stopped.close()
    other.close()
