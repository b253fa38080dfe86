"""What happens on a call, on its way to the ledger: from a turn, from the carrier's word of the end, at a stop."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from flask import Flask
from sqlalchemy import delete, select
from twilio.request_validator import RequestValidator

from ivr import clock, create_app
from ivr.ledger import Ledger, Vault, background_writer, open_ledger
from ivr.ledger.tables import call_turn
from ivr.people.calls.call_log import CallLog
from ivr.settings import load
from tests.support.network import TOKEN
from tests.support.processes import environment, free_port, wait_until

RELEASE = "0123456789ab"
CALL, PHONE = "CA" + "7" * 32, "+16035550123"
AWAY = "postgresql://nobody@127.0.0.1:1/none"


@pytest.fixture
def log(ledger: Ledger, vault: Vault) -> Iterator[CallLog]:
    opened = CallLog(ledger, vault)
    yield opened
    opened.close()


@pytest.fixture
def in_haste(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background_writer, "FLUSH_SECONDS", 0.02)
    monkeypatch.setattr(background_writer, "SLOWEST_SECONDS", 0.05)


def rows(ledger: Ledger) -> list:
    with ledger.read() as connection:
        return list(connection.execute(select(call_turn).order_by(call_turn.c.at)))


# On its way to the ledger


def test_what_a_turn_notes_reaches_the_ledger_as_it_was(log, ledger, vault):
    log.note(CALL, RELEASE, "en.menu-welcome", "start", "token-1")
    log.note(CALL, RELEASE, "en.piece-the-visit-0", "key:2", "token-2")
    log.flush()
    kept = rows(ledger)
    assert [(one.call, one.release, one.state, one.heard) for one in kept] == [
        (vault.hash(CALL), RELEASE, "en.menu-welcome", "start"),
        (vault.hash(CALL), RELEASE, "en.piece-the-visit-0", "key:2"),
    ]
    assert abs(kept[0].at - clock.now()) < timedelta(seconds=10)


def test_notes_reach_the_ledger_within_a_moment_without_being_asked(in_haste, ledger, vault):
    log = CallLog(ledger, vault)
    log.note(CALL, RELEASE, "en.menu-welcome", "start")
    wait_until(lambda: rows(ledger), 10)
    log.close()


def test_more_notes_than_one_transaction_takes_all_arrive(log, ledger):
    for number in range(1234):
        log.note(f"CA{number}", RELEASE, "en.menu-welcome", "start", f"token-{number}")
    log.close()
    assert (len(rows(ledger)), log.dropped) == (1234, 0)


def test_a_replayed_turn_stands_once(log, ledger, vault):
    for _ in range(3):
        log.note(CALL, RELEASE, "en.menu-welcome", "start", "the same request")
    log.flush()
    elsewhere = CallLog(ledger, vault)
    elsewhere.note(CALL, RELEASE, "en.menu-welcome", "start", "the same request")
    elsewhere.close()
    assert len(rows(ledger)) == 1


def test_turns_without_the_carriers_token_are_told_apart(log, ledger):
    for state in ("en.menu-welcome", "en.piece-the-visit-0"):
        log.note(CALL, RELEASE, state, "start")
    log.flush()
    assert len(rows(ledger)) == 2


def test_a_full_buffer_drops_and_counts_and_never_waits(vault):
    log = CallLog(open_ledger(AWAY), vault, size=100)
    begun = time.monotonic()
    for _ in range(5000):
        log.note(CALL, RELEASE, "en.menu-welcome", "start")
    assert time.monotonic() - begun < 1
    assert log.dropped == 4900
    log.close()


def test_turns_that_drop_at_once_are_all_counted(vault):
    log = CallLog(open_ledger(AWAY), vault, size=0)

    def turns() -> None:
        for _ in range(2000):
            log.note(CALL, RELEASE, "en.menu-welcome", "start")

    threads = [threading.Thread(target=turns) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert log.dropped == 8000
    log.close()


def test_drops_are_told_with_their_count_and_not_again_within_a_minute(in_haste, vault, monkeypatch):
    told: list[int] = []

    class Journal:
        def warning(self, event: str, count: int) -> None:
            assert event == "call_turns_dropped"
            told.append(count)

    monkeypatch.setattr(background_writer.log, "get_logger", Journal)
    log = CallLog(open_ledger(AWAY), vault, size=0)
    for _ in range(3):
        log.note(CALL, RELEASE, "en.menu-welcome", "start")
    wait_until(lambda: told, 10)
    log.note(CALL, RELEASE, "en.menu-welcome", "start")
    time.sleep(0.2)
    before = list(told)
    log.close()
    assert sum(before) == 3
    assert sum(told) == 4, "the last ones are told at the end"


def test_a_ledger_that_is_away_loses_nothing_that_fits(in_haste, database_url, vault):
    ledger = open_ledger(database_url)
    log = CallLog(ledger, vault, size=700)
    for number in range(800):
        log.note(CALL, RELEASE, "en.menu-welcome", "start", f"token-{number}")
    time.sleep(0.3)
    ledger.upgrade()
    wait_until(lambda: len(rows(ledger)) == 700, 10)
    assert log.dropped == 100
    log.note(CALL, RELEASE, "en.goodbye", "silence")
    wait_until(lambda: len(rows(ledger)) == 701, 10)
    log.close()
    ledger.close()


def test_what_a_clean_stop_could_not_write_is_counted(vault):
    log = CallLog(open_ledger(AWAY), vault)
    log.note(CALL, RELEASE, "en.menu-welcome", "start")
    begun = time.monotonic()
    log.close()
    assert time.monotonic() - begun < 3
    assert log.dropped == 1


def test_notes_that_cannot_be_written_do_not_hold_back_those_after_them(log, ledger):
    log.note(CALL, None, "en.menu-welcome", "start")
    log.flush()
    log.note(CALL, RELEASE, "en.menu-welcome", "start")
    log.flush()
    assert (len(rows(ledger)), log.dropped) == (1, 1)


def test_a_log_that_cannot_be_written_to_does_not_end_the_writing(in_haste, ledger, vault, monkeypatch):
    def broken() -> None:
        raise BrokenPipeError

    monkeypatch.setattr(background_writer.log, "get_logger", broken)
    log = CallLog(ledger, vault)
    log.note(CALL, None, "en.menu-welcome", "start")
    wait_until(lambda: log.dropped, 10)
    log.note(CALL, RELEASE, "en.menu-welcome", "start")
    wait_until(lambda: rows(ledger), 10)
    log.close()


def test_a_process_that_forks_goes_on_writing_and_writes_nothing_of_its_parents_twice(tmp_path):
    code = f"""
