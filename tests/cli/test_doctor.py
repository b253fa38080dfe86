"""`infoline doctor`."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner

from ivr.cli import main
from ivr.cli.run.running_file import RunningFile, RunningLine
from ivr.ledger import open_ledger
from ivr.line.content.loader import Files, content_digest
from ivr.line.lint.runner import CheckReport, check_files
from ivr.reminders.alarms import Alarm, raise_alarm, raised
from tests.support.clinic import NOW


@pytest.fixture(autouse=True, scope="module")
def _check_once() -> Iterator[None]:
    """Checks the same prompts once for all tests."""
    reports: dict[str, CheckReport] = {}

    def report_of(files: Files) -> CheckReport:
        key = content_digest(files)
        if key not in reports:
            reports[key] = check_files(files)
        return reports[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ivr.cli.doctor.check_files", report_of)
        yield


@pytest.fixture(autouse=True)
def _var_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAR_DIR", str(tmp_path))


def test_a_missing_database_and_queue_are_reported_with_what_to_do() -> None:
    result = CliRunner().invoke(main, ["doctor"])
    assert result.exit_code == 1
    assert "infoline db upgrade" in " ".join(result.output.split())
    assert "REDIS_URL is not set" in result.output


def checks(output: str) -> dict[str, str]:
    """Each check and its mark."""
    return {line.split()[0]: line.split()[1] for line in output.splitlines() if line[0] != " "}


@pytest.fixture
def upgraded() -> None:
    assert CliRunner().invoke(main, ["db", "upgrade"]).exit_code == 0


def missing(output: str) -> list[str]:
    return [name for name, mark in checks(output).items() if mark == "missing"]


def test_everything_but_the_queue_is_fine_after_an_upgrade(upgraded: None) -> None:
    result = CliRunner().invoke(main, ["doctor"])
    assert list(checks(result.output)) == [
        *("ledger", "keys", "queue", "carrier"),
        *("files", "prompts", "numbers", "release"),
    ]
    assert missing(result.output) == ["queue"]


def test_the_queue_of_a_running_line_is_found(upgraded: None, tmp_path: Path, queue_url: str) -> None:
    file = RunningFile(tmp_path, RunningLine("http://127.0.0.1:8000", "http://127.0.0.1:8010", queue_url))
    result = CliRunner().invoke(main, ["doctor"])
    assert (result.exit_code, missing(result.output)) == (0, [])
    file.remove()
    assert missing(CliRunner().invoke(main, ["doctor"]).output) == ["queue"]


def test_files_that_others_can_open_are_reported(upgraded: None, tmp_path: Path) -> None:
    (tmp_path / "local-keys.json").chmod(0o644)
    result = CliRunner().invoke(main, ["doctor"])
    assert missing(result.output) == ["queue", "files"]
    assert "local-keys.json" in result.output
    CliRunner().invoke(main, ["db", "upgrade"])
    assert "files" not in missing(CliRunner().invoke(main, ["doctor"]).output)


def test_keys_that_do_not_fit_the_database_are_reported(upgraded: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHONE_KEY", base64.urlsafe_b64encode(b"x" * 32).decode())
    result = CliRunner().invoke(main, ["doctor"])
    assert missing(result.output) == ["keys", "queue"]
    assert "PHONE_KEY" in result.output


class Account(BaseHTTPRequestHandler):
    """Twilio's Account resource with one answer."""

    status, body = 200, {"sid": "AC" + "0" * 32, "status": "active"}

    def do_GET(self) -> None:
        self.send_response(self.status)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(self.body).encode())

    def log_message(self, *_: object) -> None:
        pass


REFUSED = {"code": 20003, "message": "Authenticate", "status": 401}


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [(200, Account.body, ""), (401, REFUSED, "TWILIO_AUTH_TOKEN"), (503, {}, "Twilio does not answer")],
    ids=["accepted", "refused", "down"],
)
def test_the_credentials_are_tried_at_twilio_and_sending_resumes_once_they_are_accepted(
    status: int,
    body: dict[str, str],
    expected: str,
    upgraded: None,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    ledger = open_ledger(f"sqlite:///{tmp_path}/infoline.db")
    with ledger.write() as connection:
        raise_alarm(connection, Alarm.SENDING_STOPPED, NOW, "refused")
    handler = type("Answer", (Account,), {"status": status, "body": body})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("TWILIO_API_URL", f"http://127.0.0.1:{server.server_port}")
        result = CliRunner().invoke(main, ["doctor"])
        server.shutdown()
    assert ("carrier" in missing(result.output)) is bool(expected)
    assert expected in " ".join(result.output.split())
    assert all(len(line) <= 80 for line in result.stdout.splitlines())
    with ledger.read() as connection:
        assert (Alarm.SENDING_STOPPED in raised(connection)) is bool(expected)
    assert ("sending resumes" in result.output) is not bool(expected)


def test_the_lines_own_number_in_the_directory_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWILIO_FROM", "+16036632180")
    result = CliRunner().invoke(main, ["doctor"])
    assert "central-scheduling in line.yaml has the line's own number" in " ".join(result.output.split())


def test_broken_prompts_are_reported_with_file_and_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "line.yaml").write_text("hospital: [")
    monkeypatch.setenv("PROMPTS_DIR", str(tmp_path / "prompts"))
    assert "line.yaml:2" in CliRunner().invoke(main, ["doctor"]).output


def test_the_fallback_says_the_numbers_in_both_languages_and_dials_central_scheduling(tmp_path: Path) -> None:
    path = tmp_path / "fallback.xml"
    assert CliRunner().invoke(main, ["doctor", "--write-fallback", str(path)]).exit_code == 0
    document = ElementTree.parse(path).getroot()
    assert [verb.tag for verb in document] == ["Say", "Say", "Dial"]
    for say in document.iter("Say"):
        spoken = "".join(say.itertext())
        assert all(number in spoken for number in ("603-663-2180", "603-668-3067", "603-663-4490"))
    assert [number.text for number in document.iter("Number")] == ["+16036632180"]


def test_a_fallback_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["doctor", "--write-fallback", str(tmp_path / "no" / "where.xml")])
    assert result.exit_code == 2
    assert "cannot be written" in result.output
