"""The keys of the settings fit the database, or nothing is read from it or written to it."""

from __future__ import annotations

import pytest
from sqlalchemy import LargeBinary, delete, select

from ivr.ledger import LedgerUnavailable, Vault, keys, open_ledger
from ivr.ledger.keys import SEALED_COLUMNS, WrongKeys, open_guarded_ledger, refuse_wrong_keys, verify_keys
from ivr.ledger.reseal import forget_lost_keys, reseal
from ivr.ledger.spool import Spool
from ivr.ledger.tables import mark, metadata, person
from ivr.ledger.vault import sealed_key_id
from ivr.people.persons import get_or_create_persons, opt_out
from tests.support.clinic import NOW, Clinic, at, row

OLD, NEW, OTHER = b"o" * 32, b"n" * 32, b"x" * 32
PHONE = "+16035550101"


def add_person(ledger, vault, phone=PHONE):
    with ledger.write() as connection:
        return get_or_create_persons(connection, vault, [phone], NOW)[phone]


def forget_record(ledger):
    """Make the database one from before its keys were recorded."""
    with ledger.write() as connection:
        connection.execute(delete(mark))


WRONG = [
    ("the keys in the wrong order", Vault([OLD, NEW]), "former order"),
    ("a fresh key in place of the old one", Vault([OTHER]), "PHONE_KEY"),
    ("a fresh key after the old one", Vault([NEW, OLD, OTHER]), "former order"),
    ("the oldest key removed too early", Vault([NEW]), "former order"),
    ("another look-up key", Vault([NEW, OLD], hash_key=OTHER), "PHONE_HASH_KEY"),
]


@pytest.mark.parametrize("recorded", [True, False], ids=["recorded", "from before keys were recorded"])
@pytest.mark.parametrize(("vault", "sentence"), [case[1:] for case in WRONG], ids=[case[0] for case in WRONG])
def test_a_database_is_not_used_with(ledger, ledger_url, vault, sentence, recorded):
    right = Vault([NEW, OLD])
    verify_keys(ledger, right)
    add_person(ledger, right)
    if not recorded:
        forget_record(ledger)
    with pytest.raises(WrongKeys, match=sentence):
        refuse_wrong_keys(ledger_url, vault)
    guarded = open_guarded_ledger(ledger_url, vault)
    for transaction in (guarded.read, guarded.write, guarded.write):
        with pytest.raises(LedgerUnavailable, match=sentence), transaction():
            pytest.fail("a transaction started")
    guarded.close()
    verify_keys(ledger, right)


def test_a_key_that_encrypted_data_must_stay_listed(ledger):
    verify_keys(ledger, Vault([OLD], hash_key=OTHER))
    with pytest.raises(WrongKeys, match="key id"):
        verify_keys(ledger, Vault([NEW], hash_key=OTHER))
    verify_keys(ledger, Vault([NEW, OLD], hash_key=OTHER))
    with pytest.raises(WrongKeys, match="key id"):
        verify_keys(ledger, Vault([OLD], hash_key=OTHER))


def test_a_number_whose_key_was_lost_before_keys_were_recorded_does_not_stop_the_line(ledger):
    vault = Vault([NEW, OLD])
    add_person(ledger, vault)
    with ledger.write() as connection:
        lost = {"phone_hash": "h", "phone_sealed": Vault([OTHER]).seal(PHONE), "created_at": NOW}
        connection.execute(person.insert().values(lost))
    verify_keys(ledger, vault)


def test_an_empty_database_takes_any_keys_and_a_missing_or_unreachable_one_refuses_none(ledger, tmp_path):
    verify_keys(ledger, Vault([OTHER]))
    for url in (f"sqlite:///{tmp_path}/none.db", "postgresql://nobody@127.0.0.1:1/none"):
        refuse_wrong_keys(url, Vault([NEW]))
    assert not (tmp_path / "none.db").exists()


def test_a_rejected_key_is_logged_once(ledger, ledger_url, monkeypatch):
    logged = []

    class Log:
        def critical(self, event, **fields):
            logged.append((event, *fields))

    monkeypatch.setattr(keys.log, "get_logger", Log)
    verify_keys(ledger, Vault([OLD]))
    guarded = open_guarded_ledger(ledger_url, Vault([OTHER]))
    for _ in range(3):
        with pytest.raises(WrongKeys), guarded.read():
            pass
    assert logged == [("keys_rejected", "reason")]


def test_every_column_with_bytes_is_encrypted_or_public():
    public = {"release.content", "draft_file.content", "topic_model.data"}
    binary = {
        str(column)
        for table in metadata.sorted_tables
        for column in table.columns
        if isinstance(column.type, LargeBinary)
    }
    assert {str(column) for _, column in SEALED_COLUMNS} == binary - public


