"""The spool applies writes in order once the database is up, and survives damaged files and a failing disk."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from secrets import token_bytes
from typing import Any

import pytest
from sqlalchemy.exc import ProgrammingError

from ivr.ledger import Ledger, LedgerUnavailable, Vault, open_ledger
from ivr.ledger.spool import Spool

NOW = datetime(2026, 12, 1, 15, tzinfo=UTC)


@pytest.fixture
def applied() -> list[tuple[datetime, dict[str, Any]]]:
    return []


@pytest.fixture
def spool(tmp_path: Path, ledger: Ledger, vault: Vault, applied) -> Spool:
    return make_spool(tmp_path, ledger, vault, applied)


def make_spool(tmp_path: Path, ledger: Ledger, vault: Vault, applied) -> Spool:
    return Spool(tmp_path / "spool", ledger, vault, {"note": lambda _, __, at, data: applied.append((at, data))})


def test_writes_are_replayed_once_in_order_with_their_time(spool: Spool, applied) -> None:
    for number in range(12):
        assert spool.save("note", NOW, number=number)
    assert spool.replay() == 12
    assert applied == [(NOW, {"number": number}) for number in range(12)]
    assert spool.replay() == 0


def test_an_empty_or_missing_folder_replays_nothing(spool: Spool, tmp_path: Path) -> None:
    assert spool.replay() == 0
    (tmp_path / "spool").mkdir()
    assert spool.replay() == 0


def test_while_the_database_is_down_the_writes_stay(spool: Spool, tmp_path: Path, vault: Vault, applied) -> None:
    assert spool.save("note", NOW, number=1)
    with pytest.raises(LedgerUnavailable):
        make_spool(tmp_path, open_ledger("postgresql://nobody@127.0.0.1:9/nothing"), vault, applied).replay()
    assert applied == []
    assert spool.replay() == 1


def test_files_are_encrypted(spool: Spool, tmp_path: Path) -> None:
    assert spool.save("note", NOW, phone="+16035550123")
    (file,) = (tmp_path / "spool").iterdir()
    assert b"5550123" not in file.read_bytes()


@pytest.mark.parametrize("damage", ["not sealed", "a lost key", "an unknown kind"])
def test_an_unreadable_file_is_set_aside_and_does_not_block_later_ones(
    spool: Spool, tmp_path: Path, ledger: Ledger, applied, damage: str
) -> None:
    if damage == "not sealed":
        (tmp_path / "spool").mkdir()
        (tmp_path / "spool" / "00000000000000000001-bad").write_bytes(b"not sealed")
    elif damage == "a lost key":
        make_spool(tmp_path, ledger, Vault([b"x" * 32]), applied).save("note", NOW, number=1)
    else:
        spool.save("another", NOW, number=1)
    assert spool.save("note", NOW, number=2)
    assert spool.replay() == 1
    assert applied == [(NOW, {"number": 2})]
    assert [path.name[:12] for path in (tmp_path / "spool").iterdir() if path.name != ".lock"] == [".unreadable-"]


def test_a_write_that_was_set_aside_for_a_missing_key_is_applied_once_the_key_is_back(
    tmp_path: Path, ledger: Ledger, applied
) -> None:
    newer, older = (token_bytes(32) for _ in range(2))
    assert make_spool(tmp_path, ledger, Vault([newer, older]), applied).save("note", NOW, number=1)
    assert make_spool(tmp_path, ledger, Vault([older]), applied).replay() == 0
    restored = make_spool(tmp_path, ledger, Vault([older, newer]), applied)
    assert (restored.reseal(), restored.replay()) == (1, 1)
    assert applied == [(NOW, {"number": 1})]


def test_a_failing_disk_is_reported_to_the_caller(spool: Spool, tmp_path: Path) -> None:
    (tmp_path / "spool").write_text("a file where the folder should be")
    assert not spool.save("note", NOW, number=1)


REFUSED = [
    ("a constraint", "INSERT INTO mark (name, value, at) VALUES (NULL, '', '2026-12-01 00:00:00')"),
    ("a missing reference", "INSERT INTO opt_out_event (person_id, at, kind, source) "
     "VALUES (777, '2026-12-01 00:00:00', 'stop', 'text')"),
]  # fmt: skip


@pytest.mark.parametrize("statement", [case[1] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_a_write_that_the_database_refuses_is_set_aside_and_does_not_block_later_ones(
    tmp_path: Path, ledger: Ledger, vault: Vault, applied, statement: str
) -> None:
    def write(connection, _vault, at, data) -> None:
        if data["number"] == 1:
            connection.exec_driver_sql(statement)
        applied.append(data["number"])

    spool = Spool(tmp_path / "spool", ledger, vault, {"note": write})
    for number in (1, 2, 3):
        spool.save("note", NOW, number=number)
    assert spool.replay() == 2
    assert applied == [2, 3]
    assert [path.name[:12] for path in (tmp_path / "spool").iterdir() if path.name != ".lock"] == [".unreadable-"]


def test_a_table_that_is_not_upgraded_yet_keeps_every_write(tmp_path: Path, ledger: Ledger, vault: Vault) -> None:
    def write(connection, _vault, _at, _data) -> None:
        connection.exec_driver_sql("SELECT a_new_column FROM person")

    spool = Spool(tmp_path / "spool", ledger, vault, {"note": write})
    spool.save("note", NOW, number=1)
    with pytest.raises((LedgerUnavailable, ProgrammingError)):
        spool.replay()
    assert len([path for path in (tmp_path / "spool").iterdir() if path.name != ".lock"]) == 1


def test_a_write_that_waited_for_the_database_is_replayed_before_later_ones(spool: Spool, applied) -> None:
    for minute in (2, 0, 1):
        spool.save("note", NOW + timedelta(minutes=minute), minute=minute)
    spool.replay()
    assert [data["minute"] for _, data in applied] == [0, 1, 2]
