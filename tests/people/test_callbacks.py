"""Who wants to be called back: kept once for each call and entry, listed for the staff, taken off when done."""

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
from ivr.people.callbacks import CallbackRequest, complete_callback, pending_callbacks, save_callback
from tests.support.clinic import NOW

JANE, JOAN = "+16035550101", "+16035550102"
CALL, OTHER_CALL = "CA" + "1" * 32, "CA" + "2" * 32
WISH = CallbackRequest(JANE, "es", "breast-health-center", "cancer", "morning", CALL, "token 1")
LATER = NOW + timedelta(minutes=1)


def keep(ledger, vault, wish, now=NOW):
    with ledger.write() as connection:
        save_callback(connection, vault, wish, now)


def done(ledger, number, now=LATER):
    with ledger.write() as connection:
        return complete_callback(connection, number, "ann", now)


def waiting(ledger, vault):
    with ledger.read() as connection:
        return pending_callbacks(connection, vault)


def rows(ledger):
    with ledger.read() as connection:
        return connection.execute(select(callback).order_by(callback.c.id)).all()


def test_a_wish_is_kept_whole_and_the_number_stands_nowhere_in_the_open(ledger, vault):
    keep(ledger, vault, WISH)
    (one,) = waiting(ledger, vault)
    assert (one.phone, one.language, one.entry, one.topic, one.wished, one.asked_at) == (
        *(JANE, "es", "breast-health-center", "cancer", "morning"),
        NOW,
    )
    (row,) = rows(ledger)
    assert (len(row.call), len(row.request), row.done_at, row.done_by) == (64, 64, None, None)
    with ledger.read() as connection:
        (she,) = connection.execute(select(person)).all()
    for kept in (row, she):
        told = " ".join(repr(value) for value in kept)
        assert not any(secret in told for secret in (JANE, JANE[2:], CALL, "token 1"))


AGAIN = [
    ("the same request once more", {}),
    ("another time", {"wished": "any", "request": "token 2"}),
    ("another number", {"phone": JOAN, "request": "token 2"}),
    ("another language and topic", {"language": "en", "topic": None, "request": "token 2"}),
    ("without a token", {"wished": "afternoon", "request": None}),
]


@pytest.mark.parametrize("change", [case[1] for case in AGAIN], ids=[case[0] for case in AGAIN])
def test_asked_again_in_the_same_call_it_is_one_wish_and_the_last_one_counts(ledger, vault, change):
    wish = replace(WISH, **change)
    keep(ledger, vault, WISH)
    keep(ledger, vault, wish, LATER)
    (one,) = waiting(ledger, vault)
    assert (one.phone, one.language, one.topic, one.wished) == (wish.phone, wish.language, wish.topic, wish.wished)
    assert (one.asked_at, len(rows(ledger))) == (NOW, 1)


@pytest.mark.parametrize(
    "change", [{"call": OTHER_CALL}, {"entry": "central-scheduling"}], ids=["another call", "another entry"]
)
def test_another_wish_is_another_row_and_the_oldest_comes_first(ledger, vault, change):
    other = replace(WISH, wished="any", **change)
    keep(ledger, vault, other, LATER)
    keep(ledger, vault, WISH)
    assert [one.wished for one in waiting(ledger, vault)] == ["morning", "any"]


def test_what_is_done_waits_no_more_and_is_done_once(ledger, vault):
    keep(ledger, vault, WISH)
    keep(ledger, vault, replace(WISH, call=OTHER_CALL), LATER)
    first, second = waiting(ledger, vault)
    assert done(ledger, first.id)
    assert [one.id for one in waiting(ledger, vault)] == [second.id]
    assert not done(ledger, first.id, LATER + timedelta(hours=1))
    assert not done(ledger, 77)
    assert [(row.done_at, row.done_by) for row in rows(ledger)] == [(LATER, "ann"), (None, None)]


