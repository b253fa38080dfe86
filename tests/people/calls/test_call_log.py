"""The call log: notes of turns and of the end of calls reach the database, without personal data."""

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
from tests.support.clinic import write_empty_ledger
from tests.support.network import TOKEN
from tests.support.processes import environment, free_port, wait_until

RELEASE = "0123456789ab"
CALL, PHONE = "CA" + "7" * 32, "+16035550123"
NO_DATABASE = "postgresql://nobody@127.0.0.1:1/none"


@pytest.fixture
def log(ledger: Ledger, vault: Vault) -> Iterator[CallLog]:
    call_log = CallLog(ledger, vault)
    yield call_log
    call_log.close()


@pytest.fixture
def fast_flush(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background_writer, "FLUSH_SECONDS", 0.02)
    monkeypatch.setattr(background_writer, "MAX_BACKOFF_SECONDS", 0.05)


def rows(ledger: Ledger) -> list:
    with ledger.read() as connection:
        return list(connection.execute(select(call_turn).order_by(call_turn.c.at)))


# Background writing


def test_a_note_reaches_the_database_unchanged(log, ledger, vault):
    log.note(CALL, RELEASE, "en.menu-welcome", "start", "token-1")
    log.note(CALL, RELEASE, "en.piece-the-visit-0", "key:2", "token-2")
    log.flush()
    stored = rows(ledger)
    assert [(row.call, row.release, row.state, row.heard) for row in stored] == [
        (vault.hash(CALL), RELEASE, "en.menu-welcome", "start"),
        (vault.hash(CALL), RELEASE, "en.piece-the-visit-0", "key:2"),
    ]
    assert abs(stored[0].at - clock.now()) < timedelta(seconds=10)


def test_notes_are_flushed_in_the_background(fast_flush, ledger, vault):
    log = CallLog(ledger, vault)
    log.note(CALL, RELEASE, "en.menu-welcome", "start")
    wait_until(lambda: rows(ledger), 10)
    log.close()


def test_more_notes_than_fit_in_one_transaction_all_arrive(log, ledger):
    for number in range(1234):
        log.note(f"CA{number}", RELEASE, "en.menu-welcome", "start", f"token-{number}")
    log.close()
    assert (len(rows(ledger)), log.dropped) == (1234, 0)


def test_a_retried_turn_is_one_row(log, ledger, vault):
    for _ in range(3):
        log.note(CALL, RELEASE, "en.menu-welcome", "start", "the same request")
    log.flush()
    other_process = CallLog(ledger, vault)
    other_process.note(CALL, RELEASE, "en.menu-welcome", "start", "the same request")
    other_process.close()
    assert len(rows(ledger)) == 1


def test_turns_without_a_request_token_are_separate_rows(log, ledger):
    for state in ("en.menu-welcome", "en.piece-the-visit-0"):
        log.note(CALL, RELEASE, state, "start")
    log.flush()
    assert len(rows(ledger)) == 2


def test_a_full_buffer_drops_and_counts_notes_and_never_blocks(vault):
    log = CallLog(open_ledger(NO_DATABASE), vault, size=100)
    start = time.monotonic()
    for _ in range(5000):
        log.note(CALL, RELEASE, "en.menu-welcome", "start")
    assert time.monotonic() - start < 1
    assert log.dropped == 4900
    log.close()


def test_concurrent_drops_are_all_counted(vault):
    log = CallLog(open_ledger(NO_DATABASE), vault, size=0)

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


def test_drops_are_logged_with_their_count_at_most_once_a_minute(fast_flush, vault, monkeypatch):
    logged: list[int] = []

    class Logger:
        def warning(self, event: str, count: int) -> None:
            assert event == "call_turns_dropped"
            logged.append(count)

    monkeypatch.setattr(background_writer.log, "get_logger", Logger)
    log = CallLog(open_ledger(NO_DATABASE), vault, size=0)
    for _ in range(3):
        log.note(CALL, RELEASE, "en.menu-welcome", "start")
    wait_until(lambda: logged, 10)
    log.note(CALL, RELEASE, "en.menu-welcome", "start")
    time.sleep(0.2)
    before = list(logged)
    log.close()
    assert sum(before) == 3
    assert sum(logged) == 4, "the last drops are logged on close"


