"""`infoline doctor`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner

from ivr.cli import main
from ivr.ledger import open_ledger
from ivr.line.content.loader import Files, content_digest
from ivr.line.lint.runner import CheckReport, check_files
from ivr.settings import load


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


def test_everything_but_the_queue_is_fine_after_an_upgrade() -> None:
    open_ledger(load().database_url).upgrade()
    result = CliRunner().invoke(main, ["doctor"])
    assert [line.split()[1] for line in result.output.splitlines() if line[0] != " "] == [
        "fine",
        "missing",
        "fine",
        "fine",
        "fine",
    ]


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
