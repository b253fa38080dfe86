"""Log lines are JSON, whoever writes them, and never contain a phone number."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import structlog

from ivr import log, version
from tests.support.processes import environment

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
    assert (line["version"], line["commit"]) == (version.release(), version.commit())


def test_warnings_library_records_and_crashes_are_one_json_line_each(tmp_path: Path) -> None:
    program = """
import logging, threading, warnings
from ivr import log
log.configure()
log.configure()
logging.getLogger("sqlalchemy.pool").error("two\\nlines to +16035550123", exc_info=ValueError("a"))
logging.getLogger("rq.worker").info("not logged")
warnings.warn("old", DeprecationWarning, stacklevel=1)
log.log_start("test", port=1)
thread = threading.Thread(target=lambda: 1 / 0)
thread.start()
thread.join()
raise RuntimeError("+16035550123")
"""
    result = subprocess.run(
        [sys.executable, "-W", "always", "-c", program],
        capture_output=True,
        text=True,
        env=environment(tmp_path),
        check=False,
    )
    lines = [json.loads(line) for line in result.stderr.splitlines()]
    assert result.returncode == 1
    assert [line["level"] for line in lines] == ["error", "warning", "info", "critical", "critical"]
    assert [line["event"] for line in lines[2:]] == ["process_started", "process_crashed", "process_crashed"]
    assert "ValueError" in lines[0]["exception"]
    assert (lines[2]["process"], lines[2]["port"]) == ("test", 1)
    assert "RuntimeError" in lines[4]["exception"]
    assert "0123" not in result.stderr
