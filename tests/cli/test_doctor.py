"""`infoline doctor`."""

from __future__ import annotations

import base64
import json
import os
import pty
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner
from sqlalchemy import make_url

from ivr.cli import main
from ivr.cli.run.running_file import RunningFile, RunningLine
from ivr.doctor.runner import CHECKS
from ivr.ledger import open_ledger
from ivr.line.content.loader import Content
from ivr.line.content.revisions.sign_off import unsigned_prompts
from ivr.line.lint.runner import CheckReport, check_content
from ivr.reminders.alarms import Alarm, raise_alarm, raised
from ivr.settings import load
from tests.support.clinic import NOW, write_empty_ledger
from tests.support.twilio_account import NUMBER_SID, FakeAccount, fake_account


@pytest.fixture(autouse=True, scope="module")
def _check_once() -> Iterator[None]:
    """Checks the same prompts once for all tests."""
    reports: dict[str, CheckReport] = {}

    def report_of(content: Content, **options: object) -> CheckReport:
        if content.digest not in reports:
            reports[content.digest] = check_content(content, now=NOW)
        return reports[content.digest]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ivr.doctor.result.check_content", report_of)
        yield


@pytest.fixture(autouse=True)
def _var_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAR_DIR", str(tmp_path))


def test_a_missing_database_and_queue_are_reported_with_what_to_do() -> None:
    result = CliRunner().invoke(main, ["doctor"])
    assert result.exit_code == 1
    assert "infoline db upgrade" in " ".join(result.output.split())
    assert "REDIS_URL is not set" in result.output


def report() -> dict[str, tuple[str, str]]:
    """Each check with its level and sentence."""
    result = CliRunner().invoke(main, ["doctor", "--json"])
    found = json.loads(result.stdout)
    assert result.exit_code == (0 if found["ok"] else 1)
    return {check["name"]: (check["level"], check["message"]) for check in found["checks"]}


@pytest.fixture
def upgraded() -> None:
    write_empty_ledger(Path(str(make_url(load().database_url).database)))


def problems() -> list[str]:
    return [name for name, (level, _) in report().items() if level == "problem"]


def test_everything_but_the_queue_is_in_order_after_an_upgrade() -> None:
    assert CliRunner().invoke(main, ["db", "upgrade"]).exit_code == 0
    assert list(report()) == list(CHECKS)
    assert problems() == ["queue"]


def test_the_table_fits_a_terminal_and_has_a_line_for_each_check(upgraded: None) -> None:
    lines = CliRunner().invoke(main, ["doctor"]).stdout.splitlines()
    assert all(len(line) <= 80 for line in lines)
    first = [line for line in lines if line[0] != " "]
    assert [line[:13].strip() for line in first] == list(CHECKS)
    assert {line[13:21].strip() for line in first} == {"ok", "warning", "problem"}


def everything_written_to(controller: int) -> str:
    """What the terminal got, until the end: the kernel hands it over piece by piece, and reports the end as EIO."""
    pieces = []
    with suppress(OSError):
        while piece := os.read(controller, 65_536):
            pieces.append(piece)
    os.close(controller)
    return b"".join(pieces).decode()


def test_progress_shows_on_a_terminal_and_the_report_goes_to_standard_output(
    upgraded: None, capsys: pytest.CaptureFixture[str]
) -> None:
    controller, terminal = pty.openpty()
    with os.fdopen(terminal, "w") as stream, pytest.MonkeyPatch.context() as patch, suppress(SystemExit):
        patch.setattr(sys, "stderr", stream)
        main(["doctor"])
    progress = everything_written_to(controller)
    report = capsys.readouterr().out
    assert "Checking: " in progress
    assert "REDIS_URL is not set" in report
    assert "\x1b" not in report


def test_medical_texts_without_a_sign_off_are_counted_where_none_is_required(upgraded: None, content: Content) -> None:
    unsigned = len(unsigned_prompts(content))
    assert unsigned > 0
    level, sentence = report()["sign-offs"]
    assert level == "ok"
    assert f"{unsigned} medical texts have no sign-off" in sentence


def test_the_queue_of_a_running_line_is_found(upgraded: None, tmp_path: Path, queue_url: str) -> None:
    file = RunningFile(tmp_path, RunningLine("http://127.0.0.1:8000", "http://127.0.0.1:8010", queue_url))
    assert problems() == []
    file.remove()
    assert problems() == ["queue"]


def test_files_that_others_can_open_are_reported(upgraded: None, tmp_path: Path) -> None:
    (tmp_path / "local-keys.json").chmod(0o644)
    assert problems() == ["queue", "files"]
    assert "local-keys.json" in report()["files"][1]
    CliRunner().invoke(main, ["db", "upgrade"])
    assert "files" not in problems()


def test_keys_that_do_not_fit_the_database_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    assert CliRunner().invoke(main, ["db", "upgrade"]).exit_code == 0
    monkeypatch.setenv("PHONE_KEY", base64.urlsafe_b64encode(b"x" * 32).decode())
    assert problems() == ["keys", "queue"]
    assert "PHONE_KEY" in report()["keys"][1]


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeAccount]:
    """An account at Twilio's REST API whose number is the line's."""
    with fake_account() as account:
        monkeypatch.setenv("TWILIO_API_URL", account.url)
        yield account