def test_while_the_database_is_down_notes_that_fit_are_kept(fast_flush, database_url, vault):
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


def test_notes_that_close_cannot_write_are_counted(vault):
    log = CallLog(open_ledger(NO_DATABASE), vault)
    log.note(CALL, RELEASE, "en.menu-welcome", "start")
    start = time.monotonic()
    log.close()
    assert time.monotonic() - start < 3
    assert log.dropped == 1


def test_a_note_that_cannot_be_written_does_not_block_later_ones(log, ledger):
    log.note(CALL, None, "en.menu-welcome", "start")
    log.flush()
    log.note(CALL, RELEASE, "en.menu-welcome", "start")
    log.flush()
    assert (len(rows(ledger)), log.dropped) == (1, 1)


def test_a_broken_log_stream_does_not_end_the_background_writing(fast_flush, ledger, vault, monkeypatch):
    def broken() -> None:
        raise BrokenPipeError

    monkeypatch.setattr(background_writer.log, "get_logger", broken)
    log = CallLog(ledger, vault)
    log.note(CALL, None, "en.menu-welcome", "start")
    wait_until(lambda: log.dropped, 10)
    log.note(CALL, RELEASE, "en.menu-welcome", "start")
    wait_until(lambda: rows(ledger), 10)
    log.close()


