"""The clock of this machine, compared with the carrier's."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta

import pytest
import structlog

from ivr import log
from ivr.carrier import clock_skew
from ivr.carrier.clock_skew import SkewWatch
from ivr.carrier.twilio import transport

HEADER = "Tue, 01 Dec 2026 15:00:00 GMT"
AT_HEADER = datetime(2026, 12, 1, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "ahead", "expected"),
    [
        (HEADER, 0, 0),
        (HEADER, 300, 300),
        (HEADER, -300, -300),
        ("Tue, 01 Dec 2026 10:00:00 -0500", 5, 5),
        ("Tue, 01 Dec 2026 15:00:00 -0000", 5, 5),
        ("", 5, 0),
        ("yesterday", 5, 0),
    ],
)
def test_the_skew_is_the_difference_in_seconds(header: str, ahead: float, expected: float) -> None:
    assert clock_skew.clock_skew(header, AT_HEADER + timedelta(seconds=ahead)) == expected


def test_a_skewed_clock_is_logged_once_an_hour_by_all_child_processes(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    log.configure()
    watch = SkewWatch()
    watch.check(None, AT_HEADER)
    watch.check(HEADER, AT_HEADER + timedelta(seconds=60))
    for _ in range(2):
        child = os.fork()
        if child == 0:
            watch.check(HEADER, AT_HEADER + timedelta(minutes=5))
            os._exit(0)
        os.waitpid(child, 0)
    monkeypatch.setattr(clock_skew, "REPEAT_SECONDS", -1.0)
    watch.check(HEADER, AT_HEADER - timedelta(minutes=5))
    structlog.reset_defaults()
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    assert [(line["event"], line["level"], line["seconds"]) for line in lines] == [
        ("clock_skewed", "warning", 300),
        ("clock_skewed", "warning", -300),
    ]


def test_each_answer_of_the_carrier_is_compared(carrier, monkeypatch: pytest.MonkeyPatch) -> None:
    checked: list[str | None] = []
    monkeypatch.setattr(transport._skew, "check", lambda header, _now: checked.append(header))
    carrier.send("+16035550123", "Hello.", "http://127.0.0.1:1/receipts/text/a", 60)
    (header,) = checked
    assert header is not None
    assert abs(clock_skew.clock_skew(header, datetime.now(UTC))) < 30
