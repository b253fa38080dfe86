"""Keys of the API."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from ivr.ledger.tables import api_key
from ivr.staff.api_keys import (
    USE_RECORDED_EVERY,
    add_api_key,
    api_keys,
    find_api_key,
    is_use_recorded,
    record_use,
    revoke_api_key,
)
from ivr.staff.users import Role
from tests.support.clinic import NOW


@pytest.fixture
def connection(ledger):
    with ledger.write() as connection:
        yield connection


def add(connection, **more):
    return add_api_key(connection, "Scheduling system", Role.SCHEDULER, NOW, **more)


def test_a_key_is_found_by_its_text_and_stored_without_it(connection):
    new = add(connection)
    assert find_api_key(connection, new.text, NOW) == new.key
    [row] = connection.execute(select(api_key)).all()
    secret = new.text.split("_", 2)[2]
    assert all(secret[:20] not in str(value) for value in row)


def test_the_secret_of_one_key_does_not_open_another(connection):
    first, second = add(connection), add(connection)
    secret = first.text.removeprefix(f"infoline_{first.key.id}_")
    assert find_api_key(connection, f"infoline_{second.key.id}_{secret}", NOW) is None


@pytest.mark.parametrize("text", ["", "x", "infoline_1_", "infoline_1_" + "a" * 43, "infoline_9_" + "a" * 43])
def test_what_is_not_a_key_is_not_found(connection, text):
    add(connection)
    assert find_api_key(connection, text, NOW) is None


def test_a_key_ends_when_it_expires(connection):
    new = add(connection, days=2)
    assert find_api_key(connection, new.text, NOW + timedelta(days=2, seconds=-1))
    assert find_api_key(connection, new.text, NOW + timedelta(days=2)) is None


def test_a_revoked_key_ends_at_once_and_stays_on_the_list(connection):
    new = add(connection)
    assert revoke_api_key(connection, new.key.id, NOW)
    assert not revoke_api_key(connection, new.key.id, NOW)
    assert find_api_key(connection, new.text, NOW) is None
    assert [key.revoked_at for key in api_keys(connection)] == [NOW]


def test_a_use_needs_no_second_write_for_some_minutes(connection):
    new = add(connection)
    assert not is_use_recorded(new.key, NOW)
    record_use(connection, new.key.id, NOW)
    [key] = api_keys(connection)
    assert is_use_recorded(key, NOW + USE_RECORDED_EVERY / 2)
    assert not is_use_recorded(key, NOW + USE_RECORDED_EVERY)


@pytest.mark.parametrize(
    "change", [{"name": " "}, {"name": "x" * 101}, {"role": Role.ADMIN}, {"days": 0}, {"days": 3651}]
)
def test_a_wrong_name_role_or_end_is_refused(connection, change):
    values = {"name": "Epic", "role": Role.SCHEDULER, "days": None, **change}
    with pytest.raises(ValueError, match="name|role|days"):
        add_api_key(connection, values["name"], values["role"], NOW, values["days"])