def key_ids(ledger):
    """The ids of the keys that encrypt each column."""
    with ledger.read() as connection:
        return {
            str(column): {sealed_key_id(value) for value in connection.execute(select(column)).scalars() if value}
            for _, column in SEALED_COLUMNS
        }


def test_after_a_reseal_the_oldest_key_may_go_and_every_person_is_found(ledger, content, tmp_path):
    before = Vault([OLD])
    verify_keys(ledger, before)
    clinic = Clinic(ledger, before, content, tmp_path)
    clinic.import_rows(*(row(number, at(20), first_name="Ann") for number in range(1, 8)))
    with ledger.write() as connection:
        opt_out(connection, before, PHONE, NOW, "staff", "asked")
    during = Vault([NEW, OLD])
    verify_keys(ledger, during)
    counts = []
    report = reseal(ledger, during, counts.append)
    assert (report.resealed, report.unreadable, report.in_use) == (15, {}, set())
    assert counts == sorted(counts)
    assert set.union(*key_ids(ledger).values()) == {during.newest_key_id}
    after = Vault([NEW], hash_key=keys_of(before))
    verify_keys(ledger, after)
    report = Clinic(ledger, after, content, tmp_path).import_rows(row(1, at(20), first_name="Ann"))
    assert report.unchanged == 1
    assert reseal(ledger, after, counts.append).resealed == 0


def keys_of(vault):
    from ivr.setting_rules import decode_key

    return decode_key(vault.hash_key_text)


def test_an_interrupted_reseal_continues(ledger, monkeypatch):
    monkeypatch.setattr("ivr.ledger.reseal.PER_TRANSACTION", 2)
    before, during = Vault([OLD]), Vault([NEW, OLD])
    for number in range(5):
        add_person(ledger, before, f"+1603555010{number}")

    def interrupt(count):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        reseal(ledger, during, interrupt)
    assert reseal(ledger, during, print).resealed == 3


def test_after_an_old_process_encrypted_everything_with_the_older_key_the_newer_one_is_required_again(ledger):
    old, new = Vault([OLD, NEW], hash_key=OTHER), Vault([NEW, OLD], hash_key=OTHER)
    verify_keys(ledger, old)
    verify_keys(ledger, new)
    add_person(ledger, new)
    assert reseal(ledger, old).retired == [new.newest_key_id]
    assert reseal(ledger, new).retired == [old.newest_key_id]
    with pytest.raises(WrongKeys, match="key id"):
        verify_keys(ledger, Vault([OLD], hash_key=OTHER))
    verify_keys(ledger, Vault([NEW], hash_key=OTHER))


def test_values_that_need_a_missing_key_are_counted_and_kept(ledger):
    vault = Vault([NEW, OLD])
    verify_keys(ledger, vault)
    add_person(ledger, Vault([OTHER], hash_key=OTHER))
    report = reseal(ledger, vault, print)
    assert report.unreadable == {Vault([OTHER]).newest_key_id: 1}
    assert key_ids(ledger)["person.phone_sealed"] == {Vault([OTHER]).newest_key_id}


def test_a_lost_key_can_be_given_up(ledger):
    verify_keys(ledger, Vault([OLD], hash_key=OTHER))
    after = Vault([NEW], hash_key=OTHER)
    assert forget_lost_keys(ledger, after) == {Vault([OLD]).newest_key_id}
    verify_keys(ledger, after)


def test_spooled_writes_are_resealed_and_a_file_that_needs_a_missing_key_stays(clinic, tmp_path):
    folder = tmp_path / "kept"
    Spool(folder, clinic.ledger, Vault([OTHER]), {}).save("stop", NOW, phone=PHONE)
    (unreadable,) = [path for path in folder.iterdir() if not path.name.startswith(".")]
    bytes_before = unreadable.read_bytes()
    Spool(folder, clinic.ledger, Vault([OLD]), {}).save("stop", NOW, phone=PHONE)
    spool = Spool(folder, clinic.ledger, Vault([NEW, OLD]), {})
    assert (spool.reseal(), spool.reseal()) == (1, 0)
    assert unreadable.read_bytes() == bytes_before
    applied = []
    handlers = {"stop": lambda *arguments: applied.append(arguments[-1]["phone"])}
    assert Spool(folder, clinic.ledger, Vault([NEW]), handlers).replay() == 1
    assert applied == [PHONE]


def test_a_missing_sqlite_file_is_never_created_by_reading_or_writing(tmp_path):
    missing = open_ledger(f"sqlite:///{tmp_path}/folder/missing.db")
    for transaction in (missing.read, missing.write):
        with pytest.raises(LedgerUnavailable), transaction():
            pytest.fail("a transaction started")
    with pytest.raises(LedgerUnavailable, match="infoline db upgrade"):
        missing.check()
    assert list(tmp_path.iterdir()) == []
    missing.upgrade()
    missing.check()
    assert (tmp_path / "folder" / "missing.db").stat().st_mode & 0o077 == 0
