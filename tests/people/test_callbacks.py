"""Call-back requests: stored once per call and entry, listed for staff, and completed by them."""

from __future__ import annotations

import base64
import json
import threading
from dataclasses import replace
from datetime import timedelta

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from ivr.cli import main
from ivr.ledger import Vault, open_ledger
from ivr.ledger.tables import callback, person
from ivr.people.callbacks import CallbackRequest, PendingCallback, complete_callback, pending_callbacks, save_callback
from tests.support.clinic import NOW, write_empty_ledger

JANE, JOAN = "+16035550101", "+16035550102"
CALL, OTHER_CALL = "CA" + "1" * 32, "CA" + "2" * 32
REQUEST = CallbackRequest(JANE, "es", "breast-health-center", "cancer", "morning", CALL, "token 1")
LATER = NOW + timedelta(minutes=1)


def save(ledger, vault, request, now=NOW):
    with ledger.write() as connection:
        save_callback(connection, vault, request, now)


def complete(ledger, number, now=LATER):
    with ledger.write() as connection:
        return complete_callback(connection, number, "ann", now)


def pending(ledger, vault):
    with ledger.read() as connection:
        return pending_callbacks(connection, vault)


def rows(ledger):
    with ledger.read() as connection:
        return connection.execute(select(callback).order_by(callback.c.id)).all()


def test_a_request_is_stored_with_its_number_encrypted_and_its_ids_hashed(ledger, vault):
    save(ledger, vault, REQUEST)
    (row,) = rows(ledger)
    assert pending(ledger, vault) == [
        PendingCallback(row.id, JANE, "es", "breast-health-center", "cancer", "morning", NOW)
    ]
    assert (len(row.call), len(row.request), row.done_at, row.done_by) == (64, 64, None, None)
    with ledger.read() as connection:
        (person_row,) = connection.execute(select(person)).all()
    for stored in (row, person_row):
        text = " ".join(repr(value) for value in stored)
        assert not any(secret in text for secret in (JANE, JANE[2:], CALL, "token 1"))


REPEATED = [
    ("a retry", {}),
    ("another time of day", {"wished": "any", "request": "token 2"}),
    ("another number", {"phone": JOAN, "request": "token 2"}),
    ("another language and topic", {"language": "en", "topic": None, "request": "token 2"}),
    ("without a token", {"wished": "afternoon", "request": None}),
]


@pytest.mark.parametrize("change", [case[1] for case in REPEATED], ids=[case[0] for case in REPEATED])
def test_repeated_requests_of_a_call_are_one_row_with_the_latest_values(ledger, vault, change):
    request = replace(REQUEST, **change)
    save(ledger, vault, REQUEST)
    save(ledger, vault, request, LATER)
    (row,) = rows(ledger)
    assert pending(ledger, vault) == [
        PendingCallback(row.id, request.phone, request.language, request.entry, request.topic, request.wished, NOW)
    ]


@pytest.mark.parametrize(
    "change",
    [{"call": OTHER_CALL, "phone": JOAN}, {"entry": "central-scheduling"}],
    ids=["another number", "another entry"],
)
def test_requests_for_other_numbers_or_entries_are_separate_rows_oldest_first(ledger, vault, change):
    other = replace(REQUEST, wished="any", **change)
    save(ledger, vault, other, LATER)
    save(ledger, vault, REQUEST)
    assert [callback_.wished for callback_ in pending(ledger, vault)] == ["morning", "any"]


def test_a_completed_call_back_is_no_longer_pending_and_completes_once(ledger, vault):
    save(ledger, vault, REQUEST)
    save(ledger, vault, replace(REQUEST, phone=JOAN, call=OTHER_CALL), LATER)
    first, second = pending(ledger, vault)
    assert complete(ledger, first.id)
    assert [callback_.id for callback_ in pending(ledger, vault)] == [second.id]
    assert not complete(ledger, first.id, LATER + timedelta(hours=1))
    assert not complete(ledger, 77)
    assert [(row.done_at, row.done_by) for row in rows(ledger)] == [(LATER, "ann"), (None, None)]


@pytest.mark.parametrize(
    ("token", "count"), [("token 1", 0), ("token 2", 1), (None, 1)], ids=["a retry", "a new request", "no token"]
)
def test_a_retry_does_not_reopen_a_completed_call_back_and_a_new_request_does(ledger, vault, token, count):
    save(ledger, vault, REQUEST)
    complete(ledger, rows(ledger)[0].id)
    save(ledger, vault, replace(REQUEST, request=token), LATER)
    assert len(pending(ledger, vault)) == count
    assert rows(ledger)[0].done_by == (None if count else "ann")


