"""Log lines never contain a phone number."""

from __future__ import annotations

import json

import pytest
import structlog

from ivr import log

NUMBERS = [
    ("in a sentence", "to +16035550123 now"),
    ("in the usual notation", "(603) 555-0123"),
    ("in a URL", "https://api/Messages.json?To=%2B16035550123"),
    ("in a list", ["+16035550123"]),
    ("in a mapping", {"to": {"+16035550123": "603.555.0123"}}),
    ("as an integer", 16035550123),
    ("with en dashes", "603–555–0123"),
    ("as bytes", b"+16035550123"),
    ("in an exception", ValueError("no such number: +16035550123")),
]


@pytest.mark.parametrize(("label", "value"), NUMBERS, ids=[case[0] for case in NUMBERS])
def test_no_log_line_contains_a_phone_number(label: str, value: object, capsys: pytest.CaptureFixture[str]) -> None:
    log.configure()
    log.get_logger().bind(to=value).error("text_failed", batch=3, paused=False)
    structlog.reset_defaults()
    line = json.loads(capsys.readouterr().err)
    del line["timestamp"]
    assert "0123" not in json.dumps(line)
    assert (line["batch"], line["paused"]) == (3, False)


def test_a_started_process_logs_its_name_and_version(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure()
    log.log_start("web", database="sqlite")
    structlog.reset_defaults()
    line = json.loads(capsys.readouterr().err)
    assert (line["event"], line["process"], line["database"]) == ("process_started", "web", "sqlite")
    assert line["version"]
