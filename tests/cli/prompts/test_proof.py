"""`infoline prompts proof`: what one text comes to, told to whoever writes it."""

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
    return lambda *words, **more: CliRunner().invoke(main, ["prompts", "proof", *words], **more)


def test_a_text_of_the_folder_is_told_piece_by_piece_on_80_columns(run):
    told = run("en/cancer")
    assert told.exit_code == 0
    assert "Spoken" in told.output
    assert "of 31" in told.output
    assert "of 3 segments" in told.output
    assert all(len(line) <= 80 for line in told.output.splitlines())
    assert json.loads(run("en/cancer", "--json").output)["text"]["segments"] == 2


def test_what_is_being_typed_is_proved_in_the_place_of_the_file(run):
    told = run("en/cancer", "-", input=CANCER.replace("Once more, {breast-health-center}.", "Call 603-555-0199."))
    assert told.exit_code == 1
    assert "no number of the directory" in told.output
    warned = run("en/cancer", "-", input=CANCER.replace("is checked further", "is checked prior to that"))
    assert (warned.exit_code, "hard-word" in warned.output) == (0, True)
    assert "cancer.md" in run("en/cancer", "-", input="no fields on top").output


@pytest.mark.parametrize("name", ["en/nothing", "cancer", "../etc/passwd"])
def test_a_name_that_is_no_text_is_told_in_a_sentence(run, name):
    told = run(name)
    assert told.exit_code == 2
    assert "like en/cancer" in told.output
