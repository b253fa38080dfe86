"""/readyz while its services hang, and the alarm about wrong signatures."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from ivr import create_app
from ivr.ledger import Ledger
from ivr.reminders.alarms import Alarm, raise_alarm, raised
from ivr.settings import load
from ivr.web.health import SIGNATURE_WINDOW, WRONG_SIGNATURES, SignatureWatch
from ivr.web.refreshed import Refreshed
from ivr.web.server.request_counts import Totals
from tests.support.clinic import NOW
from tests.support.network import wait_for


def test_readyz_answers_while_the_database_hangs_and_reports_it_as_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VAR_DIR", str(tmp_path))
    app = create_app(load())
    hang, checks = threading.Event(), list[int]()

    def check(_ledger: Ledger) -> None:
        checks.append(1)
        assert hang.wait(30)

    monkeypatch.setattr(Ledger, "check", check)
    for _ in range(20):
        response = app.test_client().get("/readyz")
        assert response.status_code == 200
        assert response.json is not None
        assert (response.json["ledger"], response.json["voice"]) == (False, True)
    assert len(checks) == 1, "one check at a time, and 20 requests did not wait for it one after the other"
    hang.set()
    wait_for(lambda: (app.test_client().get("/readyz").json or {})["ledger"])


def test_many_requests_within_a_second_check_the_services_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAR_DIR", str(tmp_path))
    app, checks = create_app(load()), list[int]()
    monkeypatch.setattr(Ledger, "check", lambda _ledger: checks.append(1))
    monkeypatch.setattr("ivr.web.refreshed.time.monotonic", lambda: 100.0)
    for _ in range(10):
        assert app.test_client().get("/readyz").status_code == 200
    assert len(checks) == 1


def test_a_value_whose_source_fails_is_none_and_is_read_again() -> None:
    values = iter([1])
    refreshed = Refreshed(lambda: next(values), max_age=0)
    assert [refreshed.get(), refreshed.get()] == [1, None]


def totals(wrong: int, accepted: int) -> Totals:
    return Totals(Counter({("voice", "403", "wrong_signature"): wrong, ("sms", "200", ""): accepted}))


Step = tuple[float, int, int, bool]
# Minutes since the start, wrong signatures and accepted requests so far, whether the alarm is active.
CASES: list[tuple[str, list[Step]]] = [
    ("none arrive", [(1, 0, 0, False)]),
    ("fewer than five", [(1, WRONG_SIGNATURES - 1, 0, False)]),
    ("five, and none accepted", [(1, WRONG_SIGNATURES, 0, True), (2, WRONG_SIGNATURES, 0, True)]),
    ("five, and one accepted", [(1, WRONG_SIGNATURES, 1, False)]),
    ("cleared by an accepted one", [(1, 5, 0, True), (2, 50, 0, True), (3, 50, 1, False), (4, 99, 1, False)]),
    ("accepted long ago", [(1, 0, 100, False), (9, 0, 100, False), (19.5, 5, 100, True)]),
    ("slowly", [(minute, minute // 5, 0, False) for minute in range(0, 60, 3)]),
    ("silent for longer than the window", [(1, 5, 0, True), (60, 5, 0, True)]),
]


@pytest.mark.parametrize(("label", "steps"), CASES, ids=[case[0] for case in CASES])
def test_wrong_signatures_raise_an_alarm_until_a_valid_one_arrives(
    ledger: Ledger, label: str, steps: list[Step]
) -> None:
    watch = SignatureWatch("this-host", Totals(), NOW)
    for minutes, wrong, accepted, is_active in steps:
        watch.watch(ledger, totals(wrong, accepted), NOW + timedelta(minutes=minutes))
        assert alarms(ledger) == ({Alarm.SIGNATURES_REFUSED} if is_active else set())


def alarms(ledger: Ledger) -> set[str]:
    with ledger.read() as connection:
        return set(raised(connection))


def test_counts_from_before_the_start_raise_no_alarm(ledger: Ledger) -> None:
    watch = SignatureWatch("this-host", totals(100, 0), NOW)
    watch.watch(ledger, totals(104, 0), NOW + timedelta(seconds=15))
    assert not alarms(ledger)


@pytest.mark.parametrize(
    ("raised_at", "remains"), [(NOW, True), (NOW - SIGNATURE_WINDOW, False)], ids=["another machine's", "an old one"]
)
def test_a_valid_signature_clears_another_machines_alarm_only_if_it_is_old(
    ledger: Ledger, raised_at: datetime, remains: bool
) -> None:
    with ledger.write() as connection:
        raise_alarm(connection, Alarm.SIGNATURES_REFUSED, raised_at, "…", subject="another-host")
    watch = SignatureWatch("this-host", Totals(), NOW)
    watch.watch(ledger, totals(0, 1), NOW + timedelta(seconds=15))
    assert bool(alarms(ledger)) is remains
