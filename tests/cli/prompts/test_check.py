"""`infoline prompts proof`: measures and findings for one prompt."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from ivr.cli import main
from tests.support.paths import ROOT

CANCER = (ROOT / "prompts/en/cancer.md").read_text()


@pytest.fixture
def run(monkeypatch, tmp_path):
    monkeypatch.setenv("VAR_DIR", str(tmp_path))
    return lambda *arguments, **options: CliRunner().invoke(main, ["prompts", "proof", *arguments], **options)


def test_a_prompt_of_the_folder_is_measured_part_by_part_on_80_columns(run):
    result = run("en/cancer")
    assert result.exit_code == 0
    assert "Spoken" in result.output
    assert "of 30" in result.output
    assert "of 3 segments" in result.output
    assert all(len(line) <= 80 for line in result.output.splitlines())
    assert json.loads(run("en/cancer", "--json").output)["text"]["segments"] == 3


def test_standard_input_is_checked_instead_of_the_file(run):
    result = run("en/cancer", "-", input=CANCER.replace("The number is {breast-health-center}.", "Call 603-555-0199."))
    assert result.exit_code == 1
    assert "is not in the directory" in result.output
    warned = run(
        "en/cancer", "-", input=CANCER.replace("So the doctors who read the pictures", "Prior to that, doctors")
    )
    assert (warned.exit_code, "hard-word" in warned.output) == (0, True)
    assert "cancer.md" in run("en/cancer", "-", input="no fields on top").output


@pytest.mark.parametrize("name", ["en/nothing", "cancer", "../etc/passwd"])
def test_an_unknown_prompt_is_refused_with_an_example_of_a_name(run, name):
    result = run(name)
    assert result.exit_code == 2
    assert "like en/cancer" in result.output
