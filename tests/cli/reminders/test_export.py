"""`infoline reminders export`: a file for the spreadsheet, from the command line."""

from __future__ import annotations

import csv
import json
from datetime import datetime

import pytest
from click.testing import CliRunner
from sqlalchemy import update

from ivr.cli import main
from ivr.ledger import Vault
from ivr.ledger.tables import person, text
from ivr.people.persons import get_or_create_persons
from tests.reminders.reports.test_export import DUE, HER, lines, write
from tests.support.clinic import NOW, at, row


@pytest.fixture
def own(clinic_for_commands):
    """A clinic that the command finds, with one batch."""
    clinic_for_commands.take(row(1, DUE, first_name="Zoë"), row(2, at(20)))
    return clinic_for_commands


def run(*words):
    return CliRunner().invoke(main, ["reminders", *words])


def test_the_command_writes_a_file_that_excel_reads(own, tmp_path):
    path = tmp_path / "texts.csv"
    result = run("export", "1", "-o", str(path))
    assert (result.exit_code, result.output) == (0, "6 texts of batch 1.\n")
    assert path.read_bytes().startswith(b"\xef\xbb\xbfappointment_id,number,starts_at,")
    assert "Zoë" not in path.read_text()
    assert "0101" in path.read_text()
    assert "603-555" not in path.read_text()
    told = json.loads(run("export", "1", "-o", str(path), "--numbers", "--json").output)
    assert told == {"batch": 1, "file": str(path), "texts": 6}
    with path.open(encoding="utf-8-sig", newline="") as file:
        found = list(csv.DictReader(file))
    assert found[0]["number"] == "603-555-0101"
    assert found[0]["first_name"] == "Zoë"
    assert datetime.fromisoformat(found[0]["starts_at"]) == datetime.fromisoformat(DUE)


def test_a_dash_is_standard_output_and_what_is_told_beside_it_is_not(own):
    result = run("export", "1", "-o", "-")
    assert result.stdout_bytes.startswith(b"\xef\xbb\xbfappointment_id,")
    assert result.stdout_bytes.count(b"\r\n") == 7
    assert result.stderr.endswith("6 texts of batch 1.\n")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("export", "7", "-o", "-"), "There is no batch 7."),
        (("export", "1", "-o", "/dev/null/texts.csv"), "The folder /dev/null is not there"),
        (("export", "1"), "Missing option '-o'"),
    ],
)
def test_wrong_use_is_one_sentence(own, words, sentence):
    result = run(*words)
    assert result.exit_code == 2
    assert sentence in result.stderr
    assert result.stdout == ""


def test_numbers_sealed_with_a_key_that_is_gone_are_told_and_leave_no_file(own, tmp_path):
    stranger = Vault([b"x" * 32])
    with own.ledger.write() as connection:
        get_or_create_persons(connection, own.vault, [HER], NOW)
        connection.execute(update(person).values(phone_sealed=stranger.seal(HER)))
    result = run("export", "1", "-o", str(tmp_path / "texts.csv"))
    assert result.exit_code == 2
    assert "PHONE_KEY" in result.stderr
    assert not (tmp_path / "texts.csv").exists()


def test_a_step_that_left_the_plan_keeps_its_line(clinic):
    clinic.take(row(1, DUE))
    clinic.send()
    write(clinic, update(text).where(text.c.step == "2d").values(step="old"))
    (old,) = [one for one in lines(clinic) if one["step"] == "old"]
    assert (old["state"], old["due_at"]) == ("handed_over", "")