def test_a_forked_process_writes_its_own_notes_and_none_of_its_parents(tmp_path):
    write_empty_ledger(tmp_path / "forked.db")
    code = f"""
import os, sys, time
from ivr.ledger import Vault, open_ledger
from ivr.people.calls.call_log import CallLog
ledger = open_ledger("sqlite:///{tmp_path}/forked.db")
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
    stored = rows(open_ledger(f"sqlite:///{tmp_path}/forked.db"))
    vault = Vault([b"k" * 32])
    assert sorted(row.call for row in stored) == sorted(vault.hash(f"CA{number}") for number in (1, 2, 3))


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


def test_only_inputs_that_a_turn_can_produce_are_stored(log, ledger):
    for number, (heard, _) in enumerate(HEARD):
        log.note(CALL, RELEASE, "en.menu-welcome", heard, f"token-{number}")
    log.flush()
    assert [row.heard for row in rows(ledger)] == [stored for _, stored in HEARD]
    assert log.dropped == 0


def test_no_row_contains_a_phone_number_given_in_any_argument(log, ledger):
    for number in (PHONE, "6035550123", "603-555-0123", "(603) 555-0123", "1.603.555.0123"):
        log.note(number, number, f"en.callback-{number}", f"words:{number}", number)
        log.note(CALL, number, number, number)
    log.flush()
    values = [str(value) for row in rows(ledger) for name, value in row._mapping.items() if name != "at"]
    assert len(values) == 10 * 5
    assert not [
        value for value in values if "0123" in re.sub(r"\D", "", value) and not re.fullmatch("[0-9a-f]+", value)
    ]
    assert {row.release for row in rows(ledger)} == {""}


def test_a_malformed_or_long_state_is_sanitized_and_truncated(log, ledger):
    log.note(CALL, RELEASE, "en.menu-\x00é" + "x" * 300, "start")
    log.flush()
    assert rows(ledger)[0].state == ("en.menu-__" + "x" * 300)[:120]


def test_a_note_without_a_call_is_not_stored(log, ledger):
    log.note("", RELEASE, "en.menu-welcome", "start")
    log.flush()
    assert (rows(ledger), log.dropped) == ([], 0)


# The end of a call


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    folder = tmp_path_factory.mktemp("line")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VAR_DIR", str(folder))
        patch.setenv("TWILIO_AUTH_TOKEN", TOKEN)
        write_empty_ledger(folder / "infoline.db")
        app = create_app(load())
    yield app
    app.extensions["infoline"].calls.close()


@pytest.fixture
def post(app: Flask):
    """Post a form as Twilio does. Returns the status and all rows of the test so far."""
    services = app.extensions["infoline"]
    with services.ledger.write() as connection:
        connection.execute(delete(call_turn))

    def send(path: str, fields: dict[str, str], token: str = TOKEN, request: str = ""):
        signature = RequestValidator(token).compute_signature("http://127.0.0.1:8000" + path, fields)
        headers = {"X-Twilio-Signature": signature, "I-Twilio-Idempotency-Token": request}
        response = app.test_client().post(path, data=fields, headers=headers)
        services.calls.flush()
        return response.status_code, rows(services.ledger)

    return send


ENDED = {"CallSid": CALL, "From": PHONE, "To": "+16035550100", "CallStatus": "completed", "CallDuration": "42"}


@pytest.mark.parametrize(
    ("status", "heard"),
    [
        *((status, [f"end:{status}"]) for status in ("completed", "busy", "failed", "no-answer", "canceled")),
        *((status, []) for status in ("queued", "ringing", "in-progress")),
        *((status, ["end:unknown"]) for status in ("", "something-new", PHONE, "x" * 500, "\x00")),
    ],
)
def test_the_end_of_a_call_is_logged(post, status, heard):
    code, logged = post("/receipts/call/incoming", {**ENDED, "CallStatus": status})
    assert code == 204
    assert [(row.heard, row.state, row.release) for row in logged] == [(entry, "", "") for entry in heard]
    assert PHONE[1:] not in str(logged)


def test_the_end_of_a_call_is_one_row_however_often_it_is_reported(post):
    for status in ("completed", "completed", "failed"):
        code, logged = post("/receipts/call/incoming", {**ENDED, "CallStatus": status})
        assert (code, len(logged)) == (204, 1)


def test_a_call_status_without_a_call_is_not_logged(post):
    assert post("/receipts/call/incoming", {}) == (204, [])


def test_a_forged_call_status_is_403_and_writes_nothing(post):
    assert post("/receipts/call/incoming", ENDED, "stolen") == (403, [])


def test_a_call_receipt_for_anything_else_is_404(post):
    assert post("/receipts/call/" + "0" * 32, ENDED) == (404, [])


def test_each_turn_of_a_call_is_a_row_and_a_retried_one_is_one_row(app, post):
    live = app.extensions["infoline"].releases.live.digest
    fields = {"CallSid": CALL, "From": PHONE, "To": "+16035550100", "CallStatus": "in-progress"}
    post("/voice", fields, request="1")
    for request in ("2", "2", "3"):
        post(f"/voice/{live}/en.menu-welcome", {**fields, "Digits": "1" if request == "2" else ""}, request=request)
    logged = post("/receipts/call/incoming", ENDED)[1]
    assert [(row.release, row.heard, row.state) for row in logged] == [
        (live, "start", "en.menu-welcome"),
        (live, "key:1", "en.menu-calcifications"),
        (live, "silence", "en.menu-welcome.s1"),
        ("", "end:completed", ""),
    ]
    assert len({row.call for row in logged}) == 1
    assert "5550" not in str([(row.state, row.heard) for row in logged])


@pytest.mark.processes
def test_a_web_process_writes_its_last_notes_on_sigterm(tmp_path):
    port = free_port()
    settings = environment(tmp_path, PORT=port, CLOCK_SHIFT_SECONDS=0)
    ledger = open_ledger(settings["DATABASE_URL"])
    ledger.upgrade()
    web = subprocess.Popen([sys.executable, "-m", "ivr.cli", "web"], env={**os.environ, **settings})
    url = f"http://127.0.0.1:{port}/receipts/call/incoming"
    signature = RequestValidator(TOKEN).compute_signature(url, ENDED)
    request = urllib.request.Request(url, urlencode(ENDED).encode(), {"X-Twilio-Signature": signature})

    def is_accepted() -> bool:
        try:
            return urllib.request.urlopen(request, timeout=5).status == 204
        except (urllib.error.URLError, ConnectionError):
            return False

    try:
        wait_until(is_accepted, 30)
        web.send_signal(signal.SIGTERM)
        assert web.wait(20) is not None
    finally:
        web.kill()
    assert [row.heard for row in rows(ledger)] == ["end:completed"]