@pytest.mark.parametrize(
    ("token", "waits"), [("token 1", 0), ("token 2", 1), (None, 1)], ids=["replayed", "asked anew", "no token"]
)
def test_a_replay_does_not_bring_back_what_is_done_and_a_new_wish_does(ledger, vault, token, waits):
    keep(ledger, vault, WISH)
    done(ledger, rows(ledger)[0].id)
    keep(ledger, vault, replace(WISH, request=token), LATER)
    assert len(waiting(ledger, vault)) == waits
    assert rows(ledger)[0].done_by == (None if waits else "ann")


def test_wishes_of_one_call_side_by_side_are_one_row(ledger, vault):
    start = threading.Barrier(4)

    def ask(number):
        start.wait()
        keep(ledger, vault, replace(WISH, request=f"token {number}"))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(waiting(ledger, vault)) == len(rows(ledger)) == 1


# The command


@pytest.fixture
def desk(tmp_path, monkeypatch):
    """The staff's desk: a line on this machine, and its command."""
    key = b"k" * 32
    monkeypatch.setenv("VAR_DIR", str(tmp_path))
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/desk.db")
    monkeypatch.setenv("PHONE_KEY", base64.urlsafe_b64encode(key).decode())
    made = open_ledger(f"sqlite:///{tmp_path}/desk.db")
    made.upgrade()
    yield made, Vault([key])
    made.close()


def command(*arguments):
    return CliRunner().invoke(main, ["callbacks", *arguments])


def test_the_list_shows_in_80_columns_whom_to_dial_when_and_for_what(desk):
    keep(*desk, WISH)
    keep(*desk, replace(WISH, phone="+442079460958", language="xx", entry="closed-office", call=OTHER_CALL), LATER)
    told = command()
    assert told.exit_code == 0
    assert max(len(line) for line in told.output.splitlines()) <= 80
    for words in ("1  Tue Dec 1 10:00  603-555-0101  the Elliot Breast Health Center  Español  morning",
                  "2  Tue Dec 1 10:01  +442079460958  closed-office  xx  morning"):  # fmt: skip
        assert all(word in told.output for word in words.split())
    assert told.output.index("603-555-0101") < told.output.index("+442079460958")


def test_the_list_as_json_is_for_programs(desk):
    keep(*desk, WISH)
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


def test_an_empty_list_says_so(desk):
    assert (command().exit_code, command().output) == (0, "No call-back requests.\n")
    assert json.loads(command("--json").output) == {"callbacks": []}


def test_what_was_done_is_taken_off_the_list_by_whoever_says_so(desk, monkeypatch):
    monkeypatch.setenv("LOGNAME", "ann")
    keep(*desk, WISH)
    told = command("done", "1")
    assert (told.exit_code, told.output) == (0, "Call-back request 1 is done.\n")
    assert command().output == "No call-back requests.\n"
    assert rows(desk[0])[0].done_by == "ann"


WRONG = [
    ("an id that nobody has", ("done", "7"), "There is no pending call-back request 7"),
    ("no number", ("done", "seven"), "`seven` is not a number from the list"),
    ("no id", ("done",), "Missing argument 'ID'"),
    ("a word that is no command", ("dnoe", "1"), "dnoe"),
]


@pytest.mark.parametrize(("arguments", "told"), [case[1:] for case in WRONG], ids=[case[0] for case in WRONG])
def test_wrong_use_is_told_in_a_sentence(desk, arguments, told):
    ended = command(*arguments)
    assert ended.exit_code == 2
    assert told in ended.output
    assert "Traceback" not in ended.output


def test_a_lost_key_and_a_ledger_that_is_away_are_told_in_a_sentence(desk, tmp_path, monkeypatch):
    keep(*desk, WISH)
    monkeypatch.setenv("PHONE_KEY", base64.urlsafe_b64encode(b"x" * 32).decode())
    lost = command()
    assert (lost.exit_code, "PHONE_KEY" in lost.output) == (2, True)
    (tmp_path / "damaged.db").write_bytes(b"this is no database " * 500)
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/damaged.db")
    away = command()
    assert (away.exit_code, "does not answer" in away.output) == (2, True)