@pytest.mark.parametrize(
    ("status", "state", "expected"),
    [
        (200, "active", ""),
        (200, "suspended", "account is suspended"),
        (401, "active", "TWILIO_AUTH_TOKEN"),
        (503, "active", "Twilio does not answer"),
    ],
    ids=["accepted", "suspended", "refused", "down"],
)
def test_the_credentials_are_tried_at_twilio_and_sending_resumes_once_they_are_accepted(
    status: int, state: str, expected: str, upgraded: None, account: FakeAccount, tmp_path: Path
) -> None:
    ledger = open_ledger(f"sqlite:///{tmp_path}/infoline.db")
    with ledger.write() as connection:
        raise_alarm(connection, Alarm.SENDING_STOPPED, NOW, "refused")
    account.status, account.account["status"] = status, state
    result = CliRunner().invoke(main, ["doctor"])
    credentials = report()["carrier"]
    assert (credentials[0] == "problem") is bool(expected)
    assert expected in credentials[1]
    with ledger.read() as connection:
        assert (Alarm.SENDING_STOPPED in raised(connection)) is bool(expected)
    assert ("sending resumes" in result.output) is not bool(expected)


def test_the_lines_own_number_in_the_directory_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWILIO_FROM", "+16036632180")
    assert "central-scheduling in line.yaml has a number of the line itself" in report()["directory"][1]


def test_broken_prompts_are_reported_with_file_and_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "line.yaml").write_text("hospital: [")
    monkeypatch.setenv("PROMPTS_DIR", str(tmp_path / "prompts"))
    assert "line.yaml:2" in report()["prompts"][1]


def test_connecting_asks_first_then_sets_the_webhooks_and_then_has_nothing_to_do(
    upgraded: None, account: FakeAccount
) -> None:
    account.numbers[0]["voice_application_sid"] = "AP" + "1" * 32
    refused = CliRunner().invoke(main, ["doctor", "--connect"], input="n\n")
    assert (refused.exit_code, account.updates) == (1, [])
    assert "voice_url: none → http://127.0.0.1:8000/voice" in refused.output
    assert report()["webhooks"][0] == "problem"
    fallback = "https://backup.example.org/fallback.xml"
    made = CliRunner().invoke(main, ["doctor", "--connect", "--fallback-url", fallback], input="y\n")
    assert made.exit_code == 0
    number = account.numbers[0]
    assert (number["voice_url"], number["sms_url"], number["status_callback"], number["voice_fallback_url"]) == (
        "http://127.0.0.1:8000/voice",
        "http://127.0.0.1:8000/sms",
        "http://127.0.0.1:8000/receipts/call/incoming",
        fallback,
    )
    assert number["voice_application_sid"] == ""
    assert report()["webhooks"][0] == "ok"
    again = CliRunner().invoke(main, ["doctor", "--connect", "--yes"])
    assert (again.exit_code, len(account.updates)) == (0, 1)
    assert "point here already" in again.output


def test_connecting_never_touches_a_number_that_is_not_the_lines(upgraded: None, account: FakeAccount) -> None:
    account.add_number("PN" + "9" * 32, "+16035550177")
    CliRunner().invoke(main, ["doctor", "--connect", "--yes"])
    assert [sid for sid, _ in account.updates] == [NUMBER_SID]


def test_an_account_without_the_lines_number_cannot_be_connected(upgraded: None, account: FakeAccount) -> None:
    account.numbers.clear()
    result = CliRunner().invoke(main, ["doctor", "--connect", "--yes"])
    assert (result.exit_code, account.updates) == (1, [])
    assert report()["webhooks"][0] == "problem"


def test_neither_the_report_nor_connecting_prints_a_secret_or_a_number(
    upgraded: None, account: FakeAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", "f3b1d5a79c02e846")
    monkeypatch.setenv("REDIS_URL", "redis://:queue-password-1x@127.0.0.1:1/0")
    outputs = [CliRunner().invoke(main, ["doctor", *more]).output for more in ([], ["--json"], ["--connect", "--yes"])]
    for output in outputs:
        assert output
        for secret in ("f3b1d5a79c02e846", "queue-password-1x", account.numbers[0]["phone_number"], "6035550100"):
            assert secret not in output


@pytest.mark.parametrize(
    "options", [["--yes"], ["--fallback-url", "https://x.example.org/"], ["--connect", "--fallback-url", "x"]]
)
def test_options_that_do_not_fit_are_wrong_use(options: list[str]) -> None:
    assert CliRunner().invoke(main, ["doctor", *options]).exit_code == 2


def test_the_fallback_says_the_numbers_in_both_languages_and_dials_central_scheduling(tmp_path: Path) -> None:
    path = tmp_path / "fallback.xml"
    assert CliRunner().invoke(main, ["doctor", "--write-fallback", str(path)]).exit_code == 0
    document = ElementTree.parse(path).getroot()
    assert [verb.tag for verb in document] == ["Say", "Say", "Dial"]
    for say in document.iter("Say"):
        spoken = "".join(say.itertext())
        assert all(number in spoken for number in ("603-663-2180", "603-668-3067", "603-663-4490"))
    assert [number.text for number in document.iter("Number")] == ["+16036632180"]
    assert [dial.get("timeLimit") for dial in document.iter("Dial")] == ["3600"]


def test_a_fallback_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["doctor", "--write-fallback", str(tmp_path / "no" / "where.xml")])
    assert result.exit_code == 2
    assert "cannot be written" in " ".join(result.output.split())