import os, sys, time
from ivr.ledger import Vault, open_ledger
from ivr.people.calls.call_log import CallLog
ledger = open_ledger("sqlite:///{tmp_path}/forked.db")
ledger.upgrade()
log = CallLog(ledger, Vault([b"k" * 32]))
log.note("CA1", "", "en.menu-welcome", "start")
child = os.fork()
log.note("CA2" if child else "CA3", "", "en.menu-welcome", "start")
log.close()
if not child:
    os._exit(0)
os.waitpid(child, 0)
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)
    kept = rows(open_ledger(f"sqlite:///{tmp_path}/forked.db"))
    vault = Vault([b"k" * 32])
    assert sorted(one.call for one in kept) == sorted(vault.hash(f"CA{number}") for number in (1, 2, 3))


HEARD = [
    ("start", "start"),
    ("silence", "silence"),
    ("key:1", "key:1"),
    ("key:*", "key:*"),
    ("key:#", "key:#"),
    ("number", "number"),
    ("key:?", "key:?"),
    ("key:6035550123", "key:?"),
    ("key:", "key:?"),
    ("key:\x00", "key:?"),
    ("words:what-they-are", "words:what-they-are"),
    ("words:diagnostic-center", "words:diagnostic-cen"),
    ("words:5", "words:5"),
    ("words:603-555-0123", "words:?"),
    ("words:my name is Ann", "words:?"),
    ("dial:no-answer", "dial:no-answer"),
    ("dial:", "dial:?"),
    ("end:completed", "end:completed"),
    (PHONE, "?"),
    ("", "?"),
]


def test_only_what_a_turn_can_hear_is_stored_and_never_what_was_keyed_in_or_said(log, ledger):
    for number, (heard, _) in enumerate(HEARD):
        log.note(CALL, RELEASE, "en.menu-welcome", heard, f"token-{number}")
    log.flush()
    assert [one.heard for one in rows(ledger)] == [stored for _, stored in HEARD]
    assert log.dropped == 0


def test_no_phone_number_in_any_row_wherever_it_is_put(log, ledger):
    for number in (PHONE, "6035550123", "603-555-0123", "(603) 555-0123", "1.603.555.0123"):
        log.note(number, number, f"en.callback-{number}", f"words:{number}", number)
        log.note(CALL, number, number, number)
    log.flush()
    kept = [str(value) for row in rows(ledger) for name, value in row._mapping.items() if name != "at"]
    assert len(kept) == 10 * 5
    assert not [value for value in kept if "0123" in re.sub(r"\D", "", value) and not re.fullmatch("[0-9a-f]+", value)]
    assert {row.release for row in rows(ledger)} == {""}


def test_what_is_no_token_or_too_long_is_cut_and_stored(log, ledger):
    log.note(CALL, RELEASE, "en.menu-\x00é" + "x" * 300, "start")
    log.flush()
    assert rows(ledger)[0].state == ("en.menu-__" + "x" * 300)[:120]


