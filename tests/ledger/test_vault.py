"""The vault: encryption and hashes of personal data, through key rotations."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.ledger import Vault
from ivr.ledger.vault import UnknownKey
from tests.support.clinic import Clinic, at, row

OLD_KEY, NEW_KEY, OTHER_KEY = b"o" * 32, b"n" * 32, b"x" * 32
PHONE = "+16035550101"


@settings(max_examples=100, deadline=None)
@given(st.text())
def test_sealed_text_can_be_opened_and_differs_each_time(plaintext):
    vault = Vault([NEW_KEY])
    sealed = vault.seal(plaintext)
    assert vault.open(sealed) == plaintext
    assert sealed != vault.seal(plaintext)
    assert len(plaintext) < 4 or plaintext.encode() not in sealed


def test_after_a_rotation_the_new_key_seals_the_old_key_opens_and_hashes_stay_the_same():
    before, during = Vault([OLD_KEY]), Vault([NEW_KEY, OLD_KEY])
    sealed = before.seal(PHONE)
    assert during.open(sealed) == PHONE
    assert during.hash(PHONE) == before.hash(PHONE)
    assert Vault([NEW_KEY], hash_key=OTHER_KEY).open(during.seal("Ann")) == "Ann"
    with pytest.raises(UnknownKey):
        before.open(during.seal("Ann"))
    with pytest.raises(UnknownKey):
        Vault([NEW_KEY]).open(sealed)


def test_with_a_separate_hash_key_hashes_survive_every_rotation():
    rotations = ([OLD_KEY], [NEW_KEY, OLD_KEY], [NEW_KEY])
    assert len({Vault(keys, hash_key=OTHER_KEY).hash(PHONE) for keys in rotations}) == 1


def test_a_hash_depends_on_the_key_and_is_the_same_for_the_same_text():
    vault, other = Vault([OLD_KEY]), Vault([NEW_KEY])
    assert vault.hash(PHONE) == vault.hash(PHONE) != vault.hash("+16035550102")
    assert vault.hash(PHONE) != other.hash(PHONE)
    assert len(vault.hash("")) == 64


@given(st.lists(st.text(max_size=20), max_size=20))
def test_values_that_are_sealed_together_are_opened_one_by_one_and_share_no_nonce(plaintexts):
    vault = Vault([b"k" * 32])
    sealed = vault.seal_all(plaintexts)
    assert [vault.open(each) for each in sealed] == plaintexts
    assert len({each[4:16] for each in sealed}) == len(plaintexts)


def test_values_that_are_sealed_together_are_sealed_with_the_newest_key():
    [sealed] = Vault([b"n" * 32, b"k" * 32]).seal_all(["Rosa"])
    assert Vault([b"n" * 32]).open(sealed) == "Rosa"
    with pytest.raises(UnknownKey):
        Vault([b"k" * 32]).open(sealed)


def test_modified_sealed_text_is_rejected():
    vault = Vault([NEW_KEY, OLD_KEY])
    sealed = vault.seal(PHONE)
    for index in range(len(sealed)):
        changed = bytearray(sealed)
        changed[index] ^= 1
        with pytest.raises(UnknownKey):
            vault.open(bytes(changed))
    for length in range(len(sealed)):
        with pytest.raises(UnknownKey):
            vault.open(sealed[:length])
    with pytest.raises(UnknownKey):
        vault.open(sealed + b"x")


def test_after_a_key_rotation_every_person_is_still_found(ledger, content, tmp_path):
    before = Clinic(ledger, Vault([OLD_KEY]), content, tmp_path)
    before.import_rows(row(1, at(2, -1), first_name="Ann"), row(2, at(2, -1)))
    after = Clinic(ledger, Vault([NEW_KEY, OLD_KEY]), content, tmp_path)
    report = after.import_rows(row(1, at(2, -1), first_name="Ann"), row(3, at(2, -1)))
    assert (report.unchanged, report.accepted) == (1, 1)
    assert {text.phone for text in after.claim()} == {PHONE, "+16035550102", "+16035550103"}