def test_concurrent_requests_of_one_call_are_one_row(ledger, vault):
    start = threading.Barrier(4)

    def request(number):
        start.wait()
        save(ledger, vault, replace(REQUEST, request=f"token {number}"))

    threads = [threading.Thread(target=request, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(pending(ledger, vault)) == len(rows(ledger)) == 1


def test_fifty_calls_for_one_number_and_entry_leave_one_request_with_the_latest_values(ledger, vault):
    for number in range(50):
        save(ledger, vault, replace(REQUEST, call=f"CA{number:032d}", request=f"token {number}"), NOW)
    last = replace(REQUEST, call=OTHER_CALL, request="last", wished="any")
    for _ in range(2):
        save(ledger, vault, last, LATER)
    assert [(row.phone, row.wished, row.asked_at) for row in pending(ledger, vault)] == [(JANE, "any", NOW)]
    assert len(rows(ledger)) == 1


def test_concurrent_calls_for_one_number_leave_one_request(ledger, vault):
    start = threading.Barrier(8)

    def request(number):
        start.wait()
        save(ledger, vault, replace(REQUEST, call=f"CA{number:032d}", request=f"token {number}"))

    threads = [threading.Thread(target=request, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(pending(ledger, vault)) == 1


def test_a_number_that_is_changed_to_one_that_already_waits_leaves_one_request(ledger, vault):
    save(ledger, vault, replace(REQUEST, phone=JOAN, call=OTHER_CALL))
    save(ledger, vault, REQUEST, LATER)
    save(ledger, vault, replace(REQUEST, phone=JOAN, request="token 2"), LATER)
    assert [row.phone for row in pending(ledger, vault)] == [JOAN]


def test_a_completed_request_stays_completed_when_the_number_waits_again(ledger, vault):
    save(ledger, vault, REQUEST)
    complete(ledger, rows(ledger)[0].id)
    save(ledger, vault, replace(REQUEST, call=OTHER_CALL, request="token 2"), LATER)
    save(ledger, vault, replace(REQUEST, wished="any", request="token 3"), LATER)
    assert [row.wished for row in pending(ledger, vault)] == ["any"]
    assert [row.done_by for row in rows(ledger)] == ["ann", None]


def test_duplicates_from_before_are_kept_and_the_oldest_is_updated(ledger, vault):
    save(ledger, vault, REQUEST)
    (row,) = rows(ledger)
    with ledger.write() as connection:
        copy = {**row._mapping, "call": "other", "asked_at": LATER}
        del copy["id"]
        connection.execute(callback.insert().values(copy))
    save(ledger, vault, replace(REQUEST, call=OTHER_CALL, request="token 2", wished="any"), LATER)
    assert [row.wished for row in pending(ledger, vault)] == ["any", "morning"]


# The command


@pytest.fixture
def command_ledger(tmp_path, monkeypatch):
    """The database and the vault that the command uses."""
    key = b"k" * 32
    monkeypatch.setenv("VAR_DIR", str(tmp_path))
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/line.db")
    monkeypatch.setenv("PHONE_KEY", base64.urlsafe_b64encode(key).decode())
    write_empty_ledger(tmp_path / "line.db")
    ledger = open_ledger(f"sqlite:///{tmp_path}/line.db")
    yield ledger, Vault([key])
    ledger.close()


def command(*arguments):
    return CliRunner().invoke(main, ["callbacks", *arguments])


def test_the_list_fits_80_columns_and_shows_number_time_and_purpose(command_ledger):
    save(*command_ledger, REQUEST)
    save(
        *command_ledger,
        replace(REQUEST, phone="+442079460958", language="xx", entry="closed-office", call=OTHER_CALL),
        LATER,
    )
    result = command()
    assert result.exit_code == 0
    assert max(len(line) for line in result.output.splitlines()) <= 80
    for words in ("1  Tue Dec 1 10:00  603-555-0101  the Elliot Breast Health Center  Español  morning",
                  "2  Tue Dec 1 10:01  +442079460958  closed-office  xx  morning"):  # fmt: skip
        assert all(word in result.output for word in words.split())
    assert result.output.index("603-555-0101") < result.output.index("+442079460958")


def test_the_list_as_json_has_every_field(command_ledger):
    save(*command_ledger, REQUEST)
    assert json.loads(command("--json").output) == {
        "callbacks": [
            {
                "id": 1,
                "asked_at": "2026-12-01T10:00:00-05:00",
                "phone": JANE,
                "entry": "breast-health-center",
                "name": "the Elliot Breast Health Center",
                "topic": "cancer",
                "language": "es",
                "wished": "morning",
            }
        ]
    }


def test_an_empty_list_prints_a_sentence(command_ledger):
    assert (command().exit_code, command().output) == (0, "No call-back requests.\n")
    assert json.loads(command("--json").output) == {"callbacks": []}


def test_done_takes_a_call_back_off_the_list_and_stores_who_did_it(command_ledger, monkeypatch):
    monkeypatch.setattr("ivr.cli.context.process_user", lambda: "ann")
    monkeypatch.delenv("SUDO_USER", raising=False)
    save(*command_ledger, REQUEST)
    result = command("done", "1")
    assert (result.exit_code, result.stdout) == (0, "Call-back request 1 is done.\n")
    assert command().output == "No call-back requests.\n"
    assert rows(command_ledger[0])[0].done_by == "ann"


MISUSE = [
    ("an unknown id", ("done", "7"), "There is no pending call-back request 7"),
    ("an id that is not a number", ("done", "seven"), "`seven` is not a number from the list"),
    ("no id", ("done",), "Missing argument 'ID'"),
    ("an unknown command", ("dnoe", "1"), "dnoe"),
]


@pytest.mark.parametrize(("arguments", "message"), [case[1:] for case in MISUSE], ids=[case[0] for case in MISUSE])
def test_misuse_prints_a_sentence(command_ledger, arguments, message):
    result = command(*arguments)
    assert result.exit_code == 2
    assert message in result.output
    assert "Traceback" not in result.output


def test_a_lost_key_and_a_damaged_database_each_print_a_sentence(command_ledger, tmp_path, monkeypatch):
    save(*command_ledger, REQUEST)
    monkeypatch.setenv("PHONE_KEY", base64.urlsafe_b64encode(b"x" * 32).decode())
    lost = command()
    assert (lost.exit_code, "PHONE_KEY" in lost.output) == (2, True)
    (tmp_path / "damaged.db").write_bytes(b"this is no database " * 500)
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/damaged.db")
    damaged = command()
    assert (damaged.exit_code, "does not answer" in damaged.output) == (2, True)