def test_what_names_no_call_is_not_kept(log, ledger):
    log.note("", RELEASE, "en.menu-welcome", "start")
    log.flush()
    assert (rows(ledger), log.dropped) == ([], 0)


# The carrier's word of the end


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    folder = tmp_path_factory.mktemp("line")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VAR_DIR", str(folder))
        patch.setenv("TWILIO_AUTH_TOKEN", TOKEN)
        open_ledger(load().database_url).upgrade()
        app = create_app(load())
    yield app
    app.extensions["infoline"].calls.close()


@pytest.fixture
def post(app: Flask):
    """Post a form as the carrier would; the answer's status, and the rows that the test has made by then."""
    here = app.extensions["infoline"]
    with here.ledger.write() as connection:
        connection.execute(delete(call_turn))

    def posted(path: str, fields: dict[str, str], token: str = TOKEN, request: str = ""):
        signature = RequestValidator(token).compute_signature("http://127.0.0.1:8000" + path, fields)
        headers = {"X-Twilio-Signature": signature, "I-Twilio-Idempotency-Token": request}
        answer = app.test_client().post(path, data=fields, headers=headers)
        here.calls.flush()
        return answer.status_code, rows(here.ledger)

    return posted


ENDED = {"CallSid": CALL, "From": PHONE, "To": "+16035550100", "CallStatus": "completed", "CallDuration": "42"}


@pytest.mark.parametrize(
    ("status", "heard"),
    [
        *((status, [f"end:{status}"]) for status in ("completed", "busy", "failed", "no-answer", "canceled")),
        *((status, []) for status in ("queued", "ringing", "in-progress")),
        *((status, ["end:unknown"]) for status in ("", "something-new", PHONE, "x" * 500, "\x00")),
    ],
)
def test_the_end_of_a_call_is_taken_in(post, status, heard):
    code, found = post("/receipts/call/incoming", {**ENDED, "CallStatus": status})
    assert code == 204
    assert [(row.heard, row.state, row.release) for row in found] == [(one, "", "") for one in heard]
    assert PHONE[1:] not in str(found)


def test_the_end_of_a_call_stands_once_however_often_it_is_told(post):
    for status in ("completed", "completed", "failed"):
        code, found = post("/receipts/call/incoming", {**ENDED, "CallStatus": status})
        assert (code, len(found)) == (204, 1)


def test_the_end_of_no_call_is_nothing(post):
    assert post("/receipts/call/incoming", {}) == (204, [])


def test_a_forged_end_of_a_call_is_403_and_writes_nothing(post):
    assert post("/receipts/call/incoming", ENDED, "stolen") == (403, [])


def test_a_call_receipt_for_anything_else_is_404(post):
    assert post("/receipts/call/" + "0" * 32, ENDED) == (404, [])


def test_the_turns_of_a_call_are_its_rows_and_a_replayed_one_stands_once(app, post):
    live = app.extensions["infoline"].releases.live.digest
    fields = {"CallSid": CALL, "From": PHONE, "To": "+16035550100", "CallStatus": "in-progress"}
    post("/voice", fields, request="1")
    for request in ("2", "2", "3"):
        post(f"/voice/{live}/en.menu-welcome", {**fields, "Digits": "1" if request == "2" else ""}, request=request)
    found = post("/receipts/call/incoming", ENDED)[1]
    assert [(row.release, row.heard, row.state) for row in found] == [
        (live, "start", "en.menu-welcome"),
        (live, "key:1", "en.menu-calcifications"),
        (live, "silence", "en.menu-welcome.s1"),
        ("", "end:completed", ""),
    ]
    assert len({row.call for row in found}) == 1
    assert "5550" not in str([(row.state, row.heard) for row in found])


def test_a_web_process_that_is_told_to_stop_writes_down_its_last_notes(tmp_path):
    port = free_port()
    settings = environment(tmp_path, PORT=port, CLOCK_SHIFT_SECONDS=0)
    ledger = open_ledger(settings["DATABASE_URL"])
    ledger.upgrade()
    web = subprocess.Popen([sys.executable, "-m", "ivr.cli", "web"], env={**os.environ, **settings})
    url = f"http://127.0.0.1:{port}/receipts/call/incoming"
    signature = RequestValidator(TOKEN).compute_signature(url, ENDED)
    request = urllib.request.Request(url, urlencode(ENDED).encode(), {"X-Twilio-Signature": signature})

    def told() -> bool:
        try:
            return urllib.request.urlopen(request, timeout=5).status == 204
        except (urllib.error.URLError, ConnectionError):
            return False

    try:
        wait_until(told, 30)
        web.send_signal(signal.SIGTERM)
        assert web.wait(20) is not None
    finally:
        web.kill()
    assert [row.heard for row in rows(ledger)] == ["end:completed"]
